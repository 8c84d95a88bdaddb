//! BTF as bytes: found once, read where somebody asks.
//!
//! A kernel has 150,000 types, and the tracer asks for two hundred of them while the user waits; so nothing is built of the others.
//! Layout: `Documentation/bpf/btf.rst`, `include/uapi/linux/btf.h`.

use std::collections::HashMap;

use rustc_hash::FxHashSet;

/// `BTF_MAGIC`, little endian.
const MAGIC: [u8; 2] = [0x9f, 0xeb];
/// `sizeof(struct btf_header)` and `sizeof(struct btf_type)`.
const HEADER: usize = 24;
const TYPE: usize = 12;

/// `BTF_KIND_*`.
pub(super) mod kind {
    pub(in super::super) const INT: u32 = 1;
    pub(in super::super) const PTR: u32 = 2;
    pub(in super::super) const ARRAY: u32 = 3;
    pub(in super::super) const STRUCT: u32 = 4;
    pub(in super::super) const UNION: u32 = 5;
    pub(in super::super) const ENUM: u32 = 6;
    pub(in super::super) const FWD: u32 = 7;
    pub(in super::super) const TYPEDEF: u32 = 8;
    pub(in super::super) const VOLATILE: u32 = 9;
    pub(in super::super) const CONST: u32 = 10;
    pub(in super::super) const RESTRICT: u32 = 11;
    pub(in super::super) const FUNC: u32 = 12;
    pub(in super::super) const FUNC_PROTO: u32 = 13;
    pub(in super::super) const VAR: u32 = 14;
    pub(in super::super) const DATASEC: u32 = 15;
    pub(in super::super) const FLOAT: u32 = 16;
    pub(in super::super) const DECL_TAG: u32 = 17;
    pub(in super::super) const TYPE_TAG: u32 = 18;
    pub(in super::super) const ENUM64: u32 = 19;
}

/// One type: where it stands.
#[derive(Clone, Copy)]
pub(super) struct Type {
    /// `BTF_KIND_*`.
    pub(super) kind: u32,
    /// Number of members, parameters or values.
    count: usize,
    /// A bit field's structure has offsets of another form.
    flag: bool,
    /// The type that it refers to, or its size.
    pub(super) target: u32,
    name: usize,
    /// Where what follows the fixed part begins.
    rest: usize,
}

/// A member of a structure or union.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) target: u32,
    /// From the beginning of the structure, in bits.
    pub(super) bits: u32,
}

/// All types of a kernel, and the names that were asked for.
pub(super) struct Raw {
    bytes: Vec<u8>,
    strings: usize,
    /// Where each type begins; number 0 is `void`.
    types: Vec<u32>,
    /// Every type of a wanted name, by that name.
    named: HashMap<Box<str>, Vec<u32>>,
}

