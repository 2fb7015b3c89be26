// SPDX-License-Identifier: GPL-2.0
/*
 * mdevs and their attributes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value));
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static ssize_t read_file(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = read(fd, to, size - 1);
	ret = ret < 0 ? -errno : ret;
	close(fd);
	to[ret > 0 ? ret : 0] = 0;
	return ret;
}

static void path_of(struct vgpu *v, const char *name, char *path, size_t size)
{
	snprintf(path, size, "/sys/bus/mdev/devices/%s/%s", v->uuid, name);
}

int vgpu_create(struct vgpu *v, int type, int number)
{
	char path[128];

	snprintf(v->uuid, sizeof(v->uuid),
		 "aaaaaaaa-0000-0000-0000-%012d", number);
	v->container = v->group = v->fd = -1;
	snprintf(path, sizeof(path), PARENT "/mtty-%d/create", type);
	return write_file(path, v->uuid);
}

void vgpu_remove(struct vgpu *v)
{
	CHECK_EQ(vgpu_set(v, "remove", "1"), 0);
}

int vgpu_set(struct vgpu *v, const char *name, const char *value)
{
	char path[128];

	path_of(v, name, path, sizeof(path));
	return write_file(path, value);
}

int vgpu_set_number(struct vgpu *v, const char *name, long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", value);
	return vgpu_set(v, name, text);
}

/* Without the newline; of the latest call only. */
const char *vgpu_get(struct vgpu *v, const char *name)
{
	static char text[4096];
	char path[128];
	ssize_t size;

	path_of(v, name, path, sizeof(path));
	size = read_file(path, text, sizeof(text));
	if (size < 0)
		snprintf(text, sizeof(text), "errno %zd", -size);
	else if (size && text[size - 1] == '\n')
		text[size - 1] = 0;
	return text;
}

long long vgpu_number(struct vgpu *v, const char *name)
{
	return strtoll(vgpu_get(v, name), NULL, 10);
}

/* Waits for it, on a machine as busy as it may be. */
bool vgpu_exceeds(struct vgpu *v, const char *name, long long value)
{
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (vgpu_number(v, name) > value)
			return true;
		usleep(10000);
	}
	return false;
}

long type_available(int type)
{
	char path[128], text[24];

	snprintf(path, sizeof(path), PARENT "/mtty-%d/available_instances", type);
	return read_file(path, text, sizeof(text)) < 0 ? -1 : atol(text);
}
