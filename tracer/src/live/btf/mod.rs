//! The running kernel's types: offsets of structure members, prototypes of functions.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fs};

use rustc_hash::FxHashSet;
use tracer_common::{
    kfunc::{CAST, KFUNCS, Kfunc},
    offset::Offsets,
    probe::{Hook, PROBES, Probe},
};

use super::{LiveError, kernel::BTF_PATH};
use crate::names::btf::{Raw, Type, kind};

/// The structure that casts are to: any that begins with words does.
const WORDS: &str = "pt_regs";

/// What the running kernel's BTF tells.
pub struct Types {
    raw: Raw,
    hooked: aya::Btf,
}

impl Types {
    /// Reads it.
    pub(super) fn read() -> Result<Self, LiveError> {
        let bytes = fs::read(BTF_PATH).map_err(|source| LiveError::Read {
            path: BTF_PATH.to_owned(),
            source,
        })?;
        Self::parse(bytes).map_err(|reason| LiveError::BadBtf { path: BTF_PATH, reason })
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        let stand_ins = |probe: &Probe| [tracepoint(probe.function), iterator(probe.function)];
        let stand_ins: Vec<_> = PROBES.iter().flat_map(stand_ins).collect();
        let mut wanted: FxHashSet<&str> = PROBES.iter().map(|probe| probe.function).collect();
        wanted.extend(stand_ins.iter().map(String::as_str));
        wanted.extend(KFUNCS.map(|kfunc| kfunc.name));
        wanted.insert(WORDS);
        wanted.extend(Offsets::NONE.entries().map(|(structure, _, _)| structure));
        let raw = Raw::parse(bytes, &wanted)?;
        let hooked = hooked(&raw)?;
        Ok(Self { raw, hooked })
    }

    /// The same for aya, which attaches by it: with the functions and tracepoints of the table of probes and nothing else.
    pub(super) fn for_attaching(&self) -> &aya::Btf {
        &self.hooked
    }

    /// Looks up every member that the program needs.
    pub(super) fn offsets(&self) -> Offsets {
        Offsets::resolve(|structure, member| self.offset(structure, member))
    }

    /// The number of a function that programs call, where the kernel has it.
    pub(super) fn kfunc(&self, kfunc: &Kfunc) -> Option<u32> {
        self.number(kfunc.name, kind::FUNC)
    }

    /// The number of the structure that programs cast to, where the kernel has that and casts.
    pub(super) fn cast_to(&self) -> Option<u32> {
        self.kfunc(&CAST)?;
        self.number(WORDS, kind::STRUCT)
    }

    fn number(&self, name: &str, kind: u32) -> Option<u32> {
        let mut numbers = self.raw.named(name).iter().copied();
        numbers.find(|&number| self.raw.get(number).is_some_and(|found| found.kind == kind))
    }

    /// Whether the kernel has a probe's function, of a prototype that the program was written for; why not otherwise.
    pub(super) fn check(&self, probe: &Probe) -> Result<(), String> {
        let stand_in = match probe.hook {
            Hook::Tracepoint => Some(tracepoint(probe.function)),
            Hook::Iterator => Some(iterator(probe.function)),
            Hook::Entry | Hook::Exit => None,
        };
        if let Some(name) = stand_in {
            let found = !self.raw.named(&name).is_empty();
            return found.then_some(()).ok_or_else(|| "not on this kernel".to_owned());
        }
        let found = self.prototypes(probe.function);
        match found.first() {
            None => Err("not on this kernel".to_owned()),
            Some(_) if found.iter().all(|found| probe.prototypes.contains(&found.as_str())) => Ok(()),
            Some(_) => Err(format!("its prototype here is `{}`", found.join("` and `"))),
        }
    }

    /// The prototypes of all functions of a name.
    fn prototypes(&self, function: &str) -> Vec<String> {
        let functions = self
            .raw
            .named(function)
            .iter()
            .filter_map(|&number| self.raw.get(number));
        functions
            .filter(|found| found.kind == kind::FUNC)
            .filter_map(|found| Some(self.prototype(self.raw.get(found.target)?)))
            .collect()
    }

