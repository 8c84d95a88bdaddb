//! Offsets of kernel structure members, from the running kernel's BTF.

use std::fs;

use btf_rs::{Btf, BtfType as _, Struct, Type};
use tracer_common::offset::Offsets;

use super::{LiveError, kernel::BTF_PATH};

/// Reads the kernel's BTF and looks up every member that the program needs.
pub(super) fn offsets() -> Result<Offsets, LiveError> {
    let bytes = fs::read(BTF_PATH).map_err(|source| LiveError::Read {
        path: BTF_PATH.to_owned(),
        source,
    })?;
    let btf = Btf::from_bytes(&bytes).map_err(|error| LiveError::BadBtf {
        path: BTF_PATH,
        reason: error.to_string(),
    })?;
    Ok(Offsets::resolve(|structure, member| offset(&btf, structure, member)))
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
