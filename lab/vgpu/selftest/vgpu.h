/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test vGPU as a program with root sees it: sysfs and the VFIO uapi.
 * Functions return a negative errno where they can fail.
 */
#ifndef VGPU_H
#define VGPU_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MIB		(1024 * 1024)
#define BLOCK		65536
#define HEAD		32
#define RECORD		(HEAD + BLOCK)
#define REGS		(256 + 32 + 8)
#define TAIL		(HEAD + REGS + HEAD)	/* registers and end */
#define PARENT		"/sys/class/mdev_bus/mtty/mdev_supported_types"

#define S_ERROR		VFIO_DEVICE_STATE_ERROR
#define S_STOP		VFIO_DEVICE_STATE_STOP
#define S_RUNNING	VFIO_DEVICE_STATE_RUNNING
#define S_STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define S_RESUMING	VFIO_DEVICE_STATE_RESUMING
#define S_RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define S_PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define S_PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

struct vgpu {
	char uuid[40];
	int container, group, fd;
};

/* A whole saved state in memory */
struct image {
	uint8_t *data;
	size_t size;
};

/* sysfs.c */
int vgpu_create(struct vgpu *v, int type, int number);
void vgpu_remove(struct vgpu *v);
int vgpu_set(struct vgpu *v, const char *name, const char *value);
int vgpu_set_number(struct vgpu *v, const char *name, long value);
const char *vgpu_get(struct vgpu *v, const char *name);
long long vgpu_number(struct vgpu *v, const char *name);
bool vgpu_exceeds(struct vgpu *v, const char *name, long long value);
long type_available(int type);

/* device.c */
int vgpu_open(struct vgpu *v);
void vgpu_close(struct vgpu *v);
void vgpu_make(struct vgpu *v, int type, int number, int fb_mib);
void vgpu_drop(struct vgpu *v);
int vgpu_reset(struct vgpu *v);
int vgpu_state(struct vgpu *v);
int vgpu_go(struct vgpu *v, int state, int *data_fd);
long long vgpu_data_size(struct vgpu *v);
int vgpu_feature(struct vgpu *v, unsigned int flags, void *data, size_t size);
int precopy_info(int fd, uint64_t *initial, uint64_t *dirty);
int bar0_write(struct vgpu *v, unsigned int pos, uint32_t value);
uint32_t bar0_read(struct vgpu *v, unsigned int pos);

/* image.c */
ssize_t image_read(struct image *image, int fd, size_t chunk);
ssize_t image_write(const struct image *image, int fd, size_t chunk);
void image_free(struct image *image);
void image_of(struct vgpu *v, struct image *image);
ssize_t image_load(struct vgpu *v, const struct image *image, size_t chunk,
		   int *data_fd);

/* the tests */
void test_device(void);
void test_arcs(void);
void test_moves(void);
void test_streams(void);
void test_faults(void);
void test_card(void);

#endif
