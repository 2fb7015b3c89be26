// SPDX-License-Identifier: GPL-2.0
/*
 * Saved states, held in memory, cut into pieces of any size.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

/* Reads until nothing comes: 0 at the end, -ENOMSG if more may come. */
ssize_t image_read(struct image *image, int fd, size_t chunk)
{
	ssize_t got;

	do {
		image->data = realloc(image->data, image->size + chunk);
		got = read(fd, image->data + image->size, chunk);
		if (got < 0)
			return -errno;
		image->size += got;
	} while (got);
	return 0;
}

ssize_t image_write(const struct image *image, int fd, size_t chunk)
{
	size_t at, part;
	ssize_t put;

	for (at = 0; at < image->size; at += part) {
		part = image->size - at < chunk ? image->size - at : chunk;
		put = write(fd, image->data + at, part);
		if (put < 0)
			return -errno;
		if ((size_t)put != part)
			return -EPIPE;	/* a short write: never */
	}
	return 0;
}

void image_free(struct image *image)
{
	free(image->data);
	image->data = NULL;
	image->size = 0;
}

/* The state of a device at this moment, which then runs on */
void image_of(struct vgpu *v, struct image *image)
{
	int fd;

	CHECK_EQ(vgpu_go(v, S_STOP_COPY, &fd), 0);
	CHECK_EQ(image_read(image, fd, MIB), 0);
	CHECK_EQ(vgpu_go(v, S_RUNNING, NULL), 0);
	close(fd);
}

/* To RESUMING and all written: 0, or the errno of the write */
ssize_t image_load(struct vgpu *v, const struct image *image, size_t chunk,
		   int *data_fd)
{
	CHECK_EQ(vgpu_go(v, S_RESUMING, data_fd), 0);
	CHECK(*data_fd >= 0);
	return image_write(image, *data_fd, chunk);
}
