//! Memory of this process.

/// The most that the C library takes for the threshold above which memory is mapped on its own (`HEAP_MAX_SIZE / 2`).
const MAX_THRESHOLD: libc::c_int = 32 << 20;

/// Gives back what the start has freed: most of what it needed. Once, before anything is traced.
pub fn give_memory_back() {
    // SAFETY: has no preconditions.
    unsafe { libc::malloc_trim(0) };
}

/// Memory that is freed stays in this process. To give it back takes `mmap_lock` for write, each time, and what this process is preempted in is missed
/// of others.
pub fn keep_memory() {
    // SAFETY: sets numbers of the allocator; what it does not know it refuses.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAX_THRESHOLD);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}
