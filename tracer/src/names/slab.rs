//! Which slab cache an object is of: the last that can be told of memory without a type.
//!
//! From an address in the direct map to its page, from there to the cache (`mm/slab.h`, `include/linux/mm_types.h`). What is read is believed
//! when the cache is itself an object of the cache `kmem_cache`.

use super::{memory::Memory, symbol::Symbols, types::Types};

const PAGE: u64 = 4096;
/// Names of caches are shorter.
const MAX_NAME: usize = 64;

/// Where things are on this kernel.
pub struct Slabs {
    direct_map: u64,
    direct_map_end: u64,
    pages: u64,
    page_size: u64,
    head: u64,
    cache: u64,
    name: u64,
    size: u64,
}

impl Slabs {
    /// Looks it up; none when this kernel keeps it elsewhere.
    pub fn new(types: &Types, memory: &dyn Memory, symbols: &Symbols) -> Option<Self> {
        let base = |name| memory.word(symbols.address(name)?);
        let page = types.structure("page")?;
        let cache = types.structure("kmem_cache")?;
        let slab_cache = |structure| types.offset(types.structure(structure)?, "slab_cache");
        Some(Self {
            direct_map: base("page_offset_base")?,
            direct_map_end: base("vmalloc_base")?,
            pages: base("vmemmap_base")?,
            page_size: types.size_of(page)?,
            head: types
                .offset(page, "compound_head")
                .or_else(|| types.offset(page, "compound_info"))?,
            // Since 5.17 the slab has a structure of its own.
            cache: slab_cache("slab").or_else(|| slab_cache("page"))?,
            name: types.offset(cache, "name")?,
            size: types.offset(cache, "size")?,
        })
    }

    /// The cache of the object that an address is in, and where in it: `kmalloc-512+0x48`.
    pub fn describe(&self, address: u64, memory: &dyn Memory) -> Option<String> {
        let (cache, slab) = self.cache_of(address, memory)?;
        let (caches, _) = self.cache_of(cache, memory)?;
        if self.name_of(caches, memory)? != "kmem_cache" {
            return None;
        }
        let size = memory.word(cache + self.size)? & u64::from(u32::MAX);
        let offset = (address - slab).checked_rem(size)?;
        Some(format!("{}+{offset:#x}", self.name_of(cache, memory)?))
    }

    fn name_of(&self, cache: u64, memory: &dyn Memory) -> Option<String> {
        memory.string(memory.word(cache.checked_add(self.name)?)?, MAX_NAME)
    }

    /// The cache, and where the slab begins.
    fn cache_of(&self, address: u64, memory: &dyn Memory) -> Option<(u64, u64)> {
        if !(self.direct_map..self.direct_map_end).contains(&address) {
            return None;
        }
        let page = self.pages + (address - self.direct_map) / PAGE * self.page_size;
        // Bit 0 is set in all pages but the first of several; the rest is that one's address.
        let head = match memory.word(page + self.head)? {
            head if head & 1 != 0 => head - 1,
            _ => page,
        };
        let number = head.checked_sub(self.pages)?.checked_div(self.page_size)?;
        let slab = self.direct_map.checked_add(number.checked_mul(PAGE)?)?;
        let cache = memory.word(head.checked_add(self.cache)?)?;
        (slab <= address).then_some((cache, slab))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::memory::Image, *};

    const MAP: u64 = 0xffff_8880_0000_0000;
    const PAGES: u64 = 0xffff_ea00_0000_0000;
    const SLABS: Slabs = Slabs {
        direct_map: MAP,
        direct_map_end: MAP + (1 << 40),
        pages: PAGES,
        page_size: 64,
        head: 8,
        cache: 24,
        name: 0,
        size: 8,
    };

    /// Pages 0 and 1 are a slab of 512-byte objects, page 2 has the caches: itself at its begin, the other behind it.
    fn image(name_of_caches: &[u8]) -> Image {
        let mut pages = vec![0; 3 * 64];
        pages[24..32].copy_from_slice(&(MAP + 2 * 4096 + 64).to_le_bytes());
        pages[64 + 8..64 + 16].copy_from_slice(&(PAGES + 1).to_le_bytes());
        pages[128 + 24..128 + 32].copy_from_slice(&(MAP + 2 * 4096).to_le_bytes());
        let mut caches = vec![0; 1024];
        caches[0..8].copy_from_slice(&(MAP + 2 * 4096 + 512).to_le_bytes());
        caches[8..16].copy_from_slice(&64u64.to_le_bytes());
        caches[64..72].copy_from_slice(&(MAP + 2 * 4096 + 640).to_le_bytes());
        caches[72..80].copy_from_slice(&512u64.to_le_bytes());
        caches[512..512 + name_of_caches.len()].copy_from_slice(name_of_caches);
        caches[640..652].copy_from_slice(b"kmalloc-512\0");
        Image(vec![(PAGES, pages), (MAP + 2 * 4096, caches)])
    }

    #[test]
    fn cache_and_offset_in_the_object() {
        let image = image(b"kmem_cache\0");
        let told = |address| SLABS.describe(MAP + address, &image);
        assert_eq!(told(0x48).as_deref(), Some("kmalloc-512+0x48"));
        assert_eq!(
            told(4096 + 512 + 8).as_deref(),
            Some("kmalloc-512+0x8"),
            "in the second page"
        );
        assert_eq!(told(2 * 4096 + 64 + 4).as_deref(), Some("kmem_cache+0x4"));
    }

    #[test]
    fn what_is_no_slab_is_not_believed() {
        assert_eq!(SLABS.describe(MAP + 0x48, &image(b"something\0")), None);
        assert_eq!(SLABS.describe(MAP - 8, &image(b"kmem_cache\0")), None);
        assert_eq!(SLABS.describe(MAP + 5 * 4096, &image(b"kmem_cache\0")), None);
    }
}
