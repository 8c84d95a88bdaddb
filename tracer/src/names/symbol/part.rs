//! A part of a table that answers what was asked of the whole: what a recording keeps of the kernel's symbols.
//!
//! A table that takes notes marks every symbol that an answer rests on: the one that is found, and its neighbours, which decide where it begins and ends.
//! Any table of the marked symbols, with or without others of the whole, gives the same answers to the same questions.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};

use super::{Entry, Known, Symbols};

/// A symbol on its way from one table to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Its place in the whole table: symbols at one address keep their order.
    pub place: u32,
    /// Where it is.
    pub address: u64,
    /// Its letter in `/proc/kallsyms`.
    pub kind: u8,
    /// Its name.
    pub name: String,
    /// Its module; empty for the kernel itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
}

/// Which symbols answers rested on.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Whether any are taken now.
    are_taken: AtomicBool,
    /// A bit for each symbol.
    marked: Vec<AtomicU64>,
    /// Those that were marked since this was last asked.
    new: Mutex<Vec<u32>>,
}

impl Notes {
    /// Whether nothing that is asked now goes unnoted.
    pub(super) fn are_complete(&self) -> bool {
        self.are_taken.load(Relaxed) || self.marked.is_empty()
    }

    pub(super) fn mark(&self, index: usize) {
        if !self.are_taken.load(Relaxed) {
            return;
        }
        let bit = 1 << (index % 64);
        let is_new = self
            .marked
            .get(index / 64)
            .is_some_and(|word| word.load(Relaxed) & bit == 0 && word.fetch_or(bit, Relaxed) & bit == 0);
        if is_new && let Ok(index) = u32::try_from(index) {
            self.new.lock().unwrap_or_else(PoisonError::into_inner).push(index);
        }
    }
}

impl Symbols {
    /// Takes note from now on of what answers rest on.
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.known = Known::default();
        self.notes = Notes {
            are_taken: true.into(),
            marked: (0..self.entries.len().div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            new: Mutex::default(),
        };
        self
    }

    /// Asks something of which no note is taken.
    pub fn unnoted<T>(&self, ask: impl FnOnce(&Self) -> T) -> T {
        let were_taken = self.notes.are_taken.swap(false, Relaxed);
        let answer = ask(self);
        self.notes.are_taken.store(were_taken, Relaxed);
        answer
    }

    /// The symbols that were noted since this was last asked.
    pub fn noted(&self) -> Vec<Symbol> {
        let mut new = std::mem::take(&mut *self.notes.new.lock().unwrap_or_else(PoisonError::into_inner));
        new.sort_unstable();
        new.into_iter().filter_map(|place| self.symbol(place)).collect()
    }

    /// Notes what was noted of the table before this one, as far as it is the kernel's own: that stays where it is, and will be asked for again.
    pub fn note_again(&self, before: &Self) {
        let kernel = before.entries.iter().enumerate().filter(|(index, entry)| {
            let word = before.notes.marked.get(index / 64);
            entry.module == 0 && word.is_some_and(|word| word.load(Relaxed) & (1 << (index % 64)) != 0)
        });
        for (_, entry) in kernel {
            self.text_at(entry.address);
        }
    }

    /// Where the kernel's own text ends; 0 when no symbol tells.
    pub fn text_end(&self) -> u64 {
        self.text_end
    }

    /// A table without symbols, of a kernel whose text ends there.
    pub fn part(text_end: u64) -> Self {
        Self {
            text_end,
            modules: vec!["".into()],
            ..Self::default()
        }
    }

    /// Takes more symbols into such a table; those that it has already stay as they are.
    pub fn add_part(&mut self, symbols: &[Symbol]) {
        let mut entries: Vec<_> = std::mem::take(&mut self.places)
            .into_iter()
            .zip(std::mem::take(&mut self.entries))
            .collect();
        entries.extend(
            symbols
                .iter()
                .filter_map(|symbol| Some((symbol.place, self.entry(symbol)?))),
        );
        entries.sort_by_key(|(place, entry)| (entry.address, *place));
        entries.dedup_by_key(|(place, entry)| (entry.address, *place));
        (self.places, self.entries) = entries.into_iter().unzip();
        self.by_name.take();
        self.known = Known::default();
    }

    fn entry(&mut self, symbol: &Symbol) -> Option<Entry> {
        let length = u16::try_from(symbol.name.len()).ok()?;
        let start = u32::try_from(self.names.len()).ok()?;
        let known = self.modules.iter().position(|module| **module == *symbol.module);
        let module = u16::try_from(known.unwrap_or(self.modules.len())).ok()?;
        if known.is_none() {
            self.modules.push(symbol.module.as_str().into());
        }
        self.names.push_str(&symbol.name);
        Some(Entry {
            address: symbol.address,
            name: start,
            length,
            module,
            kind: symbol.kind,
        })
    }

