// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part that is PCI to mlx5: a bus, devices on it, and a driver that the
 * driver core binds to them under their device lock. Also what a person sees:
 * module parameters and the attributes of a bound device.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "dlock.h"
#include "compat.h"

static const char * const dlock_mode_names[] = {
	[DLOCK_MODE_NOTIFIER] = "notifier",
	[DLOCK_MODE_PERNET] = "pernet",
	[DLOCK_MODE_NONE] = "none",
	[DLOCK_MODE_ABBA] = "abba",
	[DLOCK_MODE_ORDERED] = "ordered",
	[DLOCK_MODE_CHAINS] = "chains",
};

static const char * const dlock_nb_state_names[] = {
	[DLOCK_NB_NONE] = "none",
	[DLOCK_NB_GLOBAL] = "global",
	[DLOCK_NB_NET] = "net",
};

static unsigned int instances = 1;
module_param(instances, uint, 0444);
MODULE_PARM_DESC(instances, "number of devices, 1 to 16 (default 1)");

static enum dlock_mode default_mode = DLOCK_MODE_NOTIFIER;

static int dlock_param_mode_set(const char *val, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(dlock_mode_names, val);

	if (mode < 0)
		return mode;
	default_mode = mode;
	return 0;
}

static int dlock_param_mode_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", dlock_mode_names[default_mode]);
}

static const struct kernel_param_ops dlock_param_mode_ops = {
	.set = dlock_param_mode_set,
	.get = dlock_param_mode_get,
};
module_param_cb(mode, &dlock_param_mode_ops, NULL, 0444);
MODULE_PARM_DESC(mode, "mode that devices start in: notifier (default), pernet, none, abba, ordered, chains");

/* ---- attributes, there while the driver is bound ---- */

static ssize_t mode_show(struct device *d, struct device_attribute *attr,
			 char *buf)
{
	struct dlock_dev *dev = dev_get_drvdata(d);
	enum dlock_mode current_mode = READ_ONCE(dev->mode);
	int mode, len = 0;

	for (mode = 0; mode < ARRAY_SIZE(dlock_mode_names); mode++)
		len += sysfs_emit_at(buf, len,
				     mode == current_mode ? "%s[%s]" : "%s%s",
				     mode ? " " : "", dlock_mode_names[mode]);
	len += sysfs_emit_at(buf, len, "\n");
	return len;
}

/* Takes no lock: what is registered stays until the next reload. */
static ssize_t mode_store(struct device *d, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct dlock_dev *dev = dev_get_drvdata(d);
	int mode = sysfs_match_string(dlock_mode_names, buf);

	if (mode < 0)
		return mode;
	WRITE_ONCE(dev->mode, mode);
	return count;
}
static DEVICE_ATTR_RW(mode);

static ssize_t registered_show(struct device *d, struct device_attribute *attr,
			       char *buf)
{
	struct dlock_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%s\n",
			  dlock_nb_state_names[READ_ONCE(dev->nb_state)]);
}
static DEVICE_ATTR_RO(registered);

static struct attribute *dlock_attrs[] = {
	&dev_attr_mode.attr,
	&dev_attr_registered.attr,
	NULL
};
ATTRIBUTE_GROUPS(dlock);

/* ---- bus and driver ---- */

static ssize_t take_store(DLOCK_BUS_CONST struct bus_type *bus,
			  const char *buf, size_t count)
{
	return dlock_take(buf) ?: count;
}
static BUS_ATTR_WO(take);

static ssize_t wait_store(DLOCK_BUS_CONST struct bus_type *bus,
			  const char *buf, size_t count)
{
	return dlock_wait(buf) ?: count;
}
static BUS_ATTR_WO(wait);

static ssize_t stress_store(DLOCK_BUS_CONST struct bus_type *bus,
			    const char *buf, size_t count)
{
	unsigned int seconds;
	char word[8];

	switch (sscanf(buf, "%u %7s", &seconds, word)) {
	case 1:
		return dlock_stress(seconds, false) ?: count;
	case 2:
		if (!strcmp(word, "readers"))
			return dlock_stress(seconds, true) ?: count;
	}
	return -EINVAL;
}
static BUS_ATTR_WO(stress);

static ssize_t hold_store(DLOCK_BUS_CONST struct bus_type *bus,
			  const char *buf, size_t count)
{
	unsigned int tasks;

	return kstrtouint(buf, 0, &tasks) ?: dlock_hold(tasks) ?: count;
}
static BUS_ATTR_WO(hold);

