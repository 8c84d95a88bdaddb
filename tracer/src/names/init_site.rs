//! Calls that initialise locks: they pass the text of the expression, `&devlink->lock`, which is lockdep's name of the class.

use std::collections::HashMap;

use super::{memory::Memory, symbol::Symbols};

/// Functions that get a lock and its name (`include/linux/mutex.h`, `rwsem.h`, `percpu-rwsem.h`, `rtmutex.h`).
const INIT: &[&str] = &[
    "__mutex_init",
    "mutex_init_lockdep",
    "__init_rwsem",
    "__percpu_init_rwsem",
    "__rt_mutex_init",
];
/// Read at a time.
const CHUNK: u64 = 1 << 20;
/// So far before the call its name is loaded.
const BEFORE: usize = 64;
/// `call rel32`
const CALL: u8 = 0xe8;
const CALL_BYTES: usize = 5;
/// `mov rsi, imm32` and `lea rsi, [rip+rel32]`
const MOV_RSI: [u8; 3] = [0x48, 0xc7, 0xc6];
const LEA_RSI: [u8; 3] = [0x48, 0x8d, 0x35];
/// Names are expressions.
const MAX_NAME: usize = 64;

/// A call that initialises a lock with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitSite {
    /// Its return address.
    pub back: u64,
    /// The expression of the lock.
    pub name: String,
    /// How far behind a pointer the lock seems to be: a hint, because it is read without knowing where instructions begin.
    pub hint: Option<i64>,
}

/// Calls that initialise locks with a name, by the last word of the name.
#[derive(Default)]
pub struct InitSites(HashMap<String, Vec<InitSite>>);

/// Where to look for them.
#[derive(Clone, Debug)]
pub struct Search {
    /// The text, from its begin to its end.
    text: (u64, u64),
    /// The functions that initialise a lock; without any there is nothing to look for.
    functions: Vec<u64>,
}

impl Search {
    /// The text of a module; the kernel's own has the empty name.
    pub fn of(module: &str, symbols: &Symbols) -> Self {
        Self {
            text: symbols.text_of(module).unwrap_or_default(),
            functions: INIT.iter().filter_map(|name| symbols.address(name)).collect(),
        }
    }

    /// Looks. What cannot be read is left out.
    pub fn sites(&self, memory: &dyn Memory) -> InitSites {
        let mut sites = InitSites::default();
        let (mut at, end) = self.text;
        if self.functions.is_empty() {
            return sites;
        }
        let mut bytes = Vec::new();
        while at < end {
            let before = bytes.len().min(BEFORE);
            bytes.drain(..bytes.len() - before);
            let chunk = CHUNK.min(end - at);
            bytes.resize(before + chunk as usize, 0);
            if memory.read(at, &mut bytes[before..]) {
                sites.scan(at - before as u64, &bytes, &self.functions, memory);
            } else {
                bytes.clear();
            }
            at += chunk;
        }
        sites
    }
}

