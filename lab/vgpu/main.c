// SPDX-License-Identifier: GPL-2.0
/*
 * A test vGPU: a mediated device with a large state to migrate and no hardware
 * behind it.
 *
 * libvirt and Nova look for virtual parents by name and know "mtty", the
 * kernel's sample; so class and device are both called that, unless told
 * otherwise, and the types appear as mtty-1 and mtty-2 under
 * /sys/devices/virtual/mtty/mtty.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>

#include "vgpu.h"

static char *parent = "mtty";
module_param(parent, charp, 0444);
MODULE_PARM_DESC(parent, "name of the parent device and of its class");

static struct class *parent_class;
static struct device *parent_device;
static struct mdev_parent mdev_parent;

static int make_parent(void)
{
	parent_class = class_create(parent);
	if (IS_ERR(parent_class))
		return PTR_ERR(parent_class);
	parent_device = device_create(parent_class, NULL, 0, NULL, "%s", parent);
	if (IS_ERR(parent_device)) {
		class_destroy(parent_class);
		return PTR_ERR(parent_device);
	}
	return 0;
}

static void drop_parent(void)
{
	device_unregister(parent_device);
	class_destroy(parent_class);
}

static int __init tv_init(void)
{
	int ret = make_parent();

	if (ret)
		return ret;
	ret = mdev_register_driver(&tv_mdev_driver);
	if (ret)
		goto no_driver;
	ret = mdev_register_parent(&mdev_parent, parent_device, &tv_mdev_driver,
				   tv_types, TV_TYPES);
	if (!ret)
		return 0;
	mdev_unregister_driver(&tv_mdev_driver);
no_driver:
	drop_parent();
	return ret;
}

static void __exit tv_exit(void)
{
	mdev_unregister_parent(&mdev_parent);
	mdev_unregister_driver(&tv_mdev_driver);
	drop_parent();
}

module_init(tv_init);
module_exit(tv_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test vGPU: VFIO migration of a large device state without hardware");
MODULE_AUTHOR("The nova-livemig-gpu developers");
