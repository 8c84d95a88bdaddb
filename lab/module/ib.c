// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part that is mlx5_ib to mlx5: a driver for the child device, whose probe
 * registers a netdevice notifier and whose remove unregisters it.
 */
#include "dlock.h"
#include "compat.h"

static int dlock_nb_event(struct notifier_block *nb, unsigned long event,
			  void *ptr)
{
	return NOTIFY_DONE;
}

static noinline int dlock_nb_register(struct dlock_dev *dev)
{
	struct net *net = devlink_net(priv_to_devlink(dev));
	int err;

	dev->nb.notifier_call = dlock_nb_event;

	switch (READ_ONCE(dev->mode)) {
	case DLOCK_MODE_NOTIFIER:
		/* pernet_ops_rwsem for write, then rtnl_mutex */
		err = register_netdevice_notifier(&dev->nb);
		if (err)
			return err;
		WRITE_ONCE(dev->nb_state, DLOCK_NB_GLOBAL);
		return 0;
	case DLOCK_MODE_PERNET:
		/* rtnl_mutex only */
		err = register_netdevice_notifier_net(net, &dev->nb);
		if (err)
			return err;
		dev->nb_net = net;
		WRITE_ONCE(dev->nb_state, DLOCK_NB_NET);
		return 0;
	default:
		return 0;
	}
}

/* Goes by what was registered, not by the mode of today. */
static noinline void dlock_nb_unregister(struct dlock_dev *dev)
{
	switch (dev->nb_state) {
	case DLOCK_NB_GLOBAL:
		unregister_netdevice_notifier(&dev->nb);
		break;
	case DLOCK_NB_NET:
		unregister_netdevice_notifier_net(dev->nb_net, &dev->nb);
		dev->nb_net = NULL;
		break;
	case DLOCK_NB_NONE:
		break;
	}
	WRITE_ONCE(dev->nb_state, DLOCK_NB_NONE);
}

static noinline int dlock_ib_probe(struct device *child)
{
	return dlock_nb_register(dev_get_drvdata(child->parent));
}

static noinline void dlock_ib_remove(struct device *child)
{
	dlock_nb_unregister(dev_get_drvdata(child->parent));
}

DLOCK_CHILD_DRIVER(dlock_ib_driver, dlock_ib_probe, dlock_ib_remove)
