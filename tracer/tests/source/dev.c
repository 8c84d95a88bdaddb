/* A function with a known place in it, and one that is inlined. */
#include "take.h"

#ifdef MAGIC
KEPT static const char vermagic[] __attribute__((section(".modinfo"))) = "vermagic=" MAGIC " SMP mod_unload";
#endif

KEPT void outer(int x)
{
	sink = x;
	__asm__ volatile("nop\nafter_nop:"); /* mark: nop */
	sink += x;
	take(x); /* mark: call */
	sink *= x;
}

KEPT void other(int x)
{
	sink = x; /* mark: other */
}

KEPT static void twin(void)
{
	sink++;
}

KEPT static void pair(void)
{
	sink++; /* mark: pair */
}
