// SPDX-License-Identifier: GPL-2.0
/*
 * The device as VFIO shows it: regions, interrupts (none), reset, open, close.
 */
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "vgpu.h"

#define OFFSET_SHIFT	40	/* a region's index stands above its offset */
#define OFFSET_MASK	((1ULL << OFFSET_SHIFT) - 1)
#define ACCESS_MAX	4
/* INTx, MSI, MSI-X, and not one of any; QEMU warns of an error interrupt of 0 */
#define IRQ_INDICES	(VFIO_PCI_MSIX_IRQ_INDEX + 1)

static int device_init(struct vfio_device *vdev)
{
	struct tv_device *tv = to_tv(vdev);

	mutex_init(&tv->lock);
	tv_fb_init(&tv->fb);
	tv_arcs_init(&tv->arcs);
	tv_dirtier_init(tv);
	tv->state = VFIO_DEVICE_STATE_RUNNING;
	return 0;
}

static void device_release(struct vfio_device *vdev)
{
	struct tv_device *tv = to_tv(vdev);

	mutex_destroy(&tv->fb.lock);
	mutex_destroy(&tv->lock);
}

static int device_open(struct vfio_device *vdev)
{
	struct tv_device *tv = to_tv(vdev);
	int ret;

	mutex_lock(&tv->lock);
	ret = tv_fb_alloc(&tv->fb, (u64)tv->knobs.fb_mib * SZ_1M);
	if (!ret) {
		WRITE_ONCE(tv->open, true);
		tv_migration_reset(tv, TV_EVENT_OPEN);
	}
	mutex_unlock(&tv->lock);
	return ret;
}

static void device_close(struct vfio_device *vdev)
{
	struct tv_device *tv = to_tv(vdev);

	mutex_lock(&tv->lock);
	WRITE_ONCE(tv->open, false);
	tv->logging = false;
	tv_migration_reset(tv, TV_EVENT_CLOSE);
	mutex_unlock(&tv->lock);
	tv_dirtier_stop(tv);
	tv_fb_free(&tv->fb);
}

static u32 region_size(u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return TV_BAR0_SIZE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return TV_CONFIG_SIZE;
	}
	return 0;
}

/* Bytes that one access at @pos of @index may take, 0 past the end. */
static size_t access_bytes(u32 index, u64 pos, size_t count)
{
	u32 size = region_size(index);

	if (pos >= size)
		return 0;
	count = min_t(u64, count, size - pos);
	/* as a bus would: never across an aligned word */
	count = min_t(size_t, count, ACCESS_MAX - (pos & 3));
	return count == 3 ? 2 : count;
}

static ssize_t device_read(struct vfio_device *vdev, char __user *to,
			   size_t count, loff_t *ppos)
{
	u32 index = *ppos >> OFFSET_SHIFT;
	struct tv_device *tv = to_tv(vdev);
	u8 word[ACCESS_MAX];
	size_t done, part;
	u64 pos;

	for (done = 0; done < count; done += part, *ppos += part) {
		pos = *ppos & OFFSET_MASK;
		part = access_bytes(index, pos, count - done);
		if (!part)
			break;
		if (index == VFIO_PCI_CONFIG_REGION_INDEX)
			tv_config_read(tv, pos, word, part);
		else
			tv_regs_read(tv, pos, word, part);
		if (copy_to_user(to + done, word, part))
			return -EFAULT;
	}
	return done ?: -EINVAL;
}

static ssize_t device_write(struct vfio_device *vdev, const char __user *from,
			    size_t count, loff_t *ppos)
{
	u32 index = *ppos >> OFFSET_SHIFT;
	struct tv_device *tv = to_tv(vdev);
	u8 word[ACCESS_MAX];
	size_t done, part;
	u64 pos;

	for (done = 0; done < count; done += part, *ppos += part) {
		pos = *ppos & OFFSET_MASK;
		part = access_bytes(index, pos, count - done);
		if (!part)
			break;
		if (copy_from_user(word, from + done, part))
			return -EFAULT;
		if (index == VFIO_PCI_CONFIG_REGION_INDEX)
			tv_config_write(tv, pos, word, part);
		else
			tv_regs_write(tv, pos, word, part);
	}
	return done ?: -EINVAL;
}

static long get_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = IRQ_INDICES;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static int fill_region_info(struct vfio_region_info *info)
{
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info->size = region_size(info->index);
	info->offset = (u64)info->index << OFFSET_SHIFT;
	info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ |
				   VFIO_REGION_INFO_FLAG_WRITE : 0;
	info->cap_offset = 0;
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
/* The core does the copying since 6.19. */
static int get_region_info_caps(struct vfio_device *vdev,
				struct vfio_region_info *info,
				struct vfio_info_cap *caps)
{
	return fill_region_info(info);
}
#else
static long get_region_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = {};
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = fill_region_info(&info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}
#endif

static long get_irq_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= IRQ_INDICES)
		return -EINVAL;
	info.flags = 0;
	info.count = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long reset(struct tv_device *tv)
{
	mutex_lock(&tv->lock);
	tv_migration_reset(tv, TV_EVENT_RESET);
	mutex_unlock(&tv->lock);
	return 0;
}

static long device_ioctl(struct vfio_device *vdev, unsigned int cmd,
			 unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(uarg);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(uarg);
#endif
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(uarg);
	case VFIO_DEVICE_RESET:
		return reset(to_tv(vdev));
	}
	return -ENOTTY;
}

const struct vfio_device_ops tv_device_ops = {
	.name = "testvgpu",
	.init = device_init,
	.release = device_release,
	.open_device = device_open,
	.close_device = device_close,
	.read = device_read,
	.write = device_write,
	.ioctl = device_ioctl,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	.get_region_info_caps = get_region_info_caps,
#endif
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};
