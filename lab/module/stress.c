// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many tasks on four hot locks, always in the order 1, 2, 3, 4 where they wait: mutexes and rwsems, tried, killed while they wait, read, written,
 * downgraded, released in any order. There is nothing to be found here; whatever a tracer finds it made up.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>

#include "dlock.h"

#define DLOCK_STRESS_TASKS	16
#define DLOCK_STRESS_MAX	600

static DEFINE_MUTEX(dlock_stress_1);
static DECLARE_RWSEM(dlock_stress_2);
static DEFINE_MUTEX(dlock_stress_3);
static DECLARE_RWSEM(dlock_stress_4);

/* One at a time; not part of the order, its holder takes none of the above. */
static DEFINE_MUTEX(dlock_stress_control);

/* Whether rwsems are read, too. */
static bool dlock_stress_readers;

/* Takes @lock in one of four ways; false when it was not got. */
static bool dlock_stress_lock(struct mutex *lock, unsigned int way)
{
	switch (way % 4) {
	case 0:
		return mutex_trylock(lock);
	case 1:
		return !mutex_lock_interruptible(lock);
	case 2:
		return !mutex_lock_killable(lock);
	default:
		mutex_lock(lock);
		return true;
	}
}

/* Takes @sem in one of eight ways; what releases it, or NULL when it was not got. */
static void (*dlock_stress_down(struct rw_semaphore *sem, unsigned int way))(struct rw_semaphore *)
{
	if (!READ_ONCE(dlock_stress_readers))
		way = way % 3 * 2 + 1;	/* one of those that write */
	switch (way % 8) {
	case 0:
		return down_read_trylock(sem) ? up_read : NULL;
	case 1:
		return down_write_trylock(sem) ? up_write : NULL;
	case 2:
		return down_read_killable(sem) ? NULL : up_read;
	case 3:
		return down_write_killable(sem) ? NULL : up_write;
	case 4:
		down_write(sem);
		downgrade_write(sem);
		return up_read;
	case 5:
		down_write(sem);
		return up_write;
	default:
		down_read(sem);
		return up_read;
	}
}

static void dlock_stress_dwell(unsigned int way)
{
	if (way % 8 == 0)
		usleep_range(50, 200);
	else
		udelay(way % 8);
}

/* What @dice says, 3 bits or fewer at a time. */
static noinline void dlock_stress_round(u32 dice)
{
	void (*up_2)(struct rw_semaphore *) = NULL;
	void (*up_4)(struct rw_semaphore *) = NULL;
	bool one = false, three = false;

	if (dice & BIT(0))
		one = dlock_stress_lock(&dlock_stress_1, dice >> 4);
	if (dice & BIT(1))
		up_2 = dlock_stress_down(&dlock_stress_2, dice >> 6);
	if (dice & BIT(2))
		three = dlock_stress_lock(&dlock_stress_3, dice >> 9);
	if (dice & BIT(3))
		up_4 = dlock_stress_down(&dlock_stress_4, dice >> 11);
	dlock_stress_dwell(dice >> 14);

	/* Against the order, but it does not wait: no dependency. */
	if (!one && mutex_trylock(&dlock_stress_1))
		mutex_unlock(&dlock_stress_1);

	if (one && dice & BIT(17)) {
		mutex_unlock(&dlock_stress_1);
		one = false;
	}
	if (up_4)
		up_4(&dlock_stress_4);
	if (up_2)
		up_2(&dlock_stress_2);
	if (three)
		mutex_unlock(&dlock_stress_3);
	if (one)
		mutex_unlock(&dlock_stress_1);
}

static int dlock_stress_thread(void *unused)
{
	/* What makes interruptible and killable requests fail, and ends nothing. */
	allow_signal(SIGINT);
	allow_signal(SIGKILL);
	while (!kthread_should_stop()) {
		dlock_stress_round(get_random_u32());
		if (signal_pending(current))
			flush_signals(current);
		cond_resched();
	}
	return 0;
}

/* Runs the tasks for so many seconds, or until the caller is interrupted. */
int dlock_stress(unsigned int seconds, bool readers)
{
	struct task_struct *tasks[DLOCK_STRESS_TASKS];
	unsigned long end = jiffies + seconds * HZ;
	int i, count, err;

	if (seconds > DLOCK_STRESS_MAX)
		return -EINVAL;
	err = mutex_lock_interruptible(&dlock_stress_control);
	if (err)
		return err;
	WRITE_ONCE(dlock_stress_readers, readers);
	for (count = 0; count < DLOCK_STRESS_TASKS; count++) {
		tasks[count] = kthread_run(dlock_stress_thread, NULL,
					   "dlock_stress/%d", count);
		if (IS_ERR(tasks[count])) {
			err = PTR_ERR(tasks[count]);
			break;
		}
	}
	while (!err && time_before(jiffies, end)) {
		u32 dice = get_random_u32();

		send_sig(dice & BIT(0) ? SIGKILL : SIGINT,
			 tasks[(dice >> 1) % count], 1);
		if (msleep_interruptible(5))
			err = -EINTR;
	}
	for (i = 0; i < count; i++)
		kthread_stop(tasks[i]);
	mutex_unlock(&dlock_stress_control);
	return err;
}
