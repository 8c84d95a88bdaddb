/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dlock: a devlink driver without hardware, shaped like mlx5 where mlx5 hung.
 *
 * In November 2021 three commands hung the network namespace worker on mlx5
 * ("devlink: Require devlink lock during device reload", netdev):
 *
 *	ip netns add n1
 *	devlink dev reload pci/0000:00:09.0 netns n1
 *	ip netns del n1
 *
 * cleanup_net() holds pernet_ops_rwsem for read while it reloads the device
 * back into init_net. The reload removes mlx5's auxiliary device, the driver
 * bound to that one (mlx5_ib) unregisters its netdevice notifier, and this
 * wants pernet_ops_rwsem for write. dlock has the same parts in the same
 * order, so that a lock tracer can be tried where no such card is:
 *
 *	mlx5				dlock
 *	PCI bus, device and driver	bus "dlock", dlock0.., driver "dlock" (bus.c)
 *	mlx5_core, devlink instance	dlock/dlock0, reload_down/up (core.c)
 *	dev->intf_state_mutex		dev->intf_state_mutex
 *	mlx5_intf_mutex			dlock_intf_mutex
 *	auxiliary device mlx5_core.rdma	dlock.ib (before 5.11 a platform device)
 *	mlx5_ib, mlx5_ib_roce_cleanup	driver "ib", dlock_nb_unregister (ib.c)
 *
 * Beside it, what mlx5 has no part in: notifiers on all chains (chains.c), locks
 * of every kind (take.c), waits that are no locks (wait.c), many tasks on few locks (stress.c),
 * and many tasks that hold one (hold.c).
 *
 * Locks of a reload, outermost first; the first two are taken by the kernel:
 *
 *	device lock of dlock0		(not on 6.1 and before)
 *	devlink instance lock		(5.10: the global devlink_mutex instead)
 *	dev->intf_state_mutex		one per instance
 *	dlock_intf_mutex		one for the module
 *	device lock of the child	taken by the driver core
 *	pernet_ops_rwsem, rtnl_mutex	as the notifier call likes
 *
 * Probe and remove take them in the same order.
 */
#ifndef DLOCK_H
#define DLOCK_H

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <net/devlink.h>
#include <net/net_namespace.h>

#define DLOCK_MAX_INSTANCES	16

/* What a reload does; may change between any two of its steps. */
enum dlock_mode {
	DLOCK_MODE_NOTIFIER,	/* global netdevice notifier: the bug */
	DLOCK_MODE_PERNET,	/* notifier of one netns: the fix */
	DLOCK_MODE_NONE,	/* no notifier */
	DLOCK_MODE_ABBA,	/* no notifier; down takes a, b and up takes b, a */
	DLOCK_MODE_ORDERED,	/* no notifier; both take a, b */
	DLOCK_MODE_CHAINS,	/* a notifier on every chain there is */
};

/* What mode chains has registered. */
struct dlock_chains;

/* How the notifier stands registered; decides how it is unregistered. */
enum dlock_nb_state {
	DLOCK_NB_NONE,
	DLOCK_NB_GLOBAL,
	DLOCK_NB_NET,
};

/**
 * struct dlock_bus_dev - device on the fake bus, what a PCI function is to mlx5
 * @dev: the device
 * @id: its number on the bus
 */
struct dlock_bus_dev {
	struct device dev;
	unsigned int id;
};

#define to_dlock_bus_dev(d)	container_of(d, struct dlock_bus_dev, dev)

/**
 * struct dlock_dev - one bound device, the private part of its devlink instance
 * @bus_dev: the device on the bus
 * @mode: what reloads do, from sysfs; read and written with READ/WRITE_ONCE()
 * @intf_state_mutex: guards @child and @removing
 * @child: the auxiliary device, or NULL while detached
 * @removing: remove has begun, a reload must not attach again
 * @nb: notifier of the child's driver
 * @nb_state: how @nb is registered; guarded by the device lock of @child
 * @nb_net: netns that @nb is registered in (DLOCK_NB_NET only). No reference is
 *	held, it would keep the netns from ever being torn down. None is needed:
 *	a netns does not go before devlink has reloaded its instances out of it,
 *	and it cannot while @removing is false and @intf_state_mutex held.
 * @chains: notifiers of mode chains, or NULL; guarded by @intf_state_mutex. The
 *	netns in it is as good as @nb_net.
 */
struct dlock_dev {
	struct dlock_bus_dev *bus_dev;
	enum dlock_mode mode;
	struct mutex intf_state_mutex;
	struct device *child;
	bool removing;

	struct notifier_block nb;
	enum dlock_nb_state nb_state;
	struct net *nb_net;
	struct dlock_chains *chains;
};

/* core.c */
int dlock_core_probe(struct dlock_bus_dev *bus_dev, enum dlock_mode mode);
void dlock_core_remove(struct dlock_bus_dev *bus_dev);

/* chains.c */
void dlock_chains_register(struct dlock_dev *dev);
void dlock_chains_unregister(struct dlock_dev *dev);

/* take.c */
int dlock_take(const char *name);
int dlock_take_init(void);
void dlock_take_exit(void);

/* wait.c */
int dlock_wait(const char *name);
int dlock_wait_init(void);
void dlock_wait_exit(void);

/* stress.c */
int dlock_stress(unsigned int seconds, bool readers);

/* hold.c */
int dlock_hold(unsigned int count);

/* ib.c */
int dlock_ib_driver_register(void);
void dlock_ib_driver_unregister(void);

#endif /* DLOCK_H */
