//! BTF as bytes: found once, read where somebody asks.
//!
//! A kernel has 150,000 types, and the tracer asks for some hundred of them, two hundred while the user waits; so nothing is built of the others.
//! The types of a module are numbered on from those of the kernel, and so are its strings. Layout: `Documentation/bpf/btf.rst`, `include/uapi/linux/btf.h`.

use std::{
    collections::HashMap,
    hash::Hasher as _,
    sync::{Arc, OnceLock},
};

use rustc_hash::{FxHashSet, FxHasher};

/// `BTF_MAGIC`, little endian.
const MAGIC: [u8; 2] = [0x9f, 0xeb];
/// `sizeof(struct btf_header)` and `sizeof(struct btf_type)`.
const HEADER: usize = 24;
const TYPE: usize = 12;

/// `BTF_KIND_*`.
#[allow(missing_docs, reason = "the kernel's names")]
pub mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// One type: where it stands.
#[derive(Clone, Copy)]
pub struct Type {
    /// `BTF_KIND_*`.
    pub kind: u32,
    /// Number of members, parameters or values.
    count: usize,
    /// A bit field's structure has offsets of another form.
    flag: bool,
    /// The type that it refers to, or its size.
    pub target: u32,
    /// Where its name stands among the strings.
    name: u32,
    /// Where what follows the fixed part begins.
    rest: usize,
    /// It is of the kernel, and this is a module's BTF.
    is_base: bool,
}

/// A member of a structure or union.
pub struct Member<'a> {
    /// Empty for what has none.
    pub name: &'a str,
    /// Number of its type.
    pub target: u32,
    /// From the beginning of the structure, in bits.
    pub bits: u32,
}

/// All types of a kernel or a module, and the names that were asked for.
pub struct Raw {
    bytes: Vec<u8>,
    /// Where the strings begin, and how long they are.
    strings: (usize, usize),
    /// Those of the kernel, when these are a module's.
    base: Option<Arc<Self>>,
    /// Where each type begins; number 0 of the kernel's is `void`.
    types: Vec<u32>,
    /// Every type of a wanted name, by that name.
    named: HashMap<Box<str>, Vec<u32>>,
    /// Hash of the name and number of every structure and function, sorted; made when first asked for.
    by_name: OnceLock<Vec<(u32, u32)>>,
}

