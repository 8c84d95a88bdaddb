//! Kernel symbols as data: the text of `/proc/kallsyms` in, `function+0x1c/0x80 [module]` out.

mod known;
mod part;

use std::collections::HashMap;
use std::{
    hash::{BuildHasher as _, BuildHasherDefault},
    sync::OnceLock,
};

use hashbrown::HashTable;
use known::Known;
use part::Notes;
pub use part::Symbol;
use rustc_hash::{FxHashMap, FxHasher};

/// What is shown for an address that no symbol covers. The address itself never is: a report goes to public lists.
pub const UNKNOWN: &str = "unknown";

/// Further from its symbol than this an address belongs to something that has no symbol.
const MAX_OFFSET: u64 = 1 << 24;

/// No variable with a lock in it is larger.
const MAX_VARIABLE: u64 = 1 << 20;

/// The symbol behind the last function of the kernel (`include/asm-generic/sections.h`).
const TEXT_END: &str = "_etext";

/// The symbols of a kernel and its modules, sorted by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Where the kernel's own text ends; 0 when no symbol tells.
    text_end: u64,
    /// All names one after the other.
    names: String,
    entries: Vec<Entry>,
    /// Index 0 is the kernel itself.
    modules: Vec<Box<str>>,
    /// Entries by the hash of their names, made when first asked for.
    by_name: OnceLock<HashTable<u32>>,
    /// In a part of a table: the place of each entry in the whole.
    places: Vec<u32>,
    notes: Notes,
    known: Known,
}

/// A function in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent<'a> {
    /// Its first byte.
    pub start: u64,
    /// Behind its last one; padding may be in it.
    pub end: u64,
    /// Its name.
    pub name: &'a str,
    /// Its module; none for the kernel itself.
    pub module: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    name: u32,
    length: u16,
    module: u16,
    kind: u8,
}

impl Symbols {
    /// Reads lines of `address type name [module]`. Lines of any other form and symbols whose address the kernel hides (zero,
    /// `kptr_restrict`) are left out, so a table that one may not read is an empty one.
    pub fn parse(text: &str) -> Self {
        let mut symbols = Self {
            modules: vec!["".into()],
            ..Self::default()
        };
        symbols.names.reserve(text.len() / 2);
        symbols.entries.reserve(text.len() / 40);
        let mut modules: HashMap<&str, u16> = HashMap::new();
        for line in text.lines() {
            symbols.add(line, &mut modules);
        }
        symbols.names.shrink_to_fit();
        symbols.entries.shrink_to_fit();
        let mut entries = std::mem::take(&mut symbols.entries);
        // Stable, so that symbols at one address keep the kernel's order.
        entries.sort_by_key(|entry| entry.address);
        symbols.entries = entries;
        symbols
    }