impl InitSites {
    fn scan(&mut self, address: u64, bytes: &[u8], functions: &[u64], memory: &dyn Memory) {
        for place in memchr::memchr_iter(CALL, bytes) {
            let Some(call) = bytes.get(place..place + CALL_BYTES) else {
                break;
            };
            let back = address + (place + CALL_BYTES) as u64;
            if !functions.contains(&relative(back, &call[1..])) {
                continue;
            }
            let before = &bytes[place.saturating_sub(BEFORE)..place];
            let begin = address + (place - before.len()) as u64;
            if let Some(name) = name_address(begin, before).and_then(|name| memory.string(name, MAX_NAME)) {
                let sites = self.0.entry(last_word(&name).to_owned()).or_default();
                if !sites.iter().any(|known| known.back == back) {
                    let hint = offset(before);
                    sites.push(InitSite { back, name, hint });
                }
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &InitSite> {
        self.0.values().flatten()
    }

    /// Those that initialise a member of this path.
    pub fn of(&self, path: &str) -> &[InitSite] {
        self.0.get(last_word(path)).map_or(&[], Vec::as_slice)
    }
}

/// Address of the name that the last instruction loads which loads one.
fn name_address(begin: u64, bytes: &[u8]) -> Option<u64> {
    bytes
        .windows(7)
        .enumerate()
        .rev()
        .find_map(|(place, instruction)| match instruction[..3].try_into() {
            Ok(MOV_RSI) => Some(relative(0, &instruction[3..])),
            Ok(LEA_RSI) => Some(relative(begin + place as u64 + 7, &instruction[3..])),
            _ => None,
        })
}

/// What the last instruction adds that puts a pointer into `rdi`: `lea rdi, [REGISTER+OFFSET]` or `add rdi, OFFSET`.
fn offset(bytes: &[u8]) -> Option<i64> {
    /// REX.W, with and without REX.B.
    const REX: [u8; 2] = [0x48, 0x49];
    (0..bytes.len()).rev().find_map(|place| match bytes[place..] {
        // mod 01 and 10, reg 7, rm any but 4, which has one more byte.
        [rex, 0x8d, 0x78..=0x7b | 0x7d..=0x7f, small, ..] if REX.contains(&rex) => Some(i64::from(small as i8)),
        [rex, 0x8d, 0xb8..=0xbb | 0xbd..=0xbf, a, b, c, d, ..] if REX.contains(&rex) => {
            Some(i32::from_le_bytes([a, b, c, d]).into())
        }
        [0x48, 0x83, 0xc7, small, ..] => Some(i64::from(small as i8)),
        [0x48, 0x81, 0xc7, a, b, c, d, ..] => Some(i32::from_le_bytes([a, b, c, d]).into()),
        _ => None,
    })
}

fn relative(base: u64, bytes: &[u8]) -> u64 {
    let offset = bytes.try_into().map_or(0, i32::from_le_bytes);
    base.wrapping_add_signed(i64::from(offset))
}

/// `lock` of `&devlink->lock`, of `power.lock` and of `locks[]` `locks`.
fn last_word(name: &str) -> &str {
    let whole = name.split('[').next().unwrap_or(name);
    whole
        .rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::{super::memory::Image, *};

    #[test]
    fn the_last_word_is_the_member() {
        for (name, word) in [
            ("&devlink->lock", "lock"),
            ("power.lock", "lock"),
            ("&(&x->locks[i])->lock", "lock"),
            ("locks[]", "locks"),
            ("rtnl_mutex", "rtnl_mutex"),
        ] {
            let expected = if name.starts_with("&(") { "locks" } else { word };
            assert_eq!(last_word(name), expected, "{name}");
        }
    }

    #[test]
    fn the_offset_is_that_of_the_last_instruction_that_has_one() {
        // lea rdi, [rbx+16]; mov rsi, 0; lea rdi, [r12+0x1234]; add rdi, 8; mov rdi, rbx
        for (bytes, expected) in [
            (&[0x48, 0x8d, 0x7b, 0x10][..], Some(16)),
            (&[0x48, 0x8d, 0x7b, 0x10, 0x48, 0xc7, 0xc6, 0, 0, 0, 0], Some(16)),
            (&[0x49, 0x8d, 0xbd, 0x34, 0x12, 0, 0], Some(0x1234)),
            (&[0x48, 0x8d, 0x7b, 0x10, 0x48, 0x83, 0xc7, 8], Some(8)),
            (&[0x48, 0x89, 0xdf], None),
        ] {
            assert_eq!(offset(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn calls_with_a_name_are_found_and_others_are_not() {
        let symbols = Symbols::parse(
            "ffffffff81000000 T _stext\nffffffff81008000 T __mutex_init\nffffffff81009000 T other\nffffffff81101000 T _etext\n",
        );
        let mut text = vec![0x90; CHUNK as usize + 4096];
        let mut call = |at: usize, target: u64, name: Option<u32>| {
            let mut place = at;
            if let Some(name) = name {
                text[place..place + 3].copy_from_slice(&MOV_RSI);
                text[place + 3..place + 7].copy_from_slice(&name.to_le_bytes());
                place += 7;
            }
            text[place] = CALL;
            let next = 0xffff_ffff_8100_0000 + place as u64 + 5;
            text[place + 1..place + 5].copy_from_slice(&(target.wrapping_sub(next) as u32).to_le_bytes());
        };
        call(100, 0xffff_ffff_8100_8000, Some(0x8200_0000));
        call(CHUNK as usize - 9, 0xffff_ffff_8100_8000, Some(0x8200_0000));
        call(5000, 0xffff_ffff_8100_9000, Some(0x8200_0000));
        call(6000, 0xffff_ffff_8100_8000, None);
        let mut name = b"&devlink->lock\0".to_vec();
        name.resize(128, 0);
        let image = Image(vec![(0xffff_ffff_8100_0000, text), (0xffff_ffff_8200_0000, name)]);
        let sites = Search::of("", &symbols).sites(&image);
        let found: Vec<_> = sites
            .of("lock")
            .iter()
            .map(|site| (site.back & 0xff_ffff, site.name.as_str()))
            .collect();
        assert_eq!(found, [(112, "&devlink->lock"), (CHUNK + 3, "&devlink->lock")]);
        assert!(sites.of("mutex").is_empty());
    }
}