static struct attribute *dlock_bus_attrs[] = {
	&bus_attr_take.attr,
	&bus_attr_wait.attr,
	&bus_attr_stress.attr,
	&bus_attr_hold.attr,
	NULL
};
ATTRIBUTE_GROUPS(dlock_bus);

static struct bus_type dlock_bus = {
	.name = "dlock",
	.bus_groups = dlock_bus_groups,
};

static int dlock_probe(struct device *d)
{
	return dlock_core_probe(to_dlock_bus_dev(d), default_mode);
}

static int dlock_remove(struct device *d)
{
	dlock_core_remove(to_dlock_bus_dev(d));
	return 0;
}

static struct device_driver dlock_driver = {
	.name = "dlock",
	.bus = &dlock_bus,
	.owner = THIS_MODULE,
	.probe = dlock_probe,
	.remove = dlock_remove,
	.dev_groups = dlock_groups,
	.probe_type = PROBE_FORCE_SYNCHRONOUS,
};

/* ---- devices ---- */

static struct dlock_bus_dev *dlock_bus_devs[DLOCK_MAX_INSTANCES];

/*
 * Newer kernels free a devlink instance, and with it the last reference to its
 * device, from RCU work. The module must not go before that, its code is what
 * the release runs: count the devices and wait for the last one.
 */
static atomic_t dlock_nr_devs = ATOMIC_INIT(1);
static DECLARE_COMPLETION(dlock_devs_released);

static void dlock_nr_devs_put(void)
{
	if (atomic_dec_and_test(&dlock_nr_devs))
		complete(&dlock_devs_released);
}

static void dlock_bus_dev_release(struct device *d)
{
	kfree(to_dlock_bus_dev(d));
	dlock_nr_devs_put();
}

static struct dlock_bus_dev *dlock_bus_dev_add(unsigned int id)
{
	struct dlock_bus_dev *bus_dev = kzalloc(sizeof(*bus_dev), GFP_KERNEL);
	int err;

	if (!bus_dev)
		return ERR_PTR(-ENOMEM);

	bus_dev->id = id;
	bus_dev->dev.bus = &dlock_bus;
	bus_dev->dev.release = dlock_bus_dev_release;
	atomic_inc(&dlock_nr_devs);
	device_initialize(&bus_dev->dev);
	err = dev_set_name(&bus_dev->dev, "dlock%u", id);
	if (!err)
		err = device_add(&bus_dev->dev);
	if (err) {
		put_device(&bus_dev->dev);
		return ERR_PTR(err);
	}
	return bus_dev;
}

static void dlock_bus_devs_del(unsigned int count)
{
	while (count--)
		device_unregister(&dlock_bus_devs[count]->dev);
}

static void dlock_bus_devs_wait_released(void)
{
	dlock_nr_devs_put();
	wait_for_completion(&dlock_devs_released);
}

static int __init dlock_init(void)
{
	unsigned int i;
	int err;

	if (instances < 1 || instances > DLOCK_MAX_INSTANCES) {
		pr_err("dlock: instances must be 1 to %d\n",
		       DLOCK_MAX_INSTANCES);
		return -EINVAL;
	}

	err = dlock_take_init();
	if (err)
		return err;
	err = dlock_wait_init();
	if (err)
		goto err_take;
	err = bus_register(&dlock_bus);
	if (err)
		goto err_wait;
	/* Before the devices, so that a child is probed as it is added. */
	err = dlock_ib_driver_register();
	if (err)
		goto err_bus;
	err = driver_register(&dlock_driver);
	if (err)
		goto err_ib_driver;

	for (i = 0; i < instances; i++) {
		dlock_bus_devs[i] = dlock_bus_dev_add(i);
		if (IS_ERR(dlock_bus_devs[i])) {
			err = PTR_ERR(dlock_bus_devs[i]);
			goto err_devs;
		}
	}
	return 0;

err_devs:
	dlock_bus_devs_del(i);
	driver_unregister(&dlock_driver);
	dlock_bus_devs_wait_released();
err_ib_driver:
	dlock_ib_driver_unregister();
err_bus:
	bus_unregister(&dlock_bus);
err_wait:
	dlock_wait_exit();
err_take:
	dlock_take_exit();
	return err;
}

static void __exit dlock_exit(void)
{
	dlock_bus_devs_del(instances);
	driver_unregister(&dlock_driver);
	dlock_bus_devs_wait_released();
	dlock_ib_driver_unregister();
	bus_unregister(&dlock_bus);
	dlock_wait_exit();
	dlock_take_exit();
}

module_init(dlock_init);
module_exit(dlock_exit);

MODULE_DESCRIPTION("devlink device without hardware that locks like mlx5, for lock tracers");
MODULE_LICENSE("GPL");
