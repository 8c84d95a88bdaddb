// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pair of lock and unlock costs, for `cargo xtask bench hot-path`: a module of its own, beside dlock.
 *
 * Reading a file of debugfs's hotpath/ runs many rounds of many pairs, and gives the best and the median round in nanoseconds per pair.
 * They run in a thread of the module: it holds nothing else, whatever the reader holds, and is one and the same task all the time.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sort.h>

#include "compat.h"

#define HOTPATH_PAIRS	2000	/* of one round */
#define HOTPATH_ROUNDS	51
#define HOTPATH_BELOW	8

static DEFINE_MUTEX(hotpath_a);
static DEFINE_MUTEX(hotpath_b);
static DECLARE_RWSEM(hotpath_sem);

/* Each of a class of its own: lockdep takes two of one class for a recursion. */
static struct mutex hotpath_below[HOTPATH_BELOW];
static struct lock_class_key hotpath_below_keys[HOTPATH_BELOW];

static struct kthread_worker *hotpath_worker;
static struct dentry *hotpath_dir;

static noinline void hotpath_mutex(void)
{
	int i;

	for (i = 0; i < HOTPATH_PAIRS; i++) {
		mutex_lock(&hotpath_a);
		mutex_unlock(&hotpath_a);
	}
}

/* Two pairs at a time, one inside the other. */
static noinline void hotpath_nested(void)
{
	int i;

	for (i = 0; i < HOTPATH_PAIRS / 2; i++) {
		mutex_lock(&hotpath_a);
		mutex_lock(&hotpath_b);
		mutex_unlock(&hotpath_b);
		mutex_unlock(&hotpath_a);
	}
}

static noinline void hotpath_readers(void)
{
	int i;

	for (i = 0; i < HOTPATH_PAIRS; i++) {
		down_read(&hotpath_sem);
		up_read(&hotpath_sem);
	}
}

/* With more locks held than most code ever holds; taking these is a fraction of a percent of a round. */
static noinline void hotpath_deep(void)
{
	int i;

	for (i = 0; i < HOTPATH_BELOW; i++)
		mutex_lock(&hotpath_below[i]);
	hotpath_mutex();
	while (i--)
		mutex_unlock(&hotpath_below[i]);
}

static const struct hotpath_kind {
	const char *name;
	void (*round)(void);
} hotpath_kinds[] = {
	{ "mutex", hotpath_mutex },
	{ "nested", hotpath_nested },
	{ "readers", hotpath_readers },
	{ "deep", hotpath_deep },
};

struct hotpath_request {
	struct kthread_work work;
	const struct hotpath_kind *kind;
	u64 rounds[HOTPATH_ROUNDS];	/* ns, shortest first when it is done */
};

static int hotpath_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void hotpath_work(struct kthread_work *work)
{
	struct hotpath_request *request = container_of(work, struct hotpath_request, work);
	int i;

	for (i = 0; i < HOTPATH_ROUNDS; i++) {
		u64 start = ktime_get_ns();

		request->kind->round();
		request->rounds[i] = ktime_get_ns() - start;
		cond_resched();
	}
	sort(request->rounds, HOTPATH_ROUNDS, sizeof(u64), hotpath_compare, NULL);
}

static ssize_t hotpath_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	struct hotpath_request request = { .kind = file_inode(file)->i_private };
	char text[64];
	int length;

	if (*at)
		return 0;
	kthread_init_work(&request.work, hotpath_work);
	kthread_queue_work(hotpath_worker, &request.work);
	kthread_flush_work(&request.work);
	length = scnprintf(text, sizeof(text), "%llu %llu\n",
			   div_u64(request.rounds[0], HOTPATH_PAIRS),
			   div_u64(request.rounds[HOTPATH_ROUNDS / 2], HOTPATH_PAIRS));
	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations hotpath_fops = {
	.owner = THIS_MODULE,
	.read = hotpath_read,
};

static int __init hotpath_init(void)
{
	int i;

	for (i = 0; i < HOTPATH_BELOW; i++) {
		mutex_init(&hotpath_below[i]);
		lockdep_set_class(&hotpath_below[i], &hotpath_below_keys[i]);
	}
	hotpath_worker = kthread_run_worker(0, "hotpath");
	if (IS_ERR(hotpath_worker))
		return PTR_ERR(hotpath_worker);
	hotpath_dir = debugfs_create_dir("hotpath", NULL);
	for (i = 0; i < ARRAY_SIZE(hotpath_kinds); i++)
		debugfs_create_file(hotpath_kinds[i].name, 0400, hotpath_dir,
				    (void *)&hotpath_kinds[i], &hotpath_fops);
	return 0;
}

static void __exit hotpath_exit(void)
{
	debugfs_remove(hotpath_dir);
	kthread_destroy_worker(hotpath_worker);
}

module_init(hotpath_init);
module_exit(hotpath_exit);

MODULE_DESCRIPTION("Times pairs of lock and unlock");
MODULE_LICENSE("GPL");
