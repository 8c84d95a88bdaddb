// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits that are no locks: whoever writes NAME to /sys/bus/dlock/wait waits, with a lock held, for something that needs that lock. As timed here, both sides
 * run one after the other, or the wait has a timeout, so that nothing hangs. fixed_NAME is the same as it should be.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/rwsem.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "dlock.h"

/* ---- a work item is flushed under a lock that it takes: ib_get_eth_speed() with rtnl ---- */

static noinline void dlock_wait_speed_work(struct work_struct *work)
{
	rtnl_lock();
	rtnl_unlock();
}

/* The fix: it never blocks on what its flusher may hold. */
static noinline void dlock_wait_trylock_work(struct work_struct *work)
{
	while (!rtnl_trylock())
		msleep(20);
	rtnl_unlock();
}

static DECLARE_WORK(dlock_wait_speed, dlock_wait_speed_work);
static DECLARE_WORK(dlock_wait_trylock, dlock_wait_trylock_work);

static noinline void dlock_wait_flush_under_rtnl(struct work_struct *work)
{
	schedule_work(work);
	msleep(50);
	rtnl_lock();
	flush_work(work);
	rtnl_unlock();
}

static void dlock_wait_flush(void)
{
	dlock_wait_flush_under_rtnl(&dlock_wait_speed);
}

static void dlock_wait_fixed_flush(void)
{
	dlock_wait_flush_under_rtnl(&dlock_wait_trylock);
}

/* ---- a queue is flushed under a lock that its items take: mlx5 eswitch mode set ---- */

static struct workqueue_struct *dlock_wait_wq;
static DEFINE_MUTEX(dlock_wait_mode_lock);

static noinline void dlock_wait_event_work(struct work_struct *work)
{
	mutex_lock(&dlock_wait_mode_lock);
	mutex_unlock(&dlock_wait_mode_lock);
}

static DECLARE_WORK(dlock_wait_event, dlock_wait_event_work);

static noinline void dlock_wait_queue(void)
{
	queue_work(dlock_wait_wq, &dlock_wait_event);
	msleep(50);
	mutex_lock(&dlock_wait_mode_lock);
	flush_workqueue(dlock_wait_wq);
	mutex_unlock(&dlock_wait_mode_lock);
}

static DEFINE_MUTEX(dlock_wait_other_lock);

/* The fix: what is held while the queue is flushed is not what its items take. */
static noinline void dlock_wait_fixed_queue(void)
{
	queue_work(dlock_wait_wq, &dlock_wait_event);
	mutex_lock(&dlock_wait_other_lock);
	flush_workqueue(dlock_wait_wq);
	mutex_unlock(&dlock_wait_other_lock);
}

/* ---- an item waits for its turn on an ordered queue, behind one that wants what the flusher holds: mlx5 FIB events ---- */

static struct workqueue_struct *dlock_wait_ordered_wq;
static DECLARE_RWSEM(dlock_wait_fib_rwsem);

static noinline void dlock_wait_writer_work(struct work_struct *work)
{
	down_write(&dlock_wait_fib_rwsem);
	up_write(&dlock_wait_fib_rwsem);
}

static noinline void dlock_wait_idle_work(struct work_struct *work)
{
	msleep(100);
}

static noinline void dlock_wait_behind_work(struct work_struct *work)
{
}

static DECLARE_WORK(dlock_wait_writer, dlock_wait_writer_work);
static DECLARE_WORK(dlock_wait_idle, dlock_wait_idle_work);
static DECLARE_WORK(dlock_wait_behind, dlock_wait_behind_work);

static noinline void dlock_wait_turn(struct workqueue_struct *wq)
{
	queue_work(dlock_wait_ordered_wq, &dlock_wait_writer);
	flush_workqueue(dlock_wait_ordered_wq);
	down_read(&dlock_wait_fib_rwsem);
	queue_work(wq, &dlock_wait_idle);
	queue_work(wq, &dlock_wait_behind);
	flush_work(&dlock_wait_behind);
	up_read(&dlock_wait_fib_rwsem);
}

static void dlock_wait_ordered(void)
{
	dlock_wait_turn(dlock_wait_ordered_wq);
}

/* The fix: a queue of its own. */
static void dlock_wait_fixed_ordered(void)
{
	dlock_wait_turn(dlock_wait_wq);
}

