//! What an ELF file tells without its debug information: functions, and which kernel it is of.

use std::collections::HashMap;

use object::LittleEndian;
use object::elf::{ET_REL, FileHeader64, SHF_EXECINSTR, SHT_NOBITS, SHT_SYMTAB, STT_FUNC, STT_NOTYPE};
use object::read::elf::{FileHeader as _, SectionHeader as _, SectionTable, Sym as _};
use object::read::{ReadRef, SectionIndex};

/// Bytes of a banner that are read at most.
const MAX_BANNER: u64 = 1024;

/// A function.
#[derive(Clone, Copy, Debug)]
struct Function {
    address: u64,
    /// As the compiler has it; 0 for labels.
    size: u64,
    section: usize,
}

/// A symbol that can be where a function ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    section: usize,
    address: u64,
    is_function: bool,
}

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Elf {
    functions: HashMap<String, Vec<Function>>,
    /// In order.
    starts: Vec<Start>,
    /// It is linked later, as modules are.
    pub(super) is_module: bool,
    pub(super) has_debug_info: bool,
    /// `Linux version 6.12.1 (who@where) (compiler) #1 SMP ..`, of a module `6.12.1 SMP ..`
    banner: Option<String>,
}

/// Where a function is, or why that is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Known(u64),
    Unknown,
    /// There are functions of this name, of these sizes.
    OtherSize(Vec<u64>),
    /// More than one has this size.
    Ambiguous,
}

impl Elf {
    pub(super) fn parse<'a>(data: impl ReadRef<'a>) -> object::Result<Self> {
        let header = FileHeader64::<LittleEndian>::parse(data)?;
        header.endian()?;
        let sections = header.sections(LittleEndian, data)?;
        let mut elf = Self {
            is_module: header.e_type(LittleEndian) == ET_REL,
            has_debug_info: [".debug_info", ".zdebug_info"].iter().any(|name| has(&sections, name)),
            ..Self::default()
        };
        if elf.is_module {
            elf.banner = vermagic(data, &sections);
        }
        elf.read_symbols(data, &sections)?;
        Ok(elf)
    }

    fn read_symbols<'a, R: ReadRef<'a>>(
        &mut self,
        data: R,
        sections: &SectionTable<'a, FileHeader64<LittleEndian>, R>,
    ) -> object::Result<()> {
        let symbols = sections.symbols(LittleEndian, data, SHT_SYMTAB)?;
        for (number, symbol) in symbols.enumerate() {
            let Some(section) = symbols.symbol_section(LittleEndian, symbol, number)? else {
                continue;
            };
            let name = symbols.symbol_name(LittleEndian, symbol)?;
            if name == b"linux_banner" && !self.is_module {
                self.banner = banner(data, sections, section, symbol.st_value(LittleEndian));
            }
            let is_text = sections.section(section)?.sh_flags(LittleEndian) & u64::from(SHF_EXECINSTR) != 0;
            let is_code = matches!(symbol.st_type(), STT_FUNC | STT_NOTYPE);
            // `$x` and `.L1` are of the assembler, and no symbols to the kernel.
            if !is_text || !is_code || name.is_empty() || name.starts_with(b"$") || name.starts_with(b".L") {
                continue;
            }
            let function = Function {
                address: symbol.st_value(LittleEndian),
                size: symbol.st_size(LittleEndian),
                section: section.0,
            };
            self.starts.push(Start {
                section: section.0,
                address: function.address,
                is_function: symbol.st_type() == STT_FUNC,
            });
            let name = String::from_utf8_lossy(name).into_owned();
            self.functions.entry(name).or_default().push(function);
        }
        self.starts.sort_unstable();
        Ok(())
    }

    /// The function of this name and size.
    pub(super) fn address(&self, name: &str, size: u64) -> Address {
        let Some(same) = self.functions.get(name) else {
            return Address::Unknown;
        };
        let mut fitting: Vec<_> = same.iter().filter(|function| self.fits(function, size)).collect();
        fitting.dedup_by_key(|function| function.address);
        match fitting.as_slice() {
            [one] => Address::Known(one.address),
            [] => Address::OtherSize(same.iter().map(|function| self.extent(function)).collect()),
            _ => Address::Ambiguous,
        }
    }

    /// The function of a name that no other has.
    pub(super) fn only(&self, name: &str) -> Option<u64> {
        match self.functions.get(name)?.as_slice() {
            [one] => Some(one.address),
            _ => None,
        }
    }

    /// Whether the kernel says that the function has this size. It counts to the next symbol, so with what is between functions (`get_symbol_pos()` in
    /// kernel/kallsyms.c). Not all symbols of the file are symbols to the kernel, but it has all functions.
    fn fits(&self, function: &Function, size: u64) -> bool {
        let mut next = self.after(function).peekable();
        if next.peek().is_none() {
            // Where the section ends only who links it knows.
            return size >= function.size;
        }
        let to = |start: &Start| start.address - function.address;
        let any = next.peek().map(to);
        let next_function = next.find(|start| start.is_function);
        size == function.size || Some(size) == any || next_function.as_ref().map(to) == Some(size)
    }

    /// Bytes to the next symbol.
    fn extent(&self, function: &Function) -> u64 {
        let next = self.after(function).next();
        next.map_or(function.size, |next| next.address - function.address)
    }

    /// What begins behind the begin of a function, in its section.
    fn after(&self, function: &Function) -> impl Iterator<Item = Start> + '_ {
        let &Function { address, section, .. } = function;
        let position = self
            .starts
            .partition_point(|start| (start.section, start.address) <= (section, address));
        let behind = self.starts.get(position..).unwrap_or_default().iter().copied();
        behind.take_while(move |start| start.section == section)
    }

    /// `uname -r` of its kernel.
    pub(super) fn release(&self) -> Option<&str> {
        let banner = self.banner.as_deref()?;
        let banner = banner.strip_prefix("Linux version ").unwrap_or(banner);
        banner.split_whitespace().next()
    }

    /// `uname -v`: what stands behind the compiler.
    pub(super) fn version(&self) -> Option<&str> {
        let (_, version) = self.banner.as_deref()?.rsplit_once(") #")?;
        let begin = self.banner.as_deref()?.len() - version.len() - 1;
        self.banner.as_deref()?.get(begin..).map(str::trim)
    }
}

