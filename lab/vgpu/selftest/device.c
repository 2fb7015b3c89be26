// SPDX-License-Identifier: GPL-2.0
/*
 * The VFIO device: container, group, features.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static int open_group(struct vgpu *v)
{
	char path[128], link[128];
	ssize_t size;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group",
		 v->uuid);
	size = readlink(path, link, sizeof(link) - 1);
	if (size < 0)
		return -errno;
	link[size] = 0;
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	return open(path, O_RDWR);
}

int vgpu_open(struct vgpu *v)
{
	v->container = open("/dev/vfio/vfio", O_RDWR);
	v->group = open_group(v);
	if (v->container < 0 || v->group < 0 ||
	    ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container) ||
	    ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	v->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, v->uuid);
	return v->fd < 0 ? -errno : 0;
}

void vgpu_close(struct vgpu *v)
{
	close(v->fd);
	close(v->group);
	close(v->container);
}

/* Created, of a size, open: what most tests begin with */
void vgpu_make(struct vgpu *v, int type, int number, int fb_mib)
{
	CHECK_EQ(vgpu_create(v, type, number), 0);
	CHECK_EQ(vgpu_set_number(v, "knobs/fb_mib", fb_mib), 0);
	CHECK_EQ(vgpu_open(v), 0);
	if (v->fd < 0)
		exit(1);
}

void vgpu_drop(struct vgpu *v)
{
	vgpu_close(v);
	vgpu_remove(v);
}

int vgpu_reset(struct vgpu *v)
{
	return ioctl(v->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

/* @data is what comes after the head, in and out. */
int vgpu_feature(struct vgpu *v, unsigned int flags, void *data, size_t size)
{
	uint64_t buffer[16] = {};
	struct vfio_device_feature *feature = (void *)buffer;
	int ret;

	feature->argsz = sizeof(*feature) + size;
	feature->flags = flags;
	memcpy(feature->data, data, size);
	ret = ioctl(v->fd, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
	memcpy(data, feature->data, size);
	return ret;
}

int vgpu_state(struct vgpu *v)
{
	struct vfio_device_feature_mig_state state = {};
	int ret = vgpu_feature(v, VFIO_DEVICE_FEATURE_GET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			       &state, sizeof(state));

	return ret ?: (int)state.device_state;
}

/* data_fd may be NULL: then a file that comes is closed */
int vgpu_go(struct vgpu *v, int state, int *data_fd)
{
	struct vfio_device_feature_mig_state arg = {
		.device_state = state, .data_fd = -1 };
	int ret = vgpu_feature(v, VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			       &arg, sizeof(arg));

	if (ret)
		arg.data_fd = -1;
	if (data_fd)
		*data_fd = arg.data_fd;
	else if (arg.data_fd >= 0)
		close(arg.data_fd);
	return ret;
}

long long vgpu_data_size(struct vgpu *v)
{
	struct vfio_device_feature_mig_data_size size = {};
	int ret = vgpu_feature(v, VFIO_DEVICE_FEATURE_GET |
			       VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
			       &size, sizeof(size));

	return ret ?: (long long)size.stop_copy_length;
}

int precopy_info(int fd, uint64_t *initial, uint64_t *dirty)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };

	if (ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &info))
		return -errno;
	*initial = info.initial_bytes;
	*dirty = info.dirty_bytes;
	return 0;
}

int bar0_write(struct vgpu *v, unsigned int pos, uint32_t value)
{
	return pwrite(v->fd, &value, sizeof(value), pos) == sizeof(value) ?
	       0 : -errno;
}

uint32_t bar0_read(struct vgpu *v, unsigned int pos)
{
	uint32_t value = 0;

	CHECK_EQ(pread(v->fd, &value, sizeof(value), pos), sizeof(value));
	return value;
}