    fn symbol(&self, place: u32) -> Option<Symbol> {
        let entry = *self.entries.get(place as usize)?;
        Some(Symbol {
            place,
            address: entry.address,
            kind: entry.kind,
            name: self.name(entry).to_owned(),
            module: self.module(entry).unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names that several symbols have, and `_etext` among them.
    const NAMES: [&str; 8] = [
        "a",
        "b",
        "__pfx_a",
        "c.cold",
        "_etext",
        "rtnl_mutex",
        "device_ktype",
        "_d",
    ];
    const MODULES: [&str; 3] = ["", "\t[dlock]", "\t[other]"];

    fn table() -> impl Strategy<Value = String> {
        let line = (0u64..64, 0usize..6, 0..NAMES.len(), 0..MODULES.len()).prop_map(|(place, kind, name, module)| {
            let kind = ["T", "t", "D", "b", "W", "A"][kind];
            format!(
                "{:x} {kind} {}{}\n",
                0x1000 + place * 0x800,
                NAMES[name],
                MODULES[module]
            )
        });
        proptest::collection::vec(line, 0..60).prop_map(|lines| lines.concat())
    }

    fn address() -> impl Strategy<Value = u64> {
        prop_oneof![
            (0u64..64, 0u64..3).prop_map(|(place, offset)| 0x1000 + place * 0x800 + offset),
            0x0800u64..0x22000,
            Just(u64::MAX),
        ]
    }

    /// Everything that can be asked.
    fn answers(symbols: &Symbols, address: u64, name: &str, question: u8) -> String {
        let module = address.is_multiple_of(2).then_some("dlock");
        match question {
            0 => symbols.describe(address),
            1 => format!("{:?}", symbols.function(address)),
            2 => format!("{:?}", symbols.module_at(address)),
            3 => format!("{:?}", symbols.module_near(address)),
            4 => format!("{:?}", symbols.data(address)),
            5 => format!("{:?}", symbols.extent(address)),
            6 => format!("{:?}", symbols.names_at(address).collect::<Vec<_>>()),
            7 => format!("{:?}", symbols.inside(address)),
            8 => format!("{:?}", symbols.only(name, module)),
            9 => format!("{:?}", symbols.address(name)),
            _ => format!("{:?}", symbols.addresses(&[name, "none"])),
        }
    }

    proptest! {
        #[test]
        fn what_is_noted_answers_the_same(
            text in table(),
            questions in proptest::collection::vec((address(), 0..NAMES.len(), 0u8..11), 1..20),
            others in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let whole = Symbols::parse(&text).noting();
            let told = |symbols: &Symbols| -> Vec<String> {
                questions.iter().map(|(address, name, question)| answers(symbols, *address, NAMES[*name], *question)).collect()
            };
            let expected = told(&whole);
            let mut part = Symbols::part(whole.text_end());
            let (first, second): (Vec<_>, Vec<_>) = whole.noted().into_iter().partition(|symbol| symbol.place.is_multiple_of(2));
            part.add_part(&second);
            part.add_part(&first);
            prop_assert_eq!(told(&part), expected.clone());
            prop_assert!(whole.noted().is_empty(), "each is told once");
            // With any others of the whole, too.
            let more: Vec<_> = (0u32..).zip(&others).filter(|(_, is_there)| **is_there).filter_map(|(place, _)| whole.symbol(place)).collect();
            part.add_part(&more);
            prop_assert_eq!(told(&part), expected);
        }
    }

    #[test]
    fn the_next_table_notes_what_was_used_of_the_kernel_and_nothing_unasked() {
        let text = "1000 T a\n2000 T b\n3000 T c\n4000 T d\n9000 t m\t[dlock]\n";
        let before = Symbols::parse(text).noting();
        before.function(0x1004);
        before.function(0x9004);
        before.unnoted(|symbols| symbols.function(0x3004).is_some());
        let names = |symbols: &Symbols| {
            symbols
                .noted()
                .into_iter()
                .map(|symbol| symbol.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&before), ["a", "b", "m"]);
        let after = Symbols::parse(text).noting();
        after.note_again(&before);
        // `b` is the end of `a`: noting it anew takes its own end along.
        assert_eq!(names(&after), ["a", "b", "c"]);
    }
}
