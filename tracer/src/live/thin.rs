//! BTF with the functions left out that nobody asks for.
//!
//! aya looks a function up by comparing its name with every function of the kernel, once for each program. A type's number is its place, so nothing
//! is taken out: what is not wanted becomes a nameless `const`, which no search looks at.
//!
//! Layout: `Documentation/bpf/btf.rst`.

/// `BTF_MAGIC`, little endian.
const MAGIC: [u8; 2] = [0x9f, 0xeb];
const HEADER: usize = 24;
const TYPE: usize = 12;

const INT: u32 = 1;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const CONST: u32 = 10;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const DECL_TAG: u32 = 17;
const ENUM64: u32 = 19;

/// Leaves out every function that is not `wanted`; false when this is not BTF of the known layout: what was done until then is valid.
pub(super) fn thin(btf: &mut [u8], wanted: impl Fn(&[u8]) -> bool) -> bool {
    walk(btf, wanted).is_some()
}

fn walk(btf: &mut [u8], wanted: impl Fn(&[u8]) -> bool) -> Option<()> {
    if btf.get(..2)? != MAGIC || btf.len() < HEADER {
        return None;
    }
    let number = |btf: &[u8], at: usize| Some(u32::from_le_bytes(btf.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let field = |btf: &[u8], at: usize| number(btf, at).map(|number| number as usize);
    let header = field(btf, 4)?;
    let begin = header.checked_add(field(btf, 8)?)?;
    let end = begin.checked_add(field(btf, 12)?)?;
    let strings = header.checked_add(field(btf, 16)?)?;
    let mut at = begin;
    while at < end {
        let name = strings.checked_add(field(btf, at)?)?;
        let info = number(btf, at + 4)?;
        let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        if kind == FUNC {
            let name = btf.get(name..)?.split(|&byte| byte == 0).next()?;
            if !wanted(name) {
                btf.get_mut(at..at + 4)?.fill(0);
                btf.get_mut(at + 4..at + 8)?
                    .copy_from_slice(&(CONST << 24).to_le_bytes());
            }
        }
        at += TYPE
            + match kind {
                INT | VAR | DECL_TAG => 4,
                ARRAY => 12,
                STRUCT | UNION | DATASEC | ENUM64 => 12 * count,
                ENUM | FUNC_PROTO => 8 * count,
                0 | 20.. => return None,
                _ => 0,
            };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An int, a prototype with one argument, two functions, a typedef and a pointer: where each begins, and the bytes.
    fn btf() -> Vec<u8> {
        let strings = b"\0int\0wanted\0other\0";
        let types: &[&[u32]] = &[
            &[1, INT << 24, 4, 32],
            &[0, FUNC_PROTO << 24 | 1, 1, 0, 1],
            &[5, FUNC << 24 | 1, 2],
            &[12, FUNC << 24, 2],
            &[12, 8 << 24, 1],
            &[0, 2 << 24, 5],
        ];
        let types: Vec<u8> = types.concat().into_iter().flat_map(u32::to_le_bytes).collect();
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for number in [24, 0, types.len(), types.len(), strings.len()] {
            btf.extend((number as u32).to_le_bytes());
        }
        btf.extend(types);
        btf.extend(strings);
        btf
    }

    #[test]
    fn what_is_not_wanted_is_a_nameless_const_at_the_same_place() {
        let (before, mut after) = (btf(), btf());
        assert!(thin(&mut after, |name| name == b"wanted"));
        let other = 24 + 16 + 20 + 12;
        assert_eq!(after[..other], before[..other]);
        assert_eq!(after[other..other + 8], [0, 0, 0, 0, 0, 0, 0, 10]);
        assert_eq!(after[other + 8..], before[other + 8..]);
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_told() {
        assert!(!thin(&mut [], |_| true));
        assert!(!thin(&mut b"\x7fELF and so on, long enough".to_vec(), |_| true));
        let whole = btf();
        for length in 0..80 {
            assert!(!thin(&mut whole[..length].to_vec(), |_| true), "{length}");
        }
    }
}
