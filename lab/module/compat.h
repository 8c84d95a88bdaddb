/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between the kernels these modules are built for:
 * Debian's stock 5.10, 6.1, 6.12 and the newest.
 *
 * How a devlink instance is made, which bus the child device sits on (the
 * auxiliary bus came with 5.11), and a few prototypes.
 */
#ifndef DLOCK_COMPAT_H
#define DLOCK_COMPAT_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <net/devlink.h>

/* ---- prototypes ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define DLOCK_DEFINE_SEMAPHORE(NAME)		DEFINE_SEMAPHORE(NAME)
#define DLOCK_BUS_CONST
#else
#define DLOCK_DEFINE_SEMAPHORE(NAME)		DEFINE_SEMAPHORE(NAME, 1)
#define DLOCK_BUS_CONST				const
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define dlock_register_nexthop_notifier(net, nb)	register_nexthop_notifier(net, nb)
#else
#define dlock_register_nexthop_notifier(net, nb)	register_nexthop_notifier(net, nb, NULL)
#endif

/* A worker that is created did run at once before. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define kthread_run_worker(flags, name)		kthread_create_worker(flags, name)
#endif

/* ---- devlink ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#define dlock_devlink_alloc(ops, size, dev)	devlink_alloc(ops, size)
#else
#define dlock_devlink_alloc(ops, size, dev)	devlink_alloc(ops, size, dev)
#endif

/* Drivers can take the instance lock from 5.18 on; before, reload ran without. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 18, 0)
#define devl_lock(devlink)			do { } while (0)
#define devl_unlock(devlink)			do { } while (0)
#endif

/* From here on the instance is visible to user space and can be reloaded. */
static inline int dlock_devlink_register(struct devlink *devlink,
					 struct device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
	int err = devlink_register(devlink, dev);

	if (!err)
		devlink_reload_enable(devlink);
	return err;
#else
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	devlink_set_features(devlink, DEVLINK_F_RELOAD);
#endif
	devlink_register(devlink);
	return 0;
#endif
}

static inline void dlock_devlink_unregister(struct devlink *devlink)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
	devlink_reload_disable(devlink);
#endif
	devlink_unregister(devlink);
}

/* ---- the child device: auxiliary, or platform where there is none ---- */

#if IS_ENABLED(CONFIG_AUXILIARY_BUS)

#include <linux/auxiliary_bus.h>

static inline void dlock_child_release(struct device *child)
{
	kfree(to_auxiliary_dev(child));
}

static inline struct device *dlock_child_add(struct device *parent,
					     unsigned int id)
{
	struct auxiliary_device *adev = kzalloc(sizeof(*adev), GFP_KERNEL);
	int err;

	if (!adev)
		return ERR_PTR(-ENOMEM);
	adev->name = "ib";
	adev->id = id;
	adev->dev.parent = parent;
	adev->dev.release = dlock_child_release;
	err = auxiliary_device_init(adev);
	if (err) {
		kfree(adev);
		return ERR_PTR(err);
	}
	err = auxiliary_device_add(adev);
	if (err) {
		auxiliary_device_uninit(adev);
		return ERR_PTR(err);
	}
	return &adev->dev;
}

static inline void dlock_child_del(struct device *child)
{
	auxiliary_device_delete(to_auxiliary_dev(child));
	auxiliary_device_uninit(to_auxiliary_dev(child));
}

/* Defines NAME with NAME_register() and NAME_unregister(). */
#define DLOCK_CHILD_DRIVER(NAME, PROBE, REMOVE)				\
static int NAME##_aux_probe(struct auxiliary_device *adev,		\
			    const struct auxiliary_device_id *id)	\
{									\
	return PROBE(&adev->dev);					\
}									\
static void NAME##_aux_remove(struct auxiliary_device *adev)		\
{									\
	REMOVE(&adev->dev);						\
}									\
static const struct auxiliary_device_id NAME##_ids[] = {		\
	{ .name = KBUILD_MODNAME ".ib" },				\
	{ }								\
};									\
static struct auxiliary_driver NAME = {					\
	.name = "ib",							\
	.probe = NAME##_aux_probe,					\
	.remove = NAME##_aux_remove,					\
	.id_table = NAME##_ids,						\
	.driver.probe_type = PROBE_FORCE_SYNCHRONOUS,			\
};									\
int NAME##_register(void)						\
{									\
	return auxiliary_driver_register(&NAME);			\
}									\
void NAME##_unregister(void)						\
{									\
	auxiliary_driver_unregister(&NAME);				\
}

#else /* !CONFIG_AUXILIARY_BUS */

#include <linux/platform_device.h>

static inline struct device *dlock_child_add(struct device *parent,
					     unsigned int id)
{
	struct platform_device *pdev;
	int err;

	pdev = platform_device_alloc(KBUILD_MODNAME ".ib", id);
	if (!pdev)
		return ERR_PTR(-ENOMEM);
	pdev->dev.parent = parent;
	err = platform_device_add(pdev);
	if (err) {
		platform_device_put(pdev);
		return ERR_PTR(err);
	}
	return &pdev->dev;
}

static inline void dlock_child_del(struct device *child)
{
	platform_device_unregister(to_platform_device(child));
}

#define DLOCK_CHILD_DRIVER(NAME, PROBE, REMOVE)				\
static int NAME##_plat_probe(struct platform_device *pdev)		\
{									\
	return PROBE(&pdev->dev);					\
}									\
static int NAME##_plat_remove(struct platform_device *pdev)		\
{									\
	REMOVE(&pdev->dev);						\
	return 0;							\
}									\
static struct platform_driver NAME = {					\
	.probe = NAME##_plat_probe,					\
	.remove = NAME##_plat_remove,					\
	.driver = {							\
		.name = KBUILD_MODNAME ".ib",				\
		.probe_type = PROBE_FORCE_SYNCHRONOUS,			\
	},								\
};									\
int NAME##_register(void)						\
{									\
	return platform_driver_register(&NAME);				\
}									\
void NAME##_unregister(void)						\
{									\
	platform_driver_unregister(&NAME);				\
}

#endif /* CONFIG_AUXILIARY_BUS */

#endif /* DLOCK_COMPAT_H */
