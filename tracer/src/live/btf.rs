//! Offsets of kernel structure members, from the running kernel's BTF.

use std::{collections::HashSet, fs};

use btf_rs::{Btf, BtfType as _, FuncProto, Struct, Type};
use tracer_common::{
    offset::Offsets,
    probe::{Hook, PROBES, Probe},
};

use super::{LiveError, kernel::BTF_PATH, thin::thin};

/// What the running kernel's BTF tells.
pub(super) struct Types {
    btf: Btf,
    bytes: Vec<u8>,
}

impl Types {
    /// Reads it.
    pub(super) fn read() -> Result<Self, LiveError> {
        let bytes = fs::read(BTF_PATH).map_err(|source| LiveError::Read {
            path: BTF_PATH.to_owned(),
            source,
        })?;
        let btf = Btf::from_bytes(&bytes).map_err(|error| LiveError::BadBtf {
            path: BTF_PATH,
            reason: error.to_string(),
        })?;
        Ok(Self { btf, bytes })
    }

    /// The same for aya, which attaches by it: with the functions of the table of probes and no other.
    pub(super) fn for_attaching(&self) -> Result<aya::Btf, LiveError> {
        let mut bytes = self.bytes.clone();
        let wanted: HashSet<&[u8]> = PROBES.iter().map(|probe| probe.function.as_bytes()).collect();
        // What it does not understand it leaves as it is: that takes longer, no more.
        let _ = thin(&mut bytes, |name| wanted.contains(name));
        aya::Btf::parse(&bytes, aya::Endianness::default()).map_err(|error| LiveError::BadBtf {
            path: BTF_PATH,
            reason: error.to_string(),
        })
    }

    /// Looks up every member that the program needs.
    pub(super) fn offsets(&self) -> Offsets {
        Offsets::resolve(|structure, member| offset(&self.btf, structure, member))
    }

    /// Whether the kernel has a probe's function, of a prototype that the program was written for; why not otherwise.
    pub(super) fn check(&self, probe: &Probe) -> Result<(), String> {
        if probe.hook == Hook::Tracepoint {
            return Ok(());
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
        let found = self.btf.resolve_types_by_name(function).unwrap_or_default();
        found
            .iter()
            .filter_map(|found| match found {
                Type::Func(function) => match self.btf.resolve_chained_type(function).ok()? {
                    Type::FuncProto(prototype) => Some(self.prototype(&prototype)),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    fn prototype(&self, prototype: &FuncProto) -> String {
        let arguments: Vec<_> = prototype
            .parameters
            .iter()
            .map(|parameter| match parameter.get_type_id() {
                Some(id) if !parameter.is_variadic() => self.name(id),
                _ => "...".to_owned(),
            })
            .collect();
        format!("{} ({})", self.name(prototype.return_type_id()), arguments.join(", "))
    }

    /// A type as C writes it; a function type is `function`.
    fn name(&self, id: u32) -> String {
        // 0 is void and no type.
        if id == 0 {
            return "void".to_owned();
        }
        let Ok(found) = self.btf.resolve_type_by_id(id) else {
            return "unknown".to_owned();
        };
        let named = |prefix: &str| {
            let name = found.as_btf_type().and_then(|found| self.btf.resolve_name(found).ok());
            format!("{prefix}{}", name.unwrap_or_default())
        };
        let target = || {
            let id = found.as_btf_type().and_then(|found| found.get_type_id());
            id.map_or_else(|| "void".to_owned(), |id| self.name(id))
        };
        match &found {
            Type::Ptr(_) => format!("{} *", target()),
            Type::Const(_) => format!("const {}", target()),
            Type::Volatile(_) | Type::Restrict(_) | Type::TypeTag(_) => target(),
            Type::Struct(_) => named("struct "),
            Type::Union(_) => named("union "),
            Type::Fwd(_) => named("struct "),
            Type::Enum(_) | Type::Enum64(_) => named("enum "),
            Type::FuncProto(_) => "function".to_owned(),
            _ => named(""),
        }
    }
}

/// Offset of `member` in bytes; `a.b` is member `b` of the structure `a`.
fn offset(btf: &Btf, structure: &str, member: &str) -> Option<i64> {
    btf.resolve_types_by_name(structure)
        .ok()?
        .into_iter()
        .find_map(|found| match found {
            Type::Struct(found) => path(btf, &found, member),
            _ => None,
        })
}

fn path(btf: &Btf, structure: &Struct, member: &str) -> Option<i64> {
    let (first, rest) = member
        .split_once('.')
        .map_or((member, None), |(first, rest)| (first, Some(rest)));
    structure.members.iter().find_map(|candidate| {
        let start = i64::from(candidate.bit_offset() / 8);
        let name = btf.resolve_name(candidate).unwrap_or_default();
        if name.is_empty() {
            // Members of an anonymous structure or union are members of the one around it.
            return Some(start + path(btf, &inner(btf, candidate)?, member)?);
        }
        if name != first {
            return None;
        }
        match rest {
            None => Some(start),
            Some(rest) => Some(start + path(btf, &inner(btf, candidate)?, rest)?),
        }
    })
}

/// The structure or union that a member is, through typedefs and qualifiers.
fn inner(btf: &Btf, member: &btf_rs::Member) -> Option<Struct> {
    let mut found = btf.resolve_type_by_id(member.get_type_id()?).ok()?;
    loop {
        match found {
            Type::Struct(structure) | Type::Union(structure) => return Some(structure),
            Type::Typedef(_) | Type::Const(_) | Type::Volatile(_) | Type::TypeTag(_) => {
                found = btf.resolve_chained_type(found.as_btf_type()?).ok()?;
            }
            _ => return None,
        }
    }
}
