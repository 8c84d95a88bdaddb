//! Kernel symbols as data: the text of `/proc/kallsyms` in, `function+0x1c/0x80 [module]` out.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

/// What is shown for an address that no symbol covers. The address itself never is: a report goes to public lists.
pub const UNKNOWN: &str = "unknown";

/// Further from its symbol than this an address belongs to something that has no symbol.
const MAX_OFFSET: u64 = 1 << 24;

/// The symbols of a kernel and its modules, sorted by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// All names one after the other.
    names: String,
    entries: Vec<Entry>,
    /// Index 0 is the kernel itself.
    modules: Vec<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    name: u32,
    length: u16,
    module: u16,
    kind: u8,
}

impl Entry {
    fn is_text(self) -> bool {
        matches!(self.kind, b'T' | b't' | b'W' | b'w')
    }

    fn is_data(self) -> bool {
        matches!(self.kind.to_ascii_lowercase(), b'd' | b'b' | b'r' | b'g' | b's' | b'v')
    }
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
        let nearest = self.entries.get(after.checked_sub(1)?)?;
        self.module(*nearest)
    }

    /// The variable that starts at this address and its module: names locks that are variables of their own.
    pub fn data(&self, address: u64) -> Option<(&str, Option<&str>)> {
        let first = self.entries.partition_point(|entry| entry.address < address);
        let same = self
            .entries
            .get(first..)?
            .iter()
            .take_while(|entry| entry.address == address);
        let best = same
            .copied()
            .filter(|entry| entry.is_data())
            .min_by_key(|&entry| self.rank(entry))?;
        Some((self.name(best), self.module(best)))
    }

    /// Where symbols are, in the order of `names`, 0 for one that there is not: the kernel's own before a module's, text before data, a global
    /// one before a local one. All at once, because it looks at every symbol.
    pub fn addresses(&self, names: &[&str]) -> Vec<u64> {
        let mut best: FxHashMap<&str, Option<Entry>> = names.iter().map(|&name| (name, None)).collect();
        let rank = |entry: Entry| (entry.module != 0, !entry.is_text(), entry.kind.is_ascii_lowercase());
        for &entry in &self.entries {
            if let Some(found) = best.get_mut(self.name(entry))
                && found.is_none_or(|found| rank(entry) < rank(found))
            {
                *found = Some(entry);
            }
        }
        let address = |name: &&str| best.get(name).copied().flatten().map_or(0, |entry| entry.address);
        names.iter().map(address).collect()
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
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let nearest = self.entries.get(after.checked_sub(1)?)?;
        let first = self.entries.partition_point(|entry| entry.address < nearest.address);
        let same = self
            .entries
            .get(first..)?
            .iter()
            .take_while(|entry| entry.address == nearest.address);
        let best = same
            .copied()
            .filter(|entry| entry.is_text())
            .min_by_key(|&entry| self.rank(entry))?;
        let next = self
            .entries
            .get(after)
            .filter(|next| next.module == best.module)
            .map(|next| next.address);
        if address - best.address >= MAX_OFFSET {
            return None;
        }
        // The last function of a module ends somewhere in its last page; nothing tells where.
        let end = next.unwrap_or_else(|| best.address + ((address - best.address) | 0xfff) + 1);
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