fn has<'a, R: ReadRef<'a>>(sections: &SectionTable<'a, FileHeader64<LittleEndian>, R>, name: &str) -> bool {
    let found = sections.section_by_name(LittleEndian, name.as_bytes());
    found.is_some_and(|(_, section)| section.sh_type(LittleEndian) != SHT_NOBITS)
}

/// `vermagic=6.12.1 SMP preempt mod_unload` in `.modinfo`: strings with zeros between them. Not in a file of debug information alone.
fn vermagic<'a, R: ReadRef<'a>>(data: R, sections: &SectionTable<'a, FileHeader64<LittleEndian>, R>) -> Option<String> {
    let (_, section) = sections.section_by_name(LittleEndian, b".modinfo")?;
    let strings = section.data(LittleEndian, data).ok()?.split(|&byte| byte == 0);
    let mut magic = strings.filter_map(|string| string.strip_prefix(b"vermagic="));
    magic.next().map(|magic| String::from_utf8_lossy(magic).into_owned())
}

/// `linux_banner` of init/version.c.
fn banner<'a, R: ReadRef<'a>>(
    data: R,
    sections: &SectionTable<'a, FileHeader64<LittleEndian>, R>,
    section: SectionIndex,
    address: u64,
) -> Option<String> {
    let section = sections.section(section).ok()?;
    if section.sh_type(LittleEndian) == SHT_NOBITS {
        return None;
    }
    let inside = address.checked_sub(section.sh_addr(LittleEndian))?;
    let rest = section.sh_size(LittleEndian).checked_sub(inside)?;
    let offset = section.sh_offset(LittleEndian).checked_add(inside)?;
    let bytes = data.read_bytes_at(offset, rest.min(MAX_BANNER)).ok()?;
    let text = bytes.split(|&byte| byte == 0 || byte == b'\n').next()?;
    let text = String::from_utf8_lossy(text).into_owned();
    text.starts_with("Linux version ").then_some(text)
}