    fn prototype(&self, prototype: Type) -> String {
        // The last parameter of a function that takes any number of them has no type.
        let arguments: Vec<_> = self
            .raw
            .parameters(prototype)
            .map(|number| {
                if number == 0 {
                    "...".to_owned()
                } else {
                    self.type_name(number)
                }
            })
            .collect();
        format!("{} ({})", self.type_name(prototype.target), arguments.join(", "))
    }

    /// A type as C writes it; a function type is `function`.
    fn type_name(&self, number: u32) -> String {
        if number == 0 {
            return "void".to_owned();
        }
        let Some(found) = self.raw.get(number) else {
            return "unknown".to_owned();
        };
        let name = self.raw.name(found);
        match found.kind {
            kind::PTR => format!("{} *", self.type_name(found.target)),
            kind::CONST => format!("const {}", self.type_name(found.target)),
            kind::VOLATILE | kind::RESTRICT | kind::TYPE_TAG => self.type_name(found.target),
            kind::STRUCT | kind::FWD => format!("struct {name}"),
            kind::UNION => format!("union {name}"),
            kind::ENUM | kind::ENUM64 => format!("enum {name}"),
            kind::FUNC_PROTO => "function".to_owned(),
            _ => name.to_owned(),
        }
    }

    /// Offset of `member` in bytes; `a.b` is member `b` of the structure `a`.
    fn offset(&self, structure: &str, member: &str) -> Option<i64> {
        self.raw
            .named(structure)
            .iter()
            .filter_map(|&number| self.raw.get(number))
            .find_map(|found| self.path(found, member))
    }

    fn path(&self, structure: Type, member: &str) -> Option<i64> {
        let (first, rest) = member
            .split_once('.')
            .map_or((member, None), |(first, rest)| (first, Some(rest)));
        self.raw.members(structure).find_map(|candidate| {
            let start = i64::from(candidate.bits / 8);
            let inner = || self.inner(candidate.target);
            match rest {
                // Members of an anonymous structure or union are members of the one around it.
                _ if candidate.name.is_empty() => Some(start + self.path(inner()?, member)?),
                _ if candidate.name != first => None,
                None => Some(start),
                Some(rest) => Some(start + self.path(inner()?, rest)?),
            }
        })
    }

    /// The structure or union that a type is, through typedefs and qualifiers.
    fn inner(&self, mut number: u32) -> Option<Type> {
        loop {
            let found = self.raw.get(number)?;
            match found.kind {
                kind::STRUCT | kind::UNION => return Some(found),
                kind::TYPEDEF | kind::CONST | kind::VOLATILE | kind::TYPE_TAG => number = found.target,
                _ => return None,
            }
        }
    }
}

/// What is hooked, for aya: it compares the name of each program's function with that of every function there is.
fn hooked(raw: &Raw) -> Result<aya::Btf, String> {
    let is_hooked = |number: u32| {
        raw.get(number)
            .is_some_and(|found| matches!(found.kind, kind::FUNC | kind::TYPEDEF))
    };
    let wanted: HashMap<u32, &str> = raw
        .all_named()
        .flat_map(|(name, numbers)| numbers.iter().map(move |&number| (number, name)))
        .filter(|(number, _)| is_hooked(*number))
        .collect();
    aya::Btf::parse(&raw.only(&wanted), aya::Endianness::default()).map_err(|error| error.to_string())
}

/// The function that stands for an iterator: there only for its type (`DEFINE_BPF_ITER_FUNC()` in include/linux/bpf.h).
fn iterator(name: &str) -> String {
    format!("bpf_iter_{name}")
}

/// The type that stands for a tracepoint: that of its handlers (`include/trace/bpf_probe.h`).
fn tracepoint(name: &str) -> String {
    format!("btf_trace_{name}")
}
