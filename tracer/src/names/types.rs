//! Questions to BTF: what a function takes, what a pointer leads to, which lock is at an offset.

use std::sync::Arc;

use btf_rs::{Btf, BtfType as _, FuncProto, Struct, Type};

/// Structures that are locks themselves: what is inside them is no member of anybody's.
const LOCKS: &[&str] = &[
    "mutex",
    "rw_semaphore",
    "ww_mutex",
    "percpu_rw_semaphore",
    "semaphore",
    "rt_mutex",
];

/// As deep as structures are nested, and far deeper.
const MAX_DEPTH: usize = 16;

/// A structure or union of a [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StructId(u32);

/// A lock that is a member.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The innermost structure with a name that it is in, and the path from there.
    pub structure: String,
    /// `lock`, `power.lock`, `locks[]`.
    pub path: String,
    /// Every structure with a name that it is in, the outermost first, with the lock's offset in it in bytes.
    pub holders: Vec<(String, u64)>,
}

/// What a function takes and gives, as far as it is a pointer to a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prototype {
    /// By register, in the order of the System V ABI.
    pub arguments: Vec<Option<StructId>>,
    /// What it returns.
    pub result: Option<StructId>,
}

/// The types of the kernel, or of a module and the kernel.
#[derive(Clone)]
pub struct Types(Arc<Btf>);

impl Types {
    /// Of parsed BTF.
    pub fn new(btf: Btf) -> Self {
        Self(Arc::new(btf))
    }

    /// Those of a module, which refer to these; none when it is not split BTF of this kernel.
    pub fn of_module(&self, bytes: &[u8]) -> Option<Self> {
        Btf::from_split_bytes(bytes, &self.0).ok().map(Self::new)
    }

    /// The structure of a name; none when there are several.
    pub fn structure(&self, name: &str) -> Option<StructId> {
        let ids = self.0.resolve_ids_by_name(name).ok()?;
        let mut found = ids
            .into_iter()
            .filter(|&id| matches!(self.0.resolve_type_by_id(id), Ok(Type::Struct(_))));
        let id = found.next()?;
        found.next().is_none().then_some(StructId(id))
    }

    /// Size of a structure in bytes.
    pub fn size_of(&self, structure: StructId) -> Option<u64> {
        self.size(structure.0)
    }

    /// Offset of a member in bytes, those of anonymous structures included.
    pub fn offset(&self, structure: StructId, name: &str) -> Option<u64> {
        let (_, Type::Struct(found) | Type::Union(found)) = self.plain(structure.0)? else {
            return None;
        };
        found.members.iter().find_map(|member| {
            let start = u64::from(member.bit_offset() / 8);
            match self.0.resolve_name(member).unwrap_or_default() {
                own if own == name => Some(start),
                own if own.is_empty() => Some(start + self.offset(StructId(member.get_type_id()?), name)?),
                _ => None,
            }
        })
    }

    /// The prototype of a function; none when functions of that name differ in it.
    pub fn prototype(&self, function: &str) -> Option<Prototype> {
        let mut prototypes = self
            .0
            .resolve_types_by_name(function)
            .ok()?
            .into_iter()
            .filter_map(|found| match found {
                Type::Func(function) => match self.0.resolve_chained_type(&function).ok()? {
                    Type::FuncProto(prototype) => Some(self.registers(&prototype)),
                    _ => None,
                },
                _ => None,
            });
        let first = prototypes.next()?;
        prototypes.all(|other| other == first).then_some(first)
    }

    fn registers(&self, prototype: &FuncProto) -> Prototype {
        let arguments = prototype
            .parameters
            .iter()
            .map_while(|parameter| {
                let id = parameter.get_type_id().filter(|_| !parameter.is_variadic())?;
                // A structure that is passed as such takes none, one or two registers: what is behind it is not known.
                match self.plain(id)? {
                    (_, Type::Struct(_) | Type::Union(_)) => None,
                    (_, found) => Some(self.pointee(&found)),
                }
            })
            .take(6)
            .collect();
        let result = self
            .plain(prototype.return_type_id())
            .and_then(|(_, found)| self.pointee(&found));
        Prototype { arguments, result }
    }