/* ---- a completion is waited for under a lock that the completer needs; the wait has a timeout ---- */

static DEFINE_MUTEX(dlock_wait_cmd_lock);
static DECLARE_COMPLETION(dlock_wait_cmd_done);
static DECLARE_COMPLETION(dlock_wait_fixed_done);

static noinline void dlock_wait_cmd_work(struct work_struct *work)
{
	mutex_lock(&dlock_wait_cmd_lock);
	mutex_unlock(&dlock_wait_cmd_lock);
	complete(&dlock_wait_cmd_done);
}

static noinline void dlock_wait_fixed_cmd_work(struct work_struct *work)
{
	complete(&dlock_wait_fixed_done);
	mutex_lock(&dlock_wait_cmd_lock);
	mutex_unlock(&dlock_wait_cmd_lock);
}

static DECLARE_WORK(dlock_wait_cmd, dlock_wait_cmd_work);
static DECLARE_WORK(dlock_wait_fixed_cmd, dlock_wait_fixed_cmd_work);

static noinline void dlock_wait_completion(void)
{
	reinit_completion(&dlock_wait_cmd_done);
	mutex_lock(&dlock_wait_cmd_lock);
	schedule_work(&dlock_wait_cmd);
	wait_for_completion_timeout(&dlock_wait_cmd_done, 3 * HZ);
	mutex_unlock(&dlock_wait_cmd_lock);
	flush_work(&dlock_wait_cmd);
}

/* The fix: it completes before it takes the lock. */
static noinline void dlock_wait_fixed_completion(void)
{
	reinit_completion(&dlock_wait_fixed_done);
	mutex_lock(&dlock_wait_cmd_lock);
	schedule_work(&dlock_wait_fixed_cmd);
	wait_for_completion_timeout(&dlock_wait_fixed_done, 3 * HZ);
	mutex_unlock(&dlock_wait_cmd_lock);
	flush_work(&dlock_wait_fixed_cmd);
}

/* ---- a thread is stopped under a lock that it takes ---- */

static DEFINE_MUTEX(dlock_wait_thread_lock);

static noinline int dlock_wait_thread(void *unused)
{
	mutex_lock(&dlock_wait_thread_lock);
	mutex_unlock(&dlock_wait_thread_lock);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static noinline void dlock_wait_stop(struct mutex *lock, const char *name)
{
	struct task_struct *thread = kthread_run(dlock_wait_thread, NULL, "%s", name);

	if (IS_ERR(thread))
		return;
	msleep(100);
	mutex_lock(lock);
	kthread_stop(thread);
	mutex_unlock(lock);
}

static void dlock_wait_kthread(void)
{
	dlock_wait_stop(&dlock_wait_thread_lock, "dlock_stopped");
}

static void dlock_wait_fixed_kthread(void)
{
	dlock_wait_stop(&dlock_wait_other_lock, "dlock_fixed");
}

/* ---- readers of SRCU are waited for under a lock that they take ---- */

DEFINE_STATIC_SRCU(dlock_wait_srcu_domain);
static DEFINE_MUTEX(dlock_wait_reader_lock);

static noinline void dlock_wait_srcu_reader(void)
{
	int idx = srcu_read_lock(&dlock_wait_srcu_domain);

	mutex_lock(&dlock_wait_reader_lock);
	mutex_unlock(&dlock_wait_reader_lock);
	srcu_read_unlock(&dlock_wait_srcu_domain, idx);
}

static noinline int dlock_wait_srcu_thread(void *unused)
{
	dlock_wait_srcu_reader();
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static noinline void dlock_wait_grace(struct mutex *lock)
{
	struct task_struct *reader = kthread_run(dlock_wait_srcu_thread, NULL, "dlock_reader");

	if (IS_ERR(reader))
		return;
	msleep(50);
	kthread_stop(reader);
	mutex_lock(lock);
	synchronize_srcu(&dlock_wait_srcu_domain);
	mutex_unlock(lock);
}

static void dlock_wait_srcu(void)
{
	dlock_wait_grace(&dlock_wait_reader_lock);
}

static void dlock_wait_fixed_srcu(void)
{
	dlock_wait_grace(&dlock_wait_other_lock);
}

/* ---- a file of sysfs is removed under a lock that its reader takes: net-sysfs with rtnl ---- */

static struct kobject *dlock_wait_kobj;

static noinline ssize_t guarded_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	rtnl_lock();
	rtnl_unlock();
	return sysfs_emit(buf, "guarded\n");
}

/* The fix: it comes back when rtnl is held. */
static noinline ssize_t trying_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	if (!rtnl_trylock())
		return restart_syscall();
	rtnl_unlock();
	return sysfs_emit(buf, "trying\n");
}

