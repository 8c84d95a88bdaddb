//! `--vmlinux`: lines of the source from files that the C compiler makes, in the shapes of a vmlinux and of a module.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use object::LittleEndian;
use object::read::elf::ElfFile64;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _};
use support::program::program;
use support::read;
use tempfile::TempDir;
use tracer::analysis::snapshot::{Place, Snapshot, Source};
use tracer::analysis::source;
use tracer::report::{mail, text};

const MAIN: &str = include_str!("source/main.c");
const DEV: &str = include_str!("source/dev.c");
const TAKE: &str = include_str!("source/take.h");

/// A kernel's source and what is built of it.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let files = [("init/main.c", MAIN), ("net/core/dev.c", DEV), ("include/take.h", TAKE)];
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn cc(&self, args: &[&str]) {
        let output = Command::new("cc")
            .current_dir(self.0.path())
            .args(["-O2", "-ffunction-sections", "-fno-pie", "-Iinclude"])
            .args(args)
            .output()
            .expect("a C compiler");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn vmlinux(&self, args: &[&str]) -> PathBuf {
        let link = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,-e,outer"];
        let files = ["init/main.c", "net/core/dev.c", "-o", "vmlinux"];
        self.cc(&[args, &link, &files].concat());
        self.path("vmlinux")
    }

    fn module(&self, args: &[&str]) -> PathBuf {
        self.cc(&[args, &["-c", "net/core/dev.c", "-o", "dlock-x.ko"]].concat());
        self.path("dlock-x.ko")
    }
}

/// Address and size of the symbols of a name.
fn symbols(file: &Path, name: &str) -> Vec<(u64, u64)> {
    let bytes = fs::read(file).expect("a file");
    let elf = ElfFile64::<LittleEndian>::parse(&*bytes).expect("an ELF file");
    let same = elf.symbols().filter(|symbol| symbol.name() == Ok(name));
    same.map(|symbol| (symbol.address(), symbol.size())).collect()
}

/// The only symbol of a name.
fn symbol(file: &Path, name: &str) -> (u64, u64) {
    let found = symbols(file, name);
    assert_eq!(found.len(), 1, "{name}");
    found.first().copied().expect("one")
}

/// The frame of `outer` that returns to a label in it.
fn returning_to(file: &Path, label: &str) -> String {
    let (begin, size) = symbol(file, "outer");
    format!("outer+{:#x}/{size:#x}", symbol(file, label).0 - begin)
}

/// The line of a mark.
fn line(text: &str, mark: &str) -> u32 {
    let mark = format!("/* mark: {mark} */");
    let found = (1..).zip(text.lines()).find(|(_, line)| line.contains(&mark));
    found.expect("a mark").0
}

fn place(function: &str, file: &str, line: u32) -> Place {
    let (function, file) = (function.to_string(), file.to_string());
    Place { function, file, line }
}

/// An inversion whose requests are at these frames.
fn trace(frames: &[String]) -> String {
    let last = frames.last().expect("a frame");
    let mut out = format!("T1|acq(A)|{last}\n");
    for (number, frame) in frames.iter().enumerate() {
        out += &format!("T1|acq(B{number})|{frame}\nT1|rel(B{number})|\n");
    }
    out += "T1|rel(A)|\n";
    for (number, frame) in frames.iter().enumerate() {
        out += &format!("T2|acq(B{number})|{frame}\nT2|acq(A)|{last}\nT2|rel(A)|\nT2|rel(B{number})|\n");
    }
    out
}

fn filled(frames: &[String], files: &[PathBuf]) -> (Snapshot, Vec<String>) {
    let mut snapshot = read(&trace(frames));
    let warnings = source::fill(&mut snapshot, files).expect("lines");
    (snapshot, warnings)
}

fn places(snapshot: &Snapshot, frame: &str) -> Vec<Place> {
    let found = snapshot.sources.iter().find(|source| source.frame == frame);
    found.map(|source| source.places.clone()).unwrap_or_default()
}

