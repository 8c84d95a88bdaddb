// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many tasks that hold a lock at the same time: more than a tracer may have room for.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "dlock.h"

#define DLOCK_HOLD_MAX	16384

static DECLARE_RWSEM(dlock_held);
static atomic_t dlock_holders;

static int dlock_hold_thread(void *unused)
{
	down_read(&dlock_held);
	atomic_inc(&dlock_holders);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	atomic_dec(&dlock_holders);
	up_read(&dlock_held);
	return 0;
}

/* So many tasks hold dlock_held for read, all of them at once; then none. */
int dlock_hold(unsigned int count)
{
	struct task_struct **tasks;
	unsigned int begun;
	int err = 0;

	if (count > DLOCK_HOLD_MAX)
		return -EINVAL;
	tasks = kvcalloc(count, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return -ENOMEM;
	for (begun = 0; begun < count; begun++) {
		tasks[begun] = kthread_run(dlock_hold_thread, NULL,
					   "dlock_hold/%u", begun);
		if (IS_ERR(tasks[begun])) {
			err = PTR_ERR(tasks[begun]);
			break;
		}
	}
	/* A thread that is stopped before it ran takes no lock. */
	while (atomic_read(&dlock_holders) < begun)
		msleep(10);
	while (begun--)
		kthread_stop(tasks[begun]);
	kvfree(tasks);
	return err;
}
