// SPDX-License-Identifier: GPL-2.0
/*
 * Each fault does what it says, once or always, and the next try works.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static void works(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int into;

	image_of(from, &image);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	CHECK_STR(vgpu_get(to, "vgpu/verify"), "ok blocks=16 blank=0 raw=0 bad=0");
	close(into);
	image_free(&image);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void test_save_error(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int fd;

	vgpu_set(from, "knobs/fault_save_after", "100000");
	vgpu_set(from, "knobs/fault_count", "1");
	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	CHECK_EQ(image_read(&image, fd, MIB), -EIO);
	CHECK_EQ(image.size, 100000);
	CHECK_EQ(image_read(&image, fd, MIB), -EIO);
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	CHECK_EQ(vgpu_number(from, "knobs/fault_count"), 0);
	close(fd);
	image_free(&image);
	works(from, to);
	vgpu_set(from, "knobs/fault_save_after", "-1");
}

static void test_stop_error(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int fd;

	vgpu_set(from, "knobs/fault_stop_error", "1");
	vgpu_set(from, "knobs/fault_count", "1");
	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	CHECK_EQ(image_read(&image, fd, MIB), -ENOMSG);
	CHECK_EQ(vgpu_go(from, S_STOP_COPY, NULL), 0);
	CHECK_EQ(image_read(&image, fd, MIB), -EIO);
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	close(fd);
	image_free(&image);
	works(from, to);
	vgpu_set(from, "knobs/fault_stop_error", "0");
}

static void test_load_error(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int into;

	image_of(from, &image);
	vgpu_set(to, "knobs/fault_load_after", "200000");
	vgpu_set(to, "knobs/fault_count", "1");
	CHECK_EQ(image_load(to, &image, 50000, &into), -EIO);
	CHECK_EQ(vgpu_number(to, "vgpu/loaded_bytes"), 200000);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), -EIO);
	CHECK_EQ(vgpu_reset(to), 0);
	close(into);
	image_free(&image);
	works(from, to);
	vgpu_set(to, "knobs/fault_load_after", "-1");
	vgpu_set(to, "knobs/fault_count", "-1");
}

static void test_delays(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	double start = seconds();
	int into;

	vgpu_set(from, "knobs/fault_count", "-1");
	vgpu_set(from, "knobs/fault_save_delay_us", "20000");
	image_of(from, &image);			/* 19 records */
	CHECK(seconds() - start >= 0.38);
	vgpu_set(from, "knobs/fault_save_delay_us", "0");
	vgpu_set(to, "knobs/fault_load_delay_us", "20000");
	start = seconds();
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK(seconds() - start >= 0.38);
	vgpu_set(to, "knobs/fault_load_delay_us", "0");
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	close(into);
	image_free(&image);
}

/* The stream is well-formed; only verify can see it. */
static void test_corrupt(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int into;

	vgpu_set(from, "knobs/fault_corrupt_block", "11");
	image_of(from, &image);
	vgpu_set(from, "knobs/fault_corrupt_block", "-1");
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	CHECK_STR(vgpu_get(to, "vgpu/verify"),
		  "bad blocks=16 blank=0 raw=0 bad=1 first=11");
	close(into);
	image_free(&image);
}

static void test_size(struct vgpu *from)
{
	long long truth = vgpu_data_size(from);

	vgpu_set(from, "knobs/fault_size_percent", "300");
	CHECK_EQ(vgpu_data_size(from), 3 * truth);
	vgpu_set(from, "knobs/fault_size_percent", "0");
	CHECK_EQ(vgpu_data_size(from), 0);
	vgpu_set(from, "knobs/fault_size_percent", "100");
}

static void test_state(struct vgpu *from, struct vgpu *to)
{
	vgpu_set_number(from, "knobs/fault_state", S_STOP_COPY);
	vgpu_set(from, "knobs/fault_count", "1");
	CHECK_EQ(vgpu_go(from, S_PRE_COPY, NULL), 0);
	CHECK_EQ(vgpu_go(from, S_STOP_COPY, NULL), -EIO);
	CHECK_EQ(vgpu_state(from), S_PRE_COPY_P2P);
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	works(from, to);
	vgpu_set(from, "knobs/fault_state", "-1");
	vgpu_set(from, "knobs/fault_count", "-1");
}

/* As after a failed load with a driver that does not reset: only a new mdev */
static void test_stuck(struct vgpu *from, struct vgpu *to)
{
	int fd;

	vgpu_set(to, "knobs/fault_stuck", "1");
	CHECK_EQ(vgpu_go(to, S_RESUMING, NULL), 0);
	CHECK_EQ(vgpu_reset(to), 0);
	CHECK_EQ(vgpu_state(to), S_RESUMING);
	vgpu_close(to);
	CHECK_STR(vgpu_get(to, "vgpu/state"), "resuming");
	CHECK_EQ(vgpu_open(to), 0);
	CHECK_EQ(vgpu_go(to, S_RESUMING, &fd), 0);
	CHECK_EQ(fd, -1);			/* what QEMU stumbles on */
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), -EIO);
	CHECK_EQ(vgpu_state(to), S_RESUMING);
	vgpu_drop(to);
	vgpu_make(to, 1, 2, 1);
	works(from, to);
}

void test_faults(void)
{
	struct vgpu from, to;

	vgpu_make(&from, 1, 1, 1);
	vgpu_make(&to, 1, 2, 1);
	CHECK_EQ(vgpu_set(&from, "vgpu/fill", "1"), 0);
	test_save_error(&from, &to);
	test_stop_error(&from, &to);
	test_load_error(&from, &to);
	test_delays(&from, &to);
	test_corrupt(&from, &to);
	test_size(&from);
	test_state(&from, &to);
	test_stuck(&from, &to);
	vgpu_drop(&from);
	vgpu_drop(&to);
}