static struct kobj_attribute dlock_wait_guarded = __ATTR_RO(guarded);
static struct kobj_attribute dlock_wait_trying = __ATTR_RO(trying);

static noinline void dlock_wait_remove_under_rtnl(struct kobj_attribute *attr)
{
	rtnl_lock();
	sysfs_remove_file(dlock_wait_kobj, &attr->attr);
	rtnl_unlock();
	WARN_ON(sysfs_create_file(dlock_wait_kobj, &attr->attr));
}

static void dlock_wait_kernfs(void)
{
	dlock_wait_remove_under_rtnl(&dlock_wait_guarded);
}

static void dlock_wait_fixed_kernfs(void)
{
	dlock_wait_remove_under_rtnl(&dlock_wait_trying);
}

/* ---- a network device is referred to for a while after its network namespace is deleted: cleanup_net() waits for that with pernet_ops_rwsem ---- */

static struct net_device *dlock_wait_netdev;

static noinline void dlock_wait_put_netdev(struct work_struct *work)
{
	dev_put(dlock_wait_netdev);
	dlock_wait_netdev = NULL;
}

static DECLARE_DELAYED_WORK(dlock_wait_put, dlock_wait_put_netdev);

static void dlock_wait_refer(unsigned long delay)
{
	flush_delayed_work(&dlock_wait_put);
	dlock_wait_netdev = dev_get_by_name(current->nsproxy->net_ns, "referred");
	if (!WARN_ON(!dlock_wait_netdev))
		schedule_delayed_work(&dlock_wait_put, delay);
}

static void dlock_wait_netdev_reference(void)
{
	dlock_wait_refer(6 * HZ);
}

/* The fix: it is given back before anybody notices. */
static void dlock_wait_fixed_netdev_reference(void)
{
	dlock_wait_refer(HZ / 10);
}

/* ---- what a person writes ---- */

#define DLOCK_WAIT(NAME)	{ #NAME, dlock_wait_##NAME }, { "fixed_" #NAME, dlock_wait_fixed_##NAME }

static const struct {
	const char *name;
	void (*wait)(void);
} dlock_waits[] = {
	DLOCK_WAIT(flush),
	DLOCK_WAIT(queue),
	DLOCK_WAIT(ordered),
	DLOCK_WAIT(completion),
	DLOCK_WAIT(kthread),
	DLOCK_WAIT(srcu),
	DLOCK_WAIT(kernfs),
	DLOCK_WAIT(netdev_reference),
};

int dlock_wait(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dlock_waits); i++) {
		if (sysfs_streq(name, dlock_waits[i].name)) {
			dlock_waits[i].wait();
			return 0;
		}
	}
	return -EINVAL;
}

int dlock_wait_init(void)
{
	int err = -ENOMEM;

	dlock_wait_wq = alloc_workqueue("dlock_wait", WQ_UNBOUND, 0);
	if (!dlock_wait_wq)
		return err;
	dlock_wait_ordered_wq = alloc_ordered_workqueue("dlock_ordered", 0);
	if (!dlock_wait_ordered_wq)
		goto err_wq;
	dlock_wait_kobj = kobject_create_and_add("dlock", kernel_kobj);
	if (!dlock_wait_kobj)
		goto err_ordered;
	err = sysfs_create_file(dlock_wait_kobj, &dlock_wait_guarded.attr);
	if (err)
		goto err_kobj;
	err = sysfs_create_file(dlock_wait_kobj, &dlock_wait_trying.attr);
	if (err)
		goto err_kobj;
	return 0;

err_kobj:
	kobject_put(dlock_wait_kobj);
err_ordered:
	destroy_workqueue(dlock_wait_ordered_wq);
err_wq:
	destroy_workqueue(dlock_wait_wq);
	return err;
}

void dlock_wait_exit(void)
{
	flush_delayed_work(&dlock_wait_put);
	kobject_put(dlock_wait_kobj);
	destroy_workqueue(dlock_wait_ordered_wq);
	destroy_workqueue(dlock_wait_wq);
}