    fn add<'a>(&mut self, line: &'a str, modules: &mut HashMap<&'a str, u16>) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(address), Some(kind), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
            return;
        };
        let Ok(address) = u64::from_str_radix(address, 16) else {
            return;
        };
        let (&[kind], Ok(start), Ok(length)) = (
            kind.as_bytes(),
            u32::try_from(self.names.len()),
            u16::try_from(name.len()),
        ) else {
            return;
        };
        if address == 0 {
            return;
        }
        let module = match fields
            .next()
            .map(|field| field.trim_start_matches('[').trim_end_matches(']'))
        {
            None => 0,
            Some(module) => match modules.get(module) {
                Some(&number) => number,
                None => {
                    let Ok(number) = u16::try_from(self.modules.len()) else {
                        return;
                    };
                    self.modules.push(module.into());
                    modules.insert(module, number);
                    number
                }
            },
        };
        if name == TEXT_END && module == 0 {
            self.text_end = address;
        }
        self.names.push_str(name);
        self.entries.push(Entry {
            address,
            name: start,
            length,
            module,
            kind,
        });
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// A frame as the kernel prints it (`%pS`): `function+0x1c/0x80 [module]`, or `unknown`.
    pub fn describe(&self, address: u64) -> String {
        let Some((entry, end)) = self.text_at(address) else {
            return UNKNOWN.to_string();
        };
        let offset = address - entry.address;
        let mut frame = format!("{}+{offset:#x}/{:#x}", self.name(entry), end - entry.address);
        if let Some(module) = self.module(entry) {
            frame.push_str(&format!(" [{module}]"));
        }
        frame
    }

    /// The function that an address is in.
    pub fn function(&self, address: u64) -> Option<&str> {
        self.text_at(address).map(|(entry, _)| self.name(entry))
    }

    /// The module that an address is in; none for the kernel itself.
    pub fn module_at(&self, address: u64) -> Option<&str> {
        self.text_at(address).and_then(|(entry, _)| self.module(entry))
    }

    /// The module whose nearest symbol stands before an address: its strings have none of their own.
    pub fn module_near(&self, address: u64) -> Option<&str> {
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let nearest = self.entry_at(after.checked_sub(1)?)?;
        self.module(nearest)
    }

    /// The variable that starts at this address and its module: names locks that are variables of their own.
    pub fn data(&self, address: u64) -> Option<(&str, Option<&str>)> {
        let best = self
            .entries_at(address)
            .filter(|&entry| self.is_data(entry))
            .min_by_key(|&entry| self.rank(entry))?;
        Some((self.name(best), self.module(best)))
    }

    /// The function that an address is in: where it starts and ends, its name and module.
    pub fn extent(&self, address: u64) -> Option<Extent<'_>> {
        let (entry, end) = self.text_at(address)?;
        Some(Extent {
            start: entry.address,
            end,
            name: self.name(entry),
            module: self.module(entry),
        })
    }

    /// Every name of the function that starts at an address.
    pub fn names_at(&self, address: u64) -> impl Iterator<Item = &str> {
        self.entries_at(address).map(|entry| self.name(entry))
    }

    /// Where the text of a module begins and ends, as far as symbols tell; the kernel's own has the empty name.
    pub fn text_of(&self, module: &str) -> Option<(u64, u64)> {
        if module.is_empty() {
            return self.only("_stext", None).map(|start| (start, self.text_end));
        }
        let mut functions = self
            .entries
            .iter()
            .filter(|&&entry| self.module(entry) == Some(module) && self.is_text(entry))
            .map(|entry| entry.address);
        let first = functions.next()?;
        // The last function ends somewhere in its page.
        Some((first, functions.next_back().unwrap_or(first) | 0xfff))
    }

    /// The variable that an address is inside of, how far, and its module.
    pub fn inside(&self, address: u64) -> Option<(&str, u64, Option<&str>)> {
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let (nearest, next) = (self.entry_at(after.checked_sub(1)?)?, self.entry_at(after)?);
        let offset = address - nearest.address;
        let (name, module) = self.data(nearest.address)?;
        (nearest.module == next.module && offset < MAX_VARIABLE).then_some((name, offset, module))
    }

    /// Where the only function or variable of this name is, in a module or in the kernel itself; none when there are several.
    pub fn only(&self, name: &str, module: Option<&str>) -> Option<u64> {
        let mut same = self.named(name).filter(|&entry| self.module(entry) == module);
        let only = same.next()?;
        same.next().is_none().then_some(only.address)
    }

    /// Where a symbol is: the kernel's own before a module's, text before data, a global one before a local one.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.named(name)
            .min_by_key(|&entry| (entry.module != 0, !self.is_text(entry), entry.kind.is_ascii_lowercase()))
            .map(|entry| entry.address)
    }

    /// All symbols of a name, in the order of their addresses.
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Entry> + 'a {
        let same = self.by_name().iter_hash(hash(name)).copied();
        let mut same: Vec<u32> = same.filter(|&index| self.name_of(index) == name).collect();
        same.sort_unstable();
        same.into_iter().filter_map(|index| self.entry_at(index as usize))
    }

    /// All symbols at an address.
    fn entries_at(&self, address: u64) -> impl Iterator<Item = Entry> {
        let first = self.entries.partition_point(|entry| entry.address < address);
        (first..)
            .take_while(move |&index| self.entries.get(index).is_some_and(|entry| entry.address == address))
            .filter_map(|index| self.entry_at(index))
    }

    /// An entry that an answer rests on.
    fn entry_at(&self, index: usize) -> Option<Entry> {
        self.notes.mark(index);
        self.entries.get(index).copied()
    }

    fn by_name(&self) -> &HashTable<u32> {
        self.by_name.get_or_init(|| {
            let rehash = |&index: &u32| hash(self.name_of(index));
            let mut table = HashTable::with_capacity(self.entries.len());
            for index in (0u32..).take(self.entries.len()) {
                table.insert_unique(rehash(&index), index, rehash);
            }
            table
        })
    }

    /// A function. From 7.1 on the letters of some of the kernel's variables are those of functions: beyond the text there is none, whatever it says.
    fn is_text(&self, entry: Entry) -> bool {
        matches!(entry.kind, b'T' | b't' | b'W' | b'w') && !self.is_beyond_text(entry)
    }

    /// A variable.
    fn is_data(&self, entry: Entry) -> bool {
        matches!(entry.kind.to_ascii_lowercase(), b'd' | b'b' | b'r' | b'g' | b's' | b'v') || self.is_beyond_text(entry)
    }

    fn is_beyond_text(&self, entry: Entry) -> bool {
        entry.module == 0 && self.text_end != 0 && entry.address >= self.text_end
    }

    fn name_of(&self, index: u32) -> &str {
        self.entries.get(index as usize).map_or("", |&entry| self.name(entry))
    }

    /// Where symbols are, in the order of `names`, 0 for one that there is not: the kernel's own before a module's, text before data, a global
    /// one before a local one. All at once, because it looks at every symbol.
    pub fn addresses(&self, names: &[&str]) -> Vec<u64> {
        let mut best: FxHashMap<&str, Option<(usize, Entry)>> = names.iter().map(|&name| (name, None)).collect();
        let rank = |entry: Entry| (entry.module != 0, !self.is_text(entry), entry.kind.is_ascii_lowercase());
        for (index, &entry) in self.entries.iter().enumerate() {
            if let Some(found) = best.get_mut(self.name(entry))
                && found.is_none_or(|(_, found)| rank(entry) < rank(found))
            {
                *found = Some((index, entry));
            }
        }
        let found = |name: &&str| best.get(name).copied().flatten();
        let address = |(index, entry): (usize, Entry)| {
            self.notes.mark(index);
            entry.address
        };
        names.iter().map(|name| found(name).map_or(0, address)).collect()
    }

    fn name(&self, entry: Entry) -> &str {
        let start = entry.name as usize;
        self.names
            .get(start..start + usize::from(entry.length))
            .unwrap_or_default()
    }

    fn module(&self, entry: Entry) -> Option<&str> {
        self.modules
            .get(usize::from(entry.module))
            .map(|module| &**module)
            .filter(|module| !module.is_empty())
    }

    /// The text symbol an address is in, and where that ends.
    fn text_at(&self, address: u64) -> Option<(Entry, u64)> {
        self.known.get(address).unwrap_or_else(|| {
            let found = self.find_text_at(address);
            // What was asked without a note may have to be noted another time.
            if self.notes.are_complete() {
                self.known.put(address, found);
            }
            found
        })
    }

    fn find_text_at(&self, address: u64) -> Option<(Entry, u64)> {
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let nearest = self.entries.get(after.checked_sub(1)?)?.address;
        // All of them, and what stands behind, whether they are functions or not: without them another function would be the nearest.
        let next = self.entry_at(after);
        let best = self
            .entries_at(nearest)
            .filter(|&entry| self.is_text(entry))
            .min_by_key(|&entry| self.rank(entry))?;
        let next = next.filter(|next| next.module == best.module).map(|next| next.address);
        if address - best.address >= MAX_OFFSET {
            return None;
        }
        // The last function of a module ends somewhere in its last page; nothing tells where.
        let end = next.unwrap_or_else(|| best.address.saturating_add(((address - best.address) | 0xfff) + 1));
        Some((best, end))
    }

    /// Smaller is the better name among those at one address.
    fn rank(&self, entry: Entry) -> (bool, bool, usize, usize, &str) {
        let name = self.name(entry);
        let alias = name.starts_with("__pfx_") || name.starts_with("__cfi_") || name.contains(".cold");
        let underscores = name.len() - name.trim_start_matches('_').len();
        (alias, entry.kind.is_ascii_lowercase(), underscores, name.len(), name)
    }
}

