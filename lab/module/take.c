// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of sleeping lock, taken by whoever writes to /sys/bus/dlock/take: two of a kind in one order (KIND_ab) or the other (KIND_ba), and
 * memory that is one lock after another. Nothing is held around it, so the two orders in two tasks could deadlock.
 */
#include <linux/mutex.h>
#include <linux/percpu-rwsem.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/ww_mutex.h>

#include "dlock.h"
#include "compat.h"

/* Functions dlock_KIND_ab() and dlock_KIND_ba(). */
#define DLOCK_ORDERS(KIND, A, B, LOCK, UNLOCK)				\
static noinline void dlock_##KIND##_ab(void)				\
{									\
	LOCK(A);							\
	LOCK(B);							\
	UNLOCK(B);							\
	UNLOCK(A);							\
}									\
static noinline void dlock_##KIND##_ba(void)				\
{									\
	LOCK(B);							\
	LOCK(A);							\
	UNLOCK(A);							\
	UNLOCK(B);							\
}

static DEFINE_MUTEX(dlock_mutex_a);
static DEFINE_MUTEX(dlock_mutex_b);
DLOCK_ORDERS(mutex, &dlock_mutex_a, &dlock_mutex_b, mutex_lock, mutex_unlock)

static DECLARE_RWSEM(dlock_rwsem_a);
static DECLARE_RWSEM(dlock_rwsem_b);
DLOCK_ORDERS(rwsem, &dlock_rwsem_a, &dlock_rwsem_b, down_write, up_write)

/* No more than readers: needs a writer in between to deadlock. */
static DECLARE_RWSEM(dlock_readers_a);
static DECLARE_RWSEM(dlock_readers_b);
DLOCK_ORDERS(readers, &dlock_readers_a, &dlock_readers_b, down_read, up_read)

static DLOCK_DEFINE_SEMAPHORE(dlock_semaphore_a);
static DLOCK_DEFINE_SEMAPHORE(dlock_semaphore_b);
DLOCK_ORDERS(semaphore, &dlock_semaphore_a, &dlock_semaphore_b, down, up)

static DEFINE_RT_MUTEX(dlock_rt_mutex_a);
static DEFINE_RT_MUTEX(dlock_rt_mutex_b);
DLOCK_ORDERS(rt_mutex, &dlock_rt_mutex_a, &dlock_rt_mutex_b, rt_mutex_lock, rt_mutex_unlock)

DEFINE_STATIC_PERCPU_RWSEM(dlock_percpu_a);
DEFINE_STATIC_PERCPU_RWSEM(dlock_percpu_b);
DLOCK_ORDERS(percpu, &dlock_percpu_a, &dlock_percpu_b, percpu_down_write, percpu_up_write)

/* ---- wound/wait mutexes: with an acquire context they back off, without one they are mutexes ---- */

static DEFINE_WW_CLASS(dlock_ww_class);
/* Initialised by dlock_take_init(): newer kernels cannot do it at build time. */
static struct ww_mutex dlock_ww_plain_a;
static struct ww_mutex dlock_ww_plain_b;
static struct ww_mutex dlock_ww_context_a;
static struct ww_mutex dlock_ww_context_b;

static __always_inline void dlock_ww_lock(struct ww_mutex *lock)
{
	/* Cannot fail without a context. */
	WARN_ON(ww_mutex_lock(lock, NULL));
}

DLOCK_ORDERS(ww_plain, &dlock_ww_plain_a, &dlock_ww_plain_b, dlock_ww_lock, ww_mutex_unlock)

static noinline void dlock_ww_back_off(struct ww_mutex *first,
				       struct ww_mutex *second)
{
	struct ww_acquire_ctx ctx;
	int err;

	ww_acquire_init(&ctx, &dlock_ww_class);
	err = ww_mutex_lock(first, &ctx);
	if (!err) {
		while ((err = ww_mutex_lock(second, &ctx)) == -EDEADLK) {
			ww_mutex_unlock(first);
			ww_mutex_lock_slow(second, &ctx);
			swap(first, second);
		}
		ww_acquire_done(&ctx);
		if (!err)
			ww_mutex_unlock(second);
		ww_mutex_unlock(first);
	}
	ww_acquire_fini(&ctx);
}

static noinline void dlock_ww_context_ab(void)
{
	dlock_ww_back_off(&dlock_ww_context_a, &dlock_ww_context_b);
}

static noinline void dlock_ww_context_ba(void)
{
	dlock_ww_back_off(&dlock_ww_context_b, &dlock_ww_context_a);
}

/* ---- lifetimes: one piece of memory ---- */

static DEFINE_MUTEX(dlock_static);
static struct mutex *dlock_memory;

/* One and the same lock. */
DLOCK_ORDERS(kept, dlock_memory, &dlock_static, mutex_lock, mutex_unlock)

/* As above, but the memory is another lock, of another class, each time. */
static noinline void dlock_reused_ab(void)
{
	struct mutex *dlock_first = dlock_memory;

	mutex_init(dlock_first);
	mutex_lock(dlock_first);
	mutex_lock(&dlock_static);
	mutex_unlock(&dlock_static);
	mutex_unlock(dlock_first);
	mutex_destroy(dlock_first);
}

static noinline void dlock_reused_ba(void)
{
	struct mutex *dlock_second = dlock_memory;

	mutex_init(dlock_second);
	mutex_lock(&dlock_static);
	mutex_lock(dlock_second);
	mutex_unlock(dlock_second);
	mutex_unlock(&dlock_static);
	mutex_destroy(dlock_second);
}

/* The bug: initialised while it is held. The initialisation is what frees it. */
static noinline void dlock_init_held(void)
{
	mutex_lock(dlock_memory);
	mutex_init(dlock_memory);
}

static noinline void dlock_init_free(void)
{
	mutex_lock(dlock_memory);
	mutex_unlock(dlock_memory);
	mutex_init(dlock_memory);
}

/* ---- what a person writes ---- */

#define DLOCK_TAKE(NAME)	{ #NAME, dlock_##NAME }
#define DLOCK_BOTH(KIND)	DLOCK_TAKE(KIND##_ab), DLOCK_TAKE(KIND##_ba)

static const struct {
	const char *name;
	void (*take)(void);
} dlock_takes[] = {
	DLOCK_BOTH(mutex),
	DLOCK_BOTH(rwsem),
	DLOCK_BOTH(readers),
	DLOCK_BOTH(semaphore),
	DLOCK_BOTH(rt_mutex),
	DLOCK_BOTH(percpu),
	DLOCK_BOTH(ww_plain),
	DLOCK_BOTH(ww_context),
	DLOCK_BOTH(kept),
	DLOCK_BOTH(reused),
	DLOCK_TAKE(init_held),
	DLOCK_TAKE(init_free),
};

int dlock_take(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dlock_takes); i++) {
		if (sysfs_streq(name, dlock_takes[i].name)) {
			dlock_takes[i].take();
			return 0;
		}
	}
	return -EINVAL;
}

int dlock_take_init(void)
{
	dlock_memory = kmalloc(sizeof(*dlock_memory), GFP_KERNEL);
	if (!dlock_memory)
		return -ENOMEM;
	mutex_init(dlock_memory);
	ww_mutex_init(&dlock_ww_plain_a, &dlock_ww_class);
	ww_mutex_init(&dlock_ww_plain_b, &dlock_ww_class);
	ww_mutex_init(&dlock_ww_context_a, &dlock_ww_class);
	ww_mutex_init(&dlock_ww_context_b, &dlock_ww_class);
	return 0;
}

void dlock_take_exit(void)
{
	kfree(dlock_memory);
}