    /// A type without typedefs and qualifiers.
    fn plain(&self, mut id: u32) -> Option<(u32, Type)> {
        for _ in 0..MAX_DEPTH {
            let found = self.0.resolve_type_by_id(id).ok()?;
            id = match &found {
                Type::Typedef(_) | Type::Const(_) | Type::Volatile(_) | Type::Restrict(_) | Type::TypeTag(_) => {
                    found.as_btf_type()?.get_type_id()?
                }
                _ => return Some((id, found)),
            };
        }
        None
    }

    /// The structure that a pointer leads to.
    fn pointee(&self, pointer: &Type) -> Option<StructId> {
        let Type::Ptr(pointer) = pointer else { return None };
        match self.plain(pointer.get_type_id()?)? {
            (id, Type::Struct(_) | Type::Union(_)) => Some(StructId(id)),
            _ => None,
        }
    }

    /// The structure that the pointer at an offset leads to; none when members of a union disagree.
    pub fn pointer_at(&self, structure: StructId, offset: u64) -> Option<StructId> {
        let mut found = Vec::new();
        self.pointers(structure.0, offset, MAX_DEPTH, &mut found);
        let first = *found.first()?;
        found.iter().all(|&other| other == first).then_some(first)
    }

    fn pointers(&self, id: u32, offset: u64, depth: usize, found: &mut Vec<StructId>) {
        let Some((_, kind)) = self.plain(id) else { return };
        if depth == 0 {
            return;
        }
        match &kind {
            Type::Struct(structure) | Type::Union(structure) => {
                for (_, start, member) in self.members_at(structure, offset) {
                    self.pointers(member, offset - start, depth - 1, found);
                }
            }
            Type::Array(array) => {
                if let Some((element, size)) = self.element(array.get_type_id()) {
                    self.pointers(element, offset % size, depth - 1, found);
                }
            }
            pointer if offset == 0 => found.extend(self.pointee(pointer)),
            _ => {}
        }
    }

    /// The lock at an offset of a structure, exactly there; none when members of a union disagree, or nothing is there.
    pub fn lock_at(&self, structure: StructId, offset: u64) -> Option<Member> {
        let mut found = Vec::new();
        let mut way = Way::default();
        self.locks(structure.0, offset, "", &mut way, &mut found);
        let first = found.first()?;
        found.iter().all(|other| other == first).then(|| first.clone())
    }

    fn locks(&self, id: u32, offset: u64, name: &str, way: &mut Way, found: &mut Vec<Member>) {
        let Some((_, kind)) = self.plain(id) else { return };
        if way.depth == MAX_DEPTH {
            return;
        }
        match &kind {
            Type::Struct(structure) | Type::Union(structure) => {
                let own = self.0.resolve_name(structure).unwrap_or_default();
                if LOCKS.contains(&own.as_str()) {
                    if offset == 0 && !way.holders.is_empty() {
                        found.push(way.member(name));
                    }
                    return;
                }
                let before = way.clone();
                way.enter(own, name, offset);
                for (name, start, member) in self.members_at(structure, offset) {
                    self.locks(member, offset - start, &name, way, found);
                }
                *way = before;
            }
            Type::Array(array) => {
                if let Some((element, size)) = self.element(array.get_type_id()) {
                    way.depth += 1;
                    self.locks(element, offset % size, &format!("{name}[]"), way, found);
                    way.depth -= 1;
                }
            }
            _ => {}
        }
    }

    /// Members that an offset is in: name, offset and type. A union has several.
    fn members_at(&self, structure: &Struct, offset: u64) -> Vec<(String, u64, u32)> {
        structure
            .members
            .iter()
            .filter_map(|member| {
                let start = u64::from(member.bit_offset() / 8);
                let id = member.get_type_id()?;
                let size = || self.size(id);
                (start <= offset && offset - start < size()?)
                    .then(|| (self.0.resolve_name(member).unwrap_or_default(), start, id))
            })
            .collect()
    }

    fn element(&self, id: Option<u32>) -> Option<(u32, u64)> {
        let id = id?;
        self.size(id).filter(|&size| size > 0).map(|size| (id, size))
    }

