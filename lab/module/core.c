// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part that is mlx5_core to mlx5: a devlink instance whose reload takes the
 * child device away and adds it again. See dlock.h for the shape and the locks.
 */
#include "dlock.h"
#include "compat.h"

/* As mlx5_intf_mutex: children of all instances come and go under this. */
static DEFINE_MUTEX(dlock_intf_mutex);

/*
 * For modes abba and ordered. They belong to the module, not to an instance:
 * two tasks that reload two instances hold nothing in common here (except on
 * 5.10, where devlink_mutex guards every reload), so abba could deadlock.
 */
static DEFINE_MUTEX(dlock_lock_a);
static DEFINE_MUTEX(dlock_lock_b);

static noinline void dlock_lock_a_then_b(void)
{
	mutex_lock(&dlock_lock_a);
	mutex_lock(&dlock_lock_b);
	mutex_unlock(&dlock_lock_b);
	mutex_unlock(&dlock_lock_a);
}

static noinline void dlock_lock_b_then_a(void)
{
	mutex_lock(&dlock_lock_b);
	mutex_lock(&dlock_lock_a);
	mutex_unlock(&dlock_lock_a);
	mutex_unlock(&dlock_lock_b);
}

static noinline int dlock_attach_device(struct dlock_dev *dev)
{
	struct dlock_bus_dev *bus_dev = dev->bus_dev;
	struct device *child;

	lockdep_assert_held(&dev->intf_state_mutex);
	if (dev->child)
		return 0;

	mutex_lock(&dlock_intf_mutex);
	child = dlock_child_add(&bus_dev->dev, bus_dev->id);
	mutex_unlock(&dlock_intf_mutex);
	if (IS_ERR(child))
		return PTR_ERR(child);

	dev->child = child;
	return 0;
}

static noinline void dlock_detach_device(struct dlock_dev *dev)
{
	lockdep_assert_held(&dev->intf_state_mutex);
	if (!dev->child)
		return;

	mutex_lock(&dlock_intf_mutex);
	dlock_child_del(dev->child);
	mutex_unlock(&dlock_intf_mutex);
	dev->child = NULL;
}

static noinline int dlock_load_one(struct dlock_dev *dev)
{
	int err = -ENODEV;

	mutex_lock(&dev->intf_state_mutex);
	if (!dev->removing)
		err = dlock_attach_device(dev);
	if (!err && READ_ONCE(dev->mode) == DLOCK_MODE_CHAINS)
		dlock_chains_register(dev);
	mutex_unlock(&dev->intf_state_mutex);
	return err;
}

static noinline void dlock_unload_one(struct dlock_dev *dev, bool removing)
{
	mutex_lock(&dev->intf_state_mutex);
	if (removing)
		dev->removing = true;
	dlock_chains_unregister(dev);
	dlock_detach_device(dev);
	mutex_unlock(&dev->intf_state_mutex);
}

static noinline int dlock_reload_down(struct devlink *devlink,
				      bool netns_change,
				      enum devlink_reload_action action,
				      enum devlink_reload_limit limit,
				      struct netlink_ext_ack *extack)
{
	struct dlock_dev *dev = devlink_priv(devlink);
	enum dlock_mode mode = READ_ONCE(dev->mode);

	if (mode == DLOCK_MODE_ABBA || mode == DLOCK_MODE_ORDERED)
		dlock_lock_a_then_b();

	dlock_unload_one(dev, false);
	return 0;
}

static noinline int dlock_reload_up(struct devlink *devlink,
				    enum devlink_reload_action action,
				    enum devlink_reload_limit limit,
				    u32 *actions_performed,
				    struct netlink_ext_ack *extack)
{
	struct dlock_dev *dev = devlink_priv(devlink);
	enum dlock_mode mode = READ_ONCE(dev->mode);

	*actions_performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);

	if (mode == DLOCK_MODE_ABBA)
		dlock_lock_b_then_a();
	else if (mode == DLOCK_MODE_ORDERED)
		dlock_lock_a_then_b();

	return dlock_load_one(dev);
}

static const struct devlink_ops dlock_devlink_ops = {
	.reload_actions = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down = dlock_reload_down,
	.reload_up = dlock_reload_up,
};

/* Called by the driver core with the device lock of @bus_dev held. */
int dlock_core_probe(struct dlock_bus_dev *bus_dev, enum dlock_mode mode)
{
	struct devlink *devlink;
	struct dlock_dev *dlock_dev;
	int err;

	devlink = dlock_devlink_alloc(&dlock_devlink_ops, sizeof(*dlock_dev),
				      &bus_dev->dev);
	if (!devlink)
		return -ENOMEM;

	dlock_dev = devlink_priv(devlink);
	dlock_dev->bus_dev = bus_dev;
	dlock_dev->mode = mode;
	/*
	 * The expression is the lock's name up to 6.18. Later kernels keep none
	 * of a mutex, and the name is that of the member: the variable is called
	 * like its type, so that the lab sees one name on all kernels.
	 */
	mutex_init(&dlock_dev->intf_state_mutex);
	dev_set_drvdata(&bus_dev->dev, dlock_dev);

	devl_lock(devlink);
	err = dlock_load_one(dlock_dev);
	devl_unlock(devlink);
	if (err)
		goto err_free;

	err = dlock_devlink_register(devlink, &bus_dev->dev);
	if (err)
		goto err_unload;
	return 0;

err_unload:
	devl_lock(devlink);
	dlock_unload_one(dlock_dev, true);
	devl_unlock(devlink);
err_free:
	dev_set_drvdata(&bus_dev->dev, NULL);
	mutex_destroy(&dlock_dev->intf_state_mutex);
	devlink_free(devlink);
	return err;
}

/* Called by the driver core with the device lock of @bus_dev held. */
void dlock_core_remove(struct dlock_bus_dev *bus_dev)
{
	struct dlock_dev *dev = dev_get_drvdata(&bus_dev->dev);
	struct devlink *devlink = priv_to_devlink(dev);

	/*
	 * Detach while devlink still knows the instance: until it is detached,
	 * a dying netns waits for the reload that takes the notifier out of it.
	 * A reload in between (6.1 and before do not take the device lock)
	 * finds @removing and attaches nothing.
	 */
	devl_lock(devlink);
	dlock_unload_one(dev, true);
	devl_unlock(devlink);

	dlock_devlink_unregister(devlink);
	dev_set_drvdata(&bus_dev->dev, NULL);
	mutex_destroy(&dev->intf_state_mutex);
	devlink_free(devlink);
}