/// `tracer report` of a report of kernel 6.1.0-test.
fn report(frames: &[String], files: &[&Path], args: &[&str]) -> Output {
    let mut snapshot = read(&trace(frames));
    snapshot.kernel.release = Some("6.1.0-test".to_string());
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("report.json");
    fs::write(&path, serde_json::to_string(&snapshot).expect("JSON")).expect("a file");
    let mut command = program();
    command.arg("report").arg(&path).args(args);
    for file in files {
        command.arg("--vmlinux").arg(file);
    }
    command.output().expect("tracer runs")
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn a_vmlinux_tells_lines_and_inlined_functions() {
    let tree = Tree::new();
    let file = tree.vmlinux(&["-g"]);
    let (nop, take) = (returning_to(&file, "after_nop"), returning_to(&file, "after_take"));
    let (snapshot, _) = filled(&[nop.clone(), take.clone()], &[file]);
    assert_eq!(
        places(&snapshot, &nop),
        [place("outer", "net/core/dev.c", line(DEV, "nop"))]
    );
    assert_eq!(
        places(&snapshot, &take),
        [
            place("take", "include/take.h", line(TAKE, "take")),
            place("outer", "net/core/dev.c", line(DEV, "call"))
        ]
    );
}

#[test]
fn a_module_tells_them_for_its_frames_and_a_vmlinux_for_the_others() {
    let tree = Tree::new();
    let (module, vmlinux) = (tree.module(&["-g", "-DMAGIC=\"6.1.0-test\""]), tree.vmlinux(&["-g"]));
    let in_kernel = returning_to(&vmlinux, "after_nop");
    // All sections of a module begin at 0: `other` is where `outer` is.
    assert_eq!(symbol(&module, "other").0, symbol(&module, "outer").0);
    let inside = format!("{} [dlock_x]", returning_to(&module, "after_take"));
    let other = format!("other+0x1/{:#x} [dlock_x]", symbol(&module, "other").1);
    let elsewhere = format!("{} [mlx5_core]", returning_to(&module, "after_take"));
    let frames = [in_kernel.clone(), inside.clone(), other.clone(), elsewhere.clone()];
    let (snapshot, _) = filled(&frames, &[module, vmlinux]);
    let top = place("outer", "net/core/dev.c", line(DEV, "nop"));
    assert_eq!(places(&snapshot, &in_kernel), [top]);
    assert_eq!(
        places(&snapshot, &inside),
        [
            place("take", "include/take.h", line(TAKE, "take")),
            place("outer", "net/core/dev.c", line(DEV, "call"))
        ]
    );
    let found = places(&snapshot, &other);
    assert_eq!(found.len(), 1);
    let function = found.first().expect("one");
    assert!(function.function == "other" && function.line.abs_diff(line(DEV, "other")) <= 2);
    assert_eq!(places(&snapshot, &elsewhere), []);
}

#[test]
fn compressed_debug_information_is_read() {
    let tree = Tree::new();
    let file = tree.vmlinux(&["-g", "-gz=zlib"]);
    let nop = returning_to(&file, "after_nop");
    let (snapshot, _) = filled(std::slice::from_ref(&nop), &[file]);
    assert_eq!(places(&snapshot, &nop).len(), 1);
}

#[test]
fn what_is_not_certain_has_no_line() {
    let tree = Tree::new();
    let file = tree.vmlinux(&["-g"]);
    let good = returning_to(&file, "after_nop");
    let twin = symbols(&file, "twin");
    assert!(twin.len() == 2 && twin.first().map(|twin| twin.1) == twin.last().map(|twin| twin.1));
    let twin = format!("twin+0x1/{:#x}", twin.first().expect("two").1);
    let (_, small) = symbols(&file, "pair")
        .into_iter()
        .min_by_key(|pair| pair.1)
        .expect("two");
    let pair = format!("pair+0x1/{small:#x}");
    let (_, size) = symbol(&file, "other");
    let longer = format!("other+0x1/{:#x}", size + 0x1000);
    let nobody = "nobody+0x1/0x20".to_string();
    let unsized_frame = "outer+0x5".to_string();
    let frames = [&good, &twin, &pair, &longer, &nobody, &unsized_frame].map(Clone::clone);
    let (snapshot, warnings) = filled(&frames, &[file]);
    for frame in [&twin, &longer, &nobody, &unsized_frame] {
        assert_eq!(places(&snapshot, frame), [], "{frame}");
    }
    assert_eq!(places(&snapshot, &good).len(), 1);
    let found = places(&snapshot, &pair);
    let chosen = found.first().expect("the one of this size");
    assert!(chosen.file == "net/core/dev.c" && chosen.line.abs_diff(line(DEV, "pair")) <= 2);
    let all = warnings.join("\n");
    for part in [
        "the report does not tell its release",
        "another size, such as other",
        "more than once in that size, such as twin",
        "does not have, such as nobody",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn a_file_of_another_kernel_is_refused() {
    let tree = Tree::new();
    let file = tree.vmlinux(&["-g", "-DBANNER=\"6.1.0-test\""]);
    let good = returning_to(&file, "after_nop");
    let output = report(std::slice::from_ref(&good), &[&file], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        shown.contains(&format!("(net/core/dev.c:{})", line(DEV, "nop"))),
        "{shown}"
    );

    let (_, size) = symbol(&file, "other");
    let bad = [format!("other+0x1/{:#x}", size + 0x1000)];
    let error = refused(&report(&bad, &[&file], &[]));
    assert!(
        error.contains("1 of 1 functions are of another size, such as other"),
        "{error}"
    );

    let other = tree.vmlinux(&["-g", "-DBANNER=\"6.2.0-test\""]);
    let error = refused(&report(std::slice::from_ref(&good), &[&other], &[]));
    let expected = "is of kernel 6.2.0-test, the report is of kernel 6.1.0-test";
    assert!(error.contains(expected), "{error}");

    let module = tree.module(&["-g", "-DMAGIC=\"6.2.0-test\""]);
    let error = refused(&report(&[good], &[&module], &[]));
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_no_debug_file_is_refused() {
    let tree = Tree::new();
    let frames = ["outer+0x1/0x20".to_string()];
    let without = tree.vmlinux(&[]);
    let error = refused(&report(&frames, &[&without], &[]));
    assert!(error.contains("has no debug information"), "{error}");
    assert!(error.contains("install linux-image-6.1.0-test-dbg"), "{error}");
    let error = refused(&report(&frames, &[&tree.path("init/main.c")], &[]));
    assert!(error.contains("no vmlinux and no module"), "{error}");
    let error = refused(&report(&frames, &[&tree.path("not-there")], &[]));
    assert!(error.contains("No such file"), "{error}");
    let error = refused(&report(&frames, &[&tree.path("init")], &[]));
    assert!(error.contains("no regular file"), "{error}");
    let file = tree.vmlinux(&["-g"]);
    let error = refused(&report(&frames, &[&file, &file], &[]));
    assert!(error.contains("are for the same code"), "{error}");
    // Cut off in its middle, as by a full disk.
    let bytes = fs::read(&file).expect("a file");
    fs::write(&file, bytes.get(..bytes.len() / 2).expect("a half")).expect("a file");
    refused(&report(&frames, &[&file], &[]));
}

/// The bytes of a section.
fn section(file: &[u8], name: &str) -> Range<usize> {
    let elf = ElfFile64::<LittleEndian>::parse(file).expect("an ELF file");
    let found = elf.section_by_name(name).and_then(|section| section.file_range());
    let (begin, size) = found.expect("a section");
    let begin = usize::try_from(begin).expect("an offset");
    begin..begin + usize::try_from(size).expect("a size")
}

#[test]
fn damaged_debug_information_costs_its_lines_only() {
    let tree = Tree::new();
    let (file, module) = (
        tree.vmlinux(&["-g", "-DBANNER=\"6.1.0-test\""]),
        tree.module(&["-g", "-DMAGIC=\"6.1.0-test\""]),
    );
    let inside = format!("{} [dlock_x]", returning_to(&module, "after_take"));
    let frames = [
        returning_to(&file, "after_nop"),
        returning_to(&file, "after_take"),
        inside.clone(),
    ];
    let whole = fs::read(&file).expect("a file");
    let plain = report(&frames, &[], &[]).stdout;
    let (mut panicked, mut told) = (0, 0);
    for name in [".debug_line", ".debug_info", ".debug_abbrev", ".debug_str"] {
        for at in section(&whole, name) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&file, damaged).expect("a file");
            let (snapshot, warnings) = filled(&frames, &[file.clone(), module.clone()]);
            let all = warnings.join("\n");
            told += usize::from(all.contains("no lines: "));
            assert_eq!(
                places(&snapshot, &inside).len(),
                2,
                "the other file has its lines, {name} {at}"
            );
            if all.contains("vmlinux: no lines: its debug information is damaged") && panicked == 0 {
                panicked += 1;
                let output = report(&frames, &[&file], &[]);
                assert_eq!(output.status.code(), Some(1), "{output:?}");
                assert_eq!(output.stdout, plain);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(
                    said.contains("no lines: its debug information is damaged") && !said.contains("panicked"),
                    "{said}"
                );
            }
        }
    }
    assert!(panicked > 0 && told > panicked, "{panicked} {told}");
}

/// A document with lines that fit, that do not, and with inlined functions.
fn with_sources() -> Snapshot {
    let frames = [
        "outer+0x5/0x20",
        "a_function_with_a_long_name_in_a_module+0x11c/0x2f0 [mlx5_core]",
    ];
    let mut snapshot = read(&trace(&frames.map(str::to_string)));
    let long = "drivers/net/ethernet/mellanox/mlx5/core/lib/devcom.c";
    snapshot.sources = vec![
        Source {
            frame: frames[0].to_string(),
            places: vec![
                place("mutex_lock_in_here", "include/linux/mutex.h", 45),
                place("mlx5_devcom_comp_lock_with_a_long_name", long, 1234),
                place("outer", "net/core/dev.c", 123),
            ],
        },
        Source {
            frame: frames[1].to_string(),
            places: vec![place("a_function_with_a_long_name_in_a_module", long, 77)],
        },
    ];
    snapshot
}

#[test]
fn lines_in_text_and_mail() {
    let text = text::render(&with_sources(), text::Options::default());
    insta::assert_snapshot!("source_text", text);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!("source_mail", mail::render(&with_sources(), false));
}

#[test]
fn documents_with_lines_are_read_back_and_without_them_are_as_before() {
    let snapshot = with_sources();
    let json = serde_json::to_string(&snapshot).expect("JSON");
    assert_eq!(
        tracer::import::read_from("report", json.as_bytes()).expect("a report"),
        snapshot
    );
    let without = read("T1|acq(A)|1\nT1|acq(A)|2\n");
    assert!(!serde_json::to_string(&without).expect("JSON").contains("sources"));
}

#[test]
fn a_trace_in_lines_tells_them_at_its_end() {
    let mut out = Vec::new();
    let mut told = tracer::report::live::Live::default();
    told.write(&with_sources(), false, &mut out).expect("lines");
    assert!(!String::from_utf8_lossy(&out).contains(r#""type":"source""#));
    out.clear();
    told.write(&with_sources(), true, &mut out).expect("lines");
    let lines = String::from_utf8(out).expect("UTF-8");
    let types: Vec<_> = lines.lines().filter_map(|line| line.split('"').nth(3)).collect();
    assert_eq!(types.last_chunk(), Some(&["source", "source", "end"]), "{lines}");
}

#[test]
fn redacting_hides_folders_outside_of_the_kernel() {
    let mut snapshot = with_sources();
    for place in snapshot.sources.iter_mut().flat_map(|source| &mut source.places) {
        place.file = format!("/home/me/{}", place.file);
    }
    let redacted = tracer::report::redact::redact(&snapshot);
    let places = redacted.sources.iter().flat_map(|source| &source.places);
    let files: Vec<_> = places.map(|place| place.file.as_str()).collect();
    assert_eq!(files, ["mutex.h", "devcom.c", "dev.c", "devcom.c"]);
}
