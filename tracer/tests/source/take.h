/* What is inlined. */
#define KEPT __attribute__((noinline, used))

extern volatile int sink;
#ifndef MAGIC
__attribute__((weak)) volatile int sink;
#endif

static inline __attribute__((always_inline)) void take(int x)
{
	sink = x / 3;
	__asm__ volatile("nop\nafter_take:"); /* mark: take */
}