impl Raw {
    /// Finds the types, and those called one of `wanted`.
    ///
    /// # Errors
    /// When this is no BTF of the known layout.
    pub fn parse(bytes: Vec<u8>, wanted: &FxHashSet<&str>) -> Result<Self, &'static str> {
        Self::read(bytes, None, wanted)
    }

    /// The types of a module of the kernel that has these.
    ///
    /// # Errors
    /// As with [`Self::parse`].
    pub fn of_module(self: &Arc<Self>, bytes: Vec<u8>) -> Result<Self, &'static str> {
        Self::read(bytes, Some(self.clone()), &FxHashSet::default())
    }

    fn read(bytes: Vec<u8>, base: Option<Arc<Self>>, wanted: &FxHashSet<&str>) -> Result<Self, &'static str> {
        let mut raw = Self {
            bytes,
            strings: (0, 0),
            types: if base.is_some() { Vec::new() } else { vec![0] },
            base,
            named: HashMap::new(),
            by_name: OnceLock::new(),
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
        self.strings = (header.checked_add(field(16)?)?, field(20)?);
        let names = self.names(wanted)?;
        let mut at = begin;
        while at < end {
            let found = self.at(at)?;
            if let Some(name) = names.get(&found.name) {
                let number = u32::try_from(self.types.len()).ok()?;
                self.named.entry(name.clone()).or_default().push(number);
            }
            self.types.push(u32::try_from(at).ok()?);
            at = found.rest + rest(found.kind, found.count)?;
        }
        Some(())
    }

    /// Where each wanted name stands among the strings: every string is there once.
    fn names(&self, wanted: &FxHashSet<&str>) -> Option<HashMap<u32, Box<str>>> {
        let (begin, length) = self.strings;
        let text = self.bytes.get(begin..begin.checked_add(length)?)?;
        let mut names = HashMap::new();
        if wanted.is_empty() {
            return Some(names);
        }
        let mut at = 0;
        for name in text.split(|&byte| byte == 0) {
            if let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted.contains(name)) {
                names.insert(at, name.into());
            }
            at += name.len() as u32 + 1;
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
            name: self.number(at)?,
            rest: at + TYPE,
            is_base: false,
        })
    }

    /// Numbers of the kernel's types, which those of a module come after.
    fn first(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.types.len() as u32)
    }

    /// A type by its number; `None` for `void`.
    pub fn get(&self, number: u32) -> Option<Type> {
        match (number.checked_sub(self.first()), &self.base) {
            (Some(own), _) => self.at(*self.types.get(own as usize).filter(|_| number != 0)? as usize),
            (None, base) => base.as_ref()?.get(number).map(|found| Type { is_base: true, ..found }),
        }
    }

    /// Where what follows the fixed part of a type is.
    fn home(&self, found: Type) -> &Self {
        self.base.as_deref().filter(|_| found.is_base).unwrap_or(self)
    }

    /// The numbers of all structures and functions of a name, the kernel's first.
    pub fn numbers(&self, name: &str, kind: u32) -> Vec<u32> {
        let mut numbers = self
            .base
            .as_ref()
            .map_or_else(Vec::new, |base| base.numbers(name, kind));
        let wanted = hash(name.as_bytes());
        let index = self.by_name();
        let begin = index.partition_point(|&(hash, _)| hash < wanted);
        let same = index[begin..].iter().take_while(|&&(hash, _)| hash == wanted);
        numbers.extend(same.map(|&(_, number)| number).filter(|&number| {
            self.get(number)
                .is_some_and(|found| found.kind == kind && self.name(found) == name)
        }));
        numbers
    }

    /// Makes the search by name ready, which takes a while with the types of a kernel.
    pub fn by_name(&self) -> &[(u32, u32)] {
        self.by_name.get_or_init(|| {
            let mut index: Vec<_> = (self.first()..)
                .zip(&self.types)
                .filter_map(|(number, &at)| {
                    let found = self.at(at as usize)?;
                    matches!(found.kind, kind::STRUCT | kind::FUNC).then(|| (hash(self.name(found).as_bytes()), number))
                })
                .collect();
            index.sort_unstable();
            index
        })
    }

    /// The numbers of the types of a wanted name.
    pub fn named(&self, name: &str) -> &[u32] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every wanted name with the numbers of its types.
    pub fn all_named(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.named.iter().map(|(name, numbers)| (&**name, numbers.as_slice()))
    }

    /// What a type is called; empty when it has no name.
    pub fn name(&self, found: Type) -> &str {
        self.string(found.name)
    }

    fn string(&self, offset: u32) -> &str {
        let mut own = offset as usize;
        if let Some(base) = &self.base {
            match own.checked_sub(base.strings.1) {
                None => return base.string(offset),
                Some(behind) => own = behind,
            }
        }
        let text = self.bytes.get(self.strings.0.saturating_add(own)..).unwrap_or_default();
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(0);
        std::str::from_utf8(&text[..end]).unwrap_or_default()
    }

    /// The members of a structure or union.
    pub fn members(&self, found: Type) -> impl Iterator<Item = Member<'_>> {
        let count = if matches!(found.kind, kind::STRUCT | kind::UNION) {
            found.count
        } else {
            0
        };
        let home = self.home(found);
        (0..count).filter_map(move |index| {
            let at = found.rest + 12 * index;
            let bits = home.number(at + 8)?;
            Some(Member {
                name: home.string(home.number(at)?),
                target: home.number(at + 4)?,
                bits: if found.flag { bits & 0xff_ffff } else { bits },
            })
        })
    }

    /// The types of the parameters of a prototype; 0 for `...`.
    pub fn parameters(&self, found: Type) -> impl Iterator<Item = u32> {
        let count = if found.kind == kind::FUNC_PROTO { found.count } else { 0 };
        let home = self.home(found);
        (0..count).filter_map(move |index| home.number(found.rest + 8 * index + 4))
    }

    /// Type and number of the elements of an array.
    pub fn elements(&self, found: Type) -> Option<(u32, u32)> {
        let home = self.home(found);
        (found.kind == kind::ARRAY).then_some((home.number(found.rest)?, home.number(found.rest + 8)?))
    }

    /// BTF in which only some types have a name, at the numbers that they have here: a search for one of them is short.
    pub fn only(&self, wanted: &HashMap<u32, &str>) -> Vec<u8> {
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

fn hash(name: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(name);
    (hasher.finish() >> 32) as u32
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
