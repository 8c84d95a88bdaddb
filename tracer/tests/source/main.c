/* The place by which the folder of the source is known, as in the kernel. */
#include "take.h"

#ifdef BANNER
const char linux_banner[] = "Linux version " BANNER " (who@where) (cc 1.0) #7 SMP Debian\n";
#endif

KEPT void kernel_init(void)
{
	sink++;
}

/* The same in dev.c. */
KEPT static void twin(void)
{
	sink++;
}

/* Another size than in dev.c. */
KEPT static void pair(void)
{
	sink++;
	sink *= 3;
	sink++;
	sink *= 3;
	sink++;
	sink *= 3;
	sink++;
}
