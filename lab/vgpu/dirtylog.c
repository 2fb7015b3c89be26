// SPDX-License-Identifier: GPL-2.0
/*
 * The log of guest memory written by DMA. The device does no DMA, so the log
 * is kept as asked for, and is always empty.
 */
#include "vgpu.h"

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
		     u32 nnodes, u64 *page_size)
{
	struct tv_device *tv = to_tv(vdev);
	int ret = 0;

	mutex_lock(&tv->lock);
	if (tv->logging)
		ret = -EBUSY;
	tv->logging = true;
	mutex_unlock(&tv->lock);
	return ret;
}

static int log_stop(struct vfio_device *vdev)
{
	struct tv_device *tv = to_tv(vdev);

	mutex_lock(&tv->lock);
	tv->logging = false;
	mutex_unlock(&tv->lock);
	return 0;
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *dirty)
{
	struct tv_device *tv = to_tv(vdev);
	int ret;

	mutex_lock(&tv->lock);
	ret = tv->logging ? 0 : -EINVAL;
	mutex_unlock(&tv->lock);
	return ret;
}

const struct vfio_log_ops tv_log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};
