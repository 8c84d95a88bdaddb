// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode chains: a reload takes notifiers off all the chains that a network driver may be on, and puts them on again.
 */
#include <linux/inetdevice.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/fib_notifier.h>
#include <net/netevent.h>
#include <net/nexthop.h>
#include <net/switchdev.h>

#include "dlock.h"
#include "compat.h"

/* One of each kind of chain that is not the kernel's. */
static ATOMIC_NOTIFIER_HEAD(dlock_atomic_chain);
static BLOCKING_NOTIFIER_HEAD(dlock_blocking_chain);
static RAW_NOTIFIER_HEAD(dlock_raw_chain);
SRCU_NOTIFIER_HEAD_STATIC(dlock_srcu_chain);

/* A raw chain leaves the locking to its users. */
static DEFINE_MUTEX(dlock_raw_mutex);

struct dlock_chains {
	struct net *net;
	struct netdev_net_notifier of_dev;
	struct notifier_block global, net_nb, dev, fib, nexthop, netevent;
	struct notifier_block inetaddr, inet6addr, switchdev, switchdev_blocking;
	struct notifier_block atomic, blocking, raw, srcu;
};

static int dlock_chain_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	return NOTIFY_DONE;
}

/* Each with the call that puts it on its chain, and the one that takes it off. */
#define DLOCK_FOR_EACH_CHAIN(DO, c)					\
	DO(global, netdevice_notifier(&c->global))			\
	DO(net_nb, netdevice_notifier_net(c->net, &c->net_nb))		\
	DO(dev, netdevice_notifier_dev_net(c->net->loopback_dev, &c->dev, &c->of_dev)) \
	DO(netevent, netevent_notifier(&c->netevent))			\
	DO(inetaddr, inetaddr_notifier(&c->inetaddr))			\
	DO(inet6addr, inet6addr_notifier(&c->inet6addr))		\
	DO(switchdev, switchdev_notifier(&c->switchdev))		\
	DO(switchdev_blocking, switchdev_blocking_notifier(&c->switchdev_blocking))

#define DLOCK_REGISTER(NB, CALL)					\
	c->NB.notifier_call = dlock_chain_event;			\
	WARN_ON(register_##CALL);
#define DLOCK_UNREGISTER(NB, CALL)	WARN_ON(unregister_##CALL);

noinline void dlock_chains_register(struct dlock_dev *dev)
{
	struct dlock_chains *c;

	if (dev->chains)
		return;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return;
	c->net = devlink_net(priv_to_devlink(dev));
	DLOCK_FOR_EACH_CHAIN(DLOCK_REGISTER, c)
	c->fib.notifier_call = dlock_chain_event;
	WARN_ON(register_fib_notifier(c->net, &c->fib, NULL, NULL));
	c->nexthop.notifier_call = dlock_chain_event;
	WARN_ON(dlock_register_nexthop_notifier(c->net, &c->nexthop));
	c->atomic.notifier_call = dlock_chain_event;
	atomic_notifier_chain_register(&dlock_atomic_chain, &c->atomic);
	c->blocking.notifier_call = dlock_chain_event;
	blocking_notifier_chain_register(&dlock_blocking_chain, &c->blocking);
	c->srcu.notifier_call = dlock_chain_event;
	srcu_notifier_chain_register(&dlock_srcu_chain, &c->srcu);
	c->raw.notifier_call = dlock_chain_event;
	mutex_lock(&dlock_raw_mutex);
	raw_notifier_chain_register(&dlock_raw_chain, &c->raw);
	mutex_unlock(&dlock_raw_mutex);
	dev->chains = c;
}

/* Goes by what was registered, not by the mode of today. */
noinline void dlock_chains_unregister(struct dlock_dev *dev)
{
	struct dlock_chains *c = dev->chains;

	if (!c)
		return;
	mutex_lock(&dlock_raw_mutex);
	raw_notifier_chain_unregister(&dlock_raw_chain, &c->raw);
	mutex_unlock(&dlock_raw_mutex);
	srcu_notifier_chain_unregister(&dlock_srcu_chain, &c->srcu);
	blocking_notifier_chain_unregister(&dlock_blocking_chain, &c->blocking);
	atomic_notifier_chain_unregister(&dlock_atomic_chain, &c->atomic);
	WARN_ON(unregister_nexthop_notifier(c->net, &c->nexthop));
	WARN_ON(unregister_fib_notifier(c->net, &c->fib));
	DLOCK_FOR_EACH_CHAIN(DLOCK_UNREGISTER, c)
	dev->chains = NULL;
	kfree(c);
}
