// SPDX-License-Identifier: GPL-2.0
/*
 * Mediated devices come and go.
 */
#include <linux/err.h>
#include <linux/module.h>

#include "vgpu.h"

static int register_device(struct tv_device *tv, struct mdev_device *mdev)
{
	tv_migration_flags(tv);
	tv->vdev.mig_ops = &tv_migration_ops;
	if (tv_dirty_log_wanted())
		tv->vdev.log_ops = &tv_log_ops;
	dev_set_drvdata(&mdev->dev, tv);
	return vfio_register_emulated_iommu_dev(&tv->vdev);
}

static int tv_probe(struct mdev_device *mdev)
{
	struct tv_device *tv;
	int ret;

	tv = vfio_alloc_device(tv_device, vdev, &mdev->dev, &tv_device_ops);
	if (IS_ERR(tv))
		return PTR_ERR(tv);
	tv->type = container_of(mdev->type, struct tv_type, mtype);
	tv_knobs_init(&tv->knobs, tv->type->number);
	ret = tv_memory_resize(0, tv->knobs.fb_mib);
	if (ret)
		goto put;
	ret = register_device(tv, mdev);
	if (!ret)
		return 0;
	tv_memory_resize(tv->knobs.fb_mib, 0);
put:
	vfio_put_device(&tv->vdev);
	return ret;
}

static void tv_remove(struct mdev_device *mdev)
{
	struct tv_device *tv = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&tv->vdev);
	tv_memory_resize(tv->knobs.fb_mib, 0);
	vfio_put_device(&tv->vdev);
}

static const struct attribute_group *mdev_groups[] = {
	&tv_knobs_group,
	&tv_attrs_group,
	NULL
};

struct mdev_driver tv_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.probe = tv_probe,
	.remove = tv_remove,
	.get_available = tv_type_available,
	.show_description = tv_type_describe,
	.driver = {
		.name = "testvgpu",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = mdev_groups,
	},
};
