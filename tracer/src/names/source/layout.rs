//! A module's file laid out as when it is loaded: in the file all sections begin at address 0, so an address alone would not tell a function.

use object::LittleEndian;
use object::elf::{ET_REL, FileHeader64, SHF_ALLOC, SHT_SYMTAB};
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};

/// Where `sh_addr` is in a section header.
const SH_ADDR: u64 = 16;
/// Where `st_value` is in a symbol.
const ST_VALUE: u64 = 8;
/// Between sections: no address belongs to two.
const ROOM: u64 = 0x1_0000;

/// Gives every section that is loaded an address of its own, in the section headers and in the symbols. False when that is done already.
pub(super) fn lay_out(bytes: &mut [u8]) -> object::Result<bool> {
    let Some(patches) = patches(bytes)? else {
        return Ok(false);
    };
    for (at, value) in patches {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let place = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..size_of::<u64>()));
        if let Some(place) = place {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
    Ok(true)
}

/// Where which value has to be.
fn patches(bytes: &[u8]) -> object::Result<Option<Vec<(u64, u64)>>> {
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    if header.e_type(LittleEndian) != ET_REL {
        return Ok(None);
    }
    let mut patches = Vec::new();
    let sections = header.sections(LittleEndian, bytes)?;
    let mut bases = vec![0; sections.len()];
    let mut next = ROOM;
    for (number, section) in sections.enumerate() {
        let is_loaded = section.sh_flags(LittleEndian) & u64::from(SHF_ALLOC) != 0;
        let base = bases.get_mut(number.0).filter(|_| is_loaded);
        let Some(base) = base else { continue };
        *base = next;
        let at = header.e_shoff(LittleEndian) + (number.0 * size_of_val(section)) as u64 + SH_ADDR;
        patches.push((at, next));
        let end = next.saturating_add(section.sh_size(LittleEndian));
        next = end.saturating_add(2 * ROOM) & !(ROOM - 1);
    }
    let symbols = sections.symbols(LittleEndian, bytes, SHT_SYMTAB)?;
    let begin = sections.section(symbols.section())?.sh_offset(LittleEndian);
    for (number, symbol) in symbols.enumerate() {
        let section = symbols.symbol_section(LittleEndian, symbol, number)?;
        let base = section.and_then(|section| bases.get(section.0)).copied().unwrap_or(0);
        if base > 0 {
            let at = begin + (number.0 * size_of_val(symbol)) as u64 + ST_VALUE;
            patches.push((at, symbol.st_value(LittleEndian).wrapping_add(base)));
        }
    }
    Ok(Some(patches))
}