    /// Size of a type in bytes; that of what is neither structure, array nor pointer does not matter here.
    fn size(&self, id: u32) -> Option<u64> {
        let (_, found) = self.plain(id)?;
        Some(match &found {
            Type::Struct(structure) | Type::Union(structure) => structure.size() as u64,
            Type::Array(array) => array.len() as u64 * self.size(array.get_type_id()?)?,
            _ => 8,
        })
    }
}

/// Where the search for a lock is.
#[derive(Clone, Debug, Default)]
struct Way {
    holders: Vec<(String, u64)>,
    path: Vec<String>,
    depth: usize,
}

impl Way {
    /// Into a structure, which is member `name` of the one before. One with a name of its own is where the path begins.
    fn enter(&mut self, own: String, name: &str, offset: u64) {
        self.depth += 1;
        if own.is_empty() {
            if !name.is_empty() {
                self.path.push(name.to_owned());
            }
        } else {
            self.path.clear();
            self.holders.push((own, offset));
        }
    }

    fn member(&self, name: &str) -> Member {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        Member {
            structure: self.holders.last().map(|(name, _)| name.clone()).unwrap_or_default(),
            path: path.join("."),
            holders: self.holders.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blob::devlink;

    fn lock(structure: &str, offset: u64) -> Option<String> {
        let types = devlink();
        let member = types.lock_at(types.structure(structure)?, offset)?;
        Some(format!("{}->{}", member.structure, member.path))
    }

    #[test]
    fn a_lock_is_the_member_of_the_innermost_structure_with_a_name() {
        assert_eq!(lock("devlink", 8).as_deref(), Some("devlink->lock"));
        assert_eq!(lock("device", 8).as_deref(), Some("device->mutex"));
        assert_eq!(lock("device", 48).as_deref(), Some("dev_pm_info->lock"));
        assert_eq!(lock("device", 80).as_deref(), Some("device->state.lock"));
        assert_eq!(lock("device", 112 + 64).as_deref(), Some("device->locks[]"));
    }

    #[test]
    fn its_holders_are_told_from_the_outermost_on() {
        let types = devlink();
        let member = types.lock_at(types.structure("device").unwrap(), 48).unwrap();
        assert_eq!(
            member.holders,
            [("device".to_owned(), 48), ("dev_pm_info".to_owned(), 8)]
        );
    }

    #[test]
    fn what_is_no_lock_or_outside_is_none() {
        for (structure, offset) in [
            ("devlink", 0),
            ("devlink", 12),
            ("devlink", 56),
            ("device", 4096),
            ("mutex", 0),
        ] {
            assert_eq!(lock(structure, offset), None, "{structure}+{offset}");
        }
        assert_eq!(lock("no_such", 0), None);
    }

    #[test]
    fn offsets_of_members() {
        let types = devlink();
        let structure = types.structure("devlink").unwrap();
        assert_eq!(types.offset(structure, "dev"), Some(40));
        assert_eq!(types.offset(structure, "device"), Some(48), "in an anonymous union");
        assert_eq!(types.offset(structure, "no_such"), None);
        assert_eq!(types.size_of(structure), Some(56));
    }

    #[test]
    fn pointers_are_followed_through_typedefs_and_not_where_a_union_disagrees() {
        let types = devlink();
        let structure = types.structure("devlink").unwrap();
        assert_eq!(types.pointer_at(structure, 40), types.structure("device"));
        assert_eq!(types.pointer_at(structure, 48), None, "a device or a mutex");
        assert_eq!(types.pointer_at(structure, 0), None, "a number");
        assert_eq!(types.pointer_at(structure, 44), None, "half of a pointer");
    }

    #[test]
    fn prototypes_by_register() {
        let types = devlink();
        let get = types.prototype("devlink_get").unwrap();
        assert_eq!(get.arguments, [None, types.structure("device")]);
        assert_eq!(get.result, types.structure("devlink"));
        let by_value = types.prototype("by_value").unwrap();
        assert_eq!(
            by_value.arguments,
            [types.structure("devlink")],
            "what is behind a structure is not known"
        );
        assert_eq!(types.prototype("twice"), None, "two of one name");
        assert_eq!(types.prototype("no_such"), None);
    }
}
