// SPDX-License-Identifier: GPL-2.0
/*
 * The types of vGPU, and the memory of the "card" that they share: as many
 * instances of a type are available as fit into what is left of total_mib.
 */
#include <linux/module.h>
#include <linux/mutex.h>

#include "vgpu.h"

static unsigned long total_mib = 1024;
module_param(total_mib, ulong, 0644);
MODULE_PARM_DESC(total_mib, "framebuffer that all vGPUs together may have, MiB");

static DEFINE_MUTEX(memory_lock);
static u64 used_mib;

static struct tv_type types[TV_TYPES] = {
	{ .mtype = { .sysfs_name = "1", .pretty_name = "Test vGPU, small" },
	  .number = 1 },
	{ .mtype = { .sysfs_name = "2", .pretty_name = "Test vGPU, large" },
	  .number = 2 },
};

struct mdev_type *tv_types[TV_TYPES] = { &types[0].mtype, &types[1].mtype };

static u32 type_number(struct mdev_type *mtype)
{
	return container_of(mtype, struct tv_type, mtype)->number;
}

unsigned int tv_type_available(struct mdev_type *mtype)
{
	long size = tv_type_fb_mib(type_number(mtype));
	u64 total = READ_ONCE(total_mib);
	unsigned int fit;

	mutex_lock(&memory_lock);
	fit = total > used_mib ? (total - used_mib) / size : 0;
	mutex_unlock(&memory_lock);
	return fit;
}

ssize_t tv_type_describe(struct mdev_type *mtype, char *buf)
{
	return sysfs_emit(buf, "framebuffer=%ldM, VFIO migration for tests\n",
			  tv_type_fb_mib(type_number(mtype)));
}

/* Gives back @from_mib and takes @to_mib, or changes nothing: -ENOSPC. */
int tv_memory_resize(u64 from_mib, u64 to_mib)
{
	int ret = -ENOSPC;

	mutex_lock(&memory_lock);
	if (to_mib <= from_mib ||
	    used_mib - from_mib + to_mib <= READ_ONCE(total_mib)) {
		used_mib += to_mib - from_mib;
		ret = 0;
	}
	mutex_unlock(&memory_lock);
	return ret;
}