fn hash(name: &str) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000000 T startup_64
ffffffff81000100 t __pfx_cleanup_net
ffffffff81000110 t cleanup_net
ffffffff81000110 T __cleanup_net_alias
ffffffff81000400 T down_write
ffffffff81000450 t down_write.cold
ffffffff82000000 D pernet_ops_rwsem
ffffffff82000040 d rtnl_mutex
ffffffff82000040 D __rtnl
ffffffffc0000000 t mlx5_unload\t[mlx5_core]
ffffffffc0000080 b intf_mutex\t[mlx5_core]
ffffffffc1000000 t last\t[tail]
garbage
";

    #[test]
    fn frames_read_as_the_kernel_prints_them() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(symbols.describe(0xffffffff8100041c), "down_write+0x1c/0x50");
        assert_eq!(
            symbols.describe(0xffffffffc0000010),
            "mlx5_unload+0x10/0x80 [mlx5_core]"
        );
        assert_eq!(symbols.describe(0xffffffffc1000010), "last+0x10/0x1000 [tail]");
        assert_eq!(symbols.describe(0xffffffff81000460), "down_write.cold+0x10/0xfffbb0");
    }

    #[test]
    fn a_global_symbol_is_preferred_and_a_pfx_alias_is_not() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(symbols.function(0xffffffff81000120), Some("__cleanup_net_alias"));
        assert_eq!(symbols.function(0xffffffff81000000), Some("startup_64"));
    }

    #[test]
    fn what_no_symbol_covers_is_unknown_and_never_an_address() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(symbols.describe(0x1000), UNKNOWN);
        assert_eq!(symbols.describe(0xffffffffff000000), UNKNOWN);
        assert_eq!(symbols.describe(0xffffffff82000010), UNKNOWN, "data is no frame");
        assert_eq!(Symbols::default().describe(0xffffffff81000010), UNKNOWN);
        assert!(Symbols::parse("0000000000000000 T down_write\n").is_empty());
    }

    #[test]
    fn data_is_matched_exactly() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(symbols.data(0xffffffff82000000), Some(("pernet_ops_rwsem", None)));
        assert_eq!(
            symbols.data(0xffffffffc0000080),
            Some(("intf_mutex", Some("mlx5_core")))
        );
        assert_eq!(symbols.data(0xffffffff82000008), None);
        assert_eq!(symbols.data(0xffffffff81000400), None, "text is no data");
    }

    #[test]
    fn beyond_the_text_everything_is_data_whatever_its_letter() {
        let with_end = Symbols::parse(
            "\
ffffffff81000000 t cleanup_net
ffffffff81000800 T _etext
ffffffff82000000 t net_cleanup_work
ffffffff82000040 T cpu_hotplug_lock
ffffffffc0000000 t dlock_init\t[dlock]
",
        );
        assert_eq!(with_end.data(0xffffffff82000000), Some(("net_cleanup_work", None)));
        assert_eq!(with_end.data(0xffffffff82000040), Some(("cpu_hotplug_lock", None)));
        assert_eq!(with_end.describe(0xffffffff82000008), UNKNOWN, "data is no frame");
        assert_eq!(with_end.function(0xffffffff81000004), Some("cleanup_net"));
        assert_eq!(with_end.data(0xffffffff81000000), None, "text is no data");
        assert_eq!(with_end.data(0xffffffffc0000000), None, "a module's letters are right");
        assert_eq!(with_end.function(0xffffffffc0000004), Some("dlock_init"));
        let without_end = Symbols::parse("ffffffff82000000 t net_cleanup_work\n");
        assert_eq!(without_end.data(0xffffffff82000000), None);
    }

    #[test]
    fn extents_and_all_names_of_a_function() {
        let symbols = Symbols::parse(TEXT);
        let extent = symbols.extent(0xffffffff81000460).unwrap();
        assert_eq!((extent.start, extent.name), (0xffffffff81000450, "down_write.cold"));
        assert_eq!(symbols.extent(0xffffffff82000010), None);
        assert_eq!(symbols.extent(0xffffffffc0000010).unwrap().module, Some("mlx5_core"));
        let names: Vec<_> = symbols.names_at(0xffffffff81000110).collect();
        assert_eq!(names, ["cleanup_net", "__cleanup_net_alias"]);
        assert_eq!(symbols.names_at(0xffffffff81000111).count(), 0);
    }

    #[test]
    fn inside_of_a_variable() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(symbols.inside(0xffffffff82000008), Some(("pernet_ops_rwsem", 8, None)));
        assert_eq!(symbols.inside(0xffffffff81000418), None, "that is a function");
        assert_eq!(symbols.inside(0xffffffffc0000090), None, "where it ends nobody knows");
    }

    #[test]
    fn the_text_of_a_module() {
        let symbols = Symbols::parse("1000 T _stext\n3000 T _etext\n9010 t a\t[m]\n9800 t b\t[m]\na000 d c\t[m]\n");
        assert_eq!(symbols.text_of(""), Some((0x1000, 0x3000)));
        assert_eq!(symbols.text_of("m"), Some((0x9010, 0x9fff)));
        assert_eq!(symbols.text_of("n"), None);
    }

    #[test]
    fn the_only_one_of_a_name() {
        let symbols = Symbols::parse("1000 t probe\n2000 t probe\n3000 t open\n4000 t open\t[dlock]\n");
        assert_eq!(symbols.only("probe", None), None);
        assert_eq!(symbols.only("open", None), Some(0x3000));
        assert_eq!(symbols.only("open", Some("dlock")), Some(0x4000));
        assert_eq!(symbols.only("close", None), None);
    }

    #[test]
    fn addresses_of_names() {
        let symbols = Symbols::parse(TEXT);
        assert_eq!(
            symbols.addresses(&["rtnl_mutex", "no_such", "down_write", "down_write"]),
            [0xffffffff82000040, 0, 0xffffffff81000400, 0xffffffff81000400]
        );
    }

    #[test]
    fn two_hundred_thousand_lines() {
        let text: String = (0..200_000u64)
            .map(|number| format!("{:016x} t function_{number}\n", 0xffffffff81000000 + number * 16))
            .collect();
        let symbols = Symbols::parse(&text);
        assert_eq!(symbols.len(), 200_000);
        assert_eq!(
            symbols.describe(0xffffffff81000000 + 777 * 16 + 4),
            "function_777+0x4/0x10"
        );
        assert_eq!(
            symbols.addresses(&["function_199999"]),
            [0xffffffff81000000 + 199_999 * 16]
        );
    }
}