impl Raw {
    /// Finds the types, and those called one of `wanted`.
    ///
    /// # Errors
    /// When this is no BTF of the known layout.
    pub(super) fn parse(bytes: Vec<u8>, wanted: &FxHashSet<&str>) -> Result<Self, &'static str> {
        let mut raw = Self {
            bytes,
            strings: 0,
            types: vec![0],
            named: HashMap::new(),
        };
        raw.walk(wanted).ok_or("it is cut short or of an unknown layout")?;
        Ok(raw)
    }

    fn walk(&mut self, wanted: &FxHashSet<&str>) -> Option<()> {
        if self.bytes.get(..2)? != MAGIC || self.bytes.len() < HEADER {
            return None;
        }
        let field = |at: usize| self.number(at).map(|number| number as usize);
        let header = field(4)?;
        let (begin, end) = (header.checked_add(field(8)?)?, field(12)?);
        let end = begin.checked_add(end)?;
        let strings = header.checked_add(field(16)?)?;
        let length = field(20)?;
        self.strings = strings;
        let names = self.names(strings, length, wanted)?;
        let mut at = begin;
        while at < end {
            let found = self.at(at)?;
            let number = u32::try_from(self.types.len()).ok()?;
            if let Some(name) = names.get(&found.name) {
                self.named.entry(name.clone()).or_default().push(number);
            }
            self.types.push(u32::try_from(at).ok()?);
            at = found.rest + rest(found.kind, found.count)?;
        }
        Some(())
    }

    /// Where each wanted name stands among the strings: every string is there once.
    fn names(&self, strings: usize, length: usize, wanted: &FxHashSet<&str>) -> Option<HashMap<usize, Box<str>>> {
        let text = self.bytes.get(strings..strings.checked_add(length)?)?;
        let mut names = HashMap::new();
        let mut at = strings;
        for name in text.split(|&byte| byte == 0) {
            if let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted.contains(name)) {
                names.insert(at, name.into());
            }
            at += name.len() + 1;
        }
        Some(names)
    }

    fn number(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(
            self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
        ))
    }

    fn at(&self, at: usize) -> Option<Type> {
        let info = self.number(at + 4)?;
        Some(Type {
            kind: info >> 24 & 0x1f,
            count: (info & 0xffff) as usize,
            flag: info >> 31 != 0,
            target: self.number(at + 8)?,
            name: self.strings.checked_add(self.number(at)? as usize)?,
            rest: at + TYPE,
        })
    }

    /// A type by its number; `None` for `void`.
    pub(super) fn get(&self, number: u32) -> Option<Type> {
        self.at(*self.types.get(number as usize).filter(|_| number != 0)? as usize)
    }

    /// The numbers of the types of a wanted name.
    pub(super) fn named(&self, name: &str) -> &[u32] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every wanted name with the numbers of its types.
    pub(super) fn all_named(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.named.iter().map(|(name, numbers)| (&**name, numbers.as_slice()))
    }

    /// What a type is called; empty when it has no name.
    pub(super) fn name(&self, found: Type) -> &str {
        self.string(found.name)
    }

    fn string(&self, at: usize) -> &str {
        let text = self.bytes.get(at..).unwrap_or_default();
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(0);
        std::str::from_utf8(&text[..end]).unwrap_or_default()
    }

    /// The members of a structure or union.
    pub(super) fn members(&self, found: Type) -> impl Iterator<Item = Member<'_>> {
        let count = if matches!(found.kind, kind::STRUCT | kind::UNION) {
            found.count
        } else {
            0
        };
        (0..count).filter_map(move |index| {
            let at = found.rest + 12 * index;
            let bits = self.number(at + 8)?;
            Some(Member {
                name: self.string(self.strings + self.number(at)? as usize),
                target: self.number(at + 4)?,
                bits: if found.flag { bits & 0xff_ffff } else { bits },
            })
        })
    }

    /// The types of the parameters of a prototype; 0 for `...`.
    pub(super) fn parameters(&self, found: Type) -> impl Iterator<Item = u32> {
        let count = if found.kind == kind::FUNC_PROTO { found.count } else { 0 };
        (0..count).filter_map(move |index| self.number(found.rest + 8 * index + 4))
    }

    /// BTF in which only some types have a name, at the numbers that they have here: a search for one of them is short.
    pub(super) fn only(&self, wanted: &HashMap<u32, &str>) -> Vec<u8> {
        let last = wanted.keys().copied().max().unwrap_or(0);
        let mut strings = vec![0];
        let mut types = Vec::with_capacity(last as usize * TYPE);
        for number in 1..=last {
            let (name, info, target) = match (wanted.get(&number), self.get(number)) {
                (Some(name), Some(found)) => {
                    let at = strings.len() as u32;
                    strings.extend(name.bytes().chain([0]));
                    (at, found.kind << 24, 0)
                }
                _ => (0, kind::CONST << 24, 0),
            };
            types.extend([name, info, target].into_iter().flat_map(u32::to_le_bytes));
        }
        let mut blob = vec![MAGIC[0], MAGIC[1], 1, 0];
        for number in [HEADER, 0, types.len(), types.len(), strings.len()] {
            blob.extend((number as u32).to_le_bytes());
        }
        blob.extend(types);
        blob.extend(strings);
        blob
    }
}

/// Bytes that follow the fixed part of a type.
fn rest(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * count,
        kind::ENUM | kind::FUNC_PROTO => 8 * count,
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => 0,
        _ => return None,
    })
}
