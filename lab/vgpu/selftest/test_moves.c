// SPDX-License-Identifier: GPL-2.0
/*
 * Whole migrations, from one device into another: bytes, order, contents.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static void check_equal(struct vgpu *from, struct vgpu *to, const char *verdict)
{
	char sum[32];

	snprintf(sum, sizeof(sum), "%s", vgpu_get(from, "vgpu/sum"));
	CHECK_STR(vgpu_get(to, "vgpu/sum"), sum);
	CHECK_STR(vgpu_get(from, "vgpu/saved_sum"), sum);
	CHECK_STR(vgpu_get(to, "vgpu/loaded_sum"), sum);
	CHECK_STR(vgpu_get(to, "vgpu/verify"), verdict);
}

/* Idle: the whole framebuffer goes before the stop, the tail after it. */
static void test_idle(struct vgpu *from, struct vgpu *to)
{
	const long long whole = HEAD + 64LL * RECORD;
	uint64_t initial, dirty;
	struct image image = {};
	int fd, into;

	CHECK_EQ(vgpu_set(from, "vgpu/fill", "1"), 0);
	CHECK_EQ(vgpu_data_size(from), whole + TAIL);
	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	CHECK_EQ(precopy_info(fd, &initial, &dirty), 0);
	CHECK_EQ(initial, whole);
	CHECK_EQ(dirty, 0);
	CHECK_EQ(image_read(&image, fd, MIB), -ENOMSG);
	CHECK_EQ(image.size, whole);
	CHECK_EQ(precopy_info(fd, &initial, &dirty), 0);
	CHECK_EQ(initial + dirty, 0);
	CHECK_EQ(vgpu_data_size(from), TAIL);
	CHECK_EQ(vgpu_set(from, "vgpu/write", "5 2"), 0);
	CHECK_EQ(precopy_info(fd, &initial, &dirty), 0);
	CHECK_EQ(initial, 0);
	CHECK_EQ(dirty, 2 * RECORD);
	CHECK_EQ(vgpu_number(from, "vgpu/pending_dirty_blocks"), 2);
	CHECK_EQ(vgpu_go(from, S_STOP_COPY, NULL), 0);
	CHECK_EQ(precopy_info(fd, &initial, &dirty), -EINVAL);
	CHECK_EQ(vgpu_data_size(from), 2 * RECORD + TAIL);
	CHECK_EQ(image_read(&image, fd, MIB), 0);
	CHECK_EQ(image_read(&image, fd, MIB), 0);
	CHECK_EQ(vgpu_data_size(from), 0);
	CHECK_EQ(vgpu_number(from, "vgpu/saved_precopy_bytes"), whole);
	CHECK_EQ(vgpu_number(from, "vgpu/saved_stop_bytes"), 2 * RECORD + TAIL);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_number(to, "vgpu/loaded_bytes"), image.size);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	check_equal(from, to, "ok blocks=64 blank=0 raw=0 bad=0");
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	close(fd);
	close(into);
	image_free(&image);
}

/* Written to all the while, by the dirtier in a working set of 1 MiB. */
static void test_dirtied(struct vgpu *from, struct vgpu *to)
{
	long long before, stopped;
	struct image image = {};
	int fd, into, round;

	CHECK_EQ(vgpu_set(from, "knobs/dirty_span_mib", "1"), 0);
	CHECK_EQ(vgpu_set(from, "knobs/dirty_rate", "4000000"), 0);
	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	for (round = 0; round < 5; round++) {
		CHECK_EQ(image_read(&image, fd, MIB), -ENOMSG);
		CHECK(vgpu_exceeds(from, "vgpu/pending_dirty_blocks", 0));
	}
	CHECK_EQ(vgpu_number(from, "vgpu/pending_initial_blocks"), 0);
	CHECK(vgpu_number(from, "vgpu/pending_dirty_blocks") <= 16);
	CHECK_EQ(vgpu_go(from, S_STOP_COPY, NULL), 0);
	stopped = vgpu_number(from, "vgpu/clock");
	before = vgpu_data_size(from) + image.size;
	usleep(100000);
	CHECK_EQ(vgpu_number(from, "vgpu/clock"), stopped);
	CHECK_EQ(vgpu_set(from, "vgpu/write", "0 1"), -EBUSY);
	CHECK_EQ(image_read(&image, fd, MIB), 0);
	CHECK_EQ(image.size, before);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	check_equal(from, to, "ok blocks=64 blank=0 raw=0 bad=0");
	CHECK_EQ(vgpu_set(to, "vgpu/write", "0 1"), 0);
	CHECK_EQ(vgpu_number(to, "vgpu/clock"), stopped + 1);
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	CHECK(vgpu_exceeds(from, "vgpu/clock", stopped));
	CHECK_EQ(vgpu_set(from, "knobs/dirty_rate", "0"), 0);
	close(fd);
	close(into);
	image_free(&image);
}

/* What a guest wrote itself, and the registers, go too. */
static void test_guest_writes(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	int into;

	bar0_write(from, 0x20, 0xcafe);
	bar0_write(from, 0x0c, 9 * BLOCK);
	bar0_write(from, 0x10, 0xdeadbeef);
	image_of(from, &image);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	check_equal(from, to, "ok blocks=64 blank=0 raw=1 bad=0");
	CHECK_EQ(bar0_read(to, 0x20), 0xcafe);
	CHECK_EQ(bar0_read(to, 0x0c), 9 * BLOCK + 4);
	bar0_write(to, 0x0c, 9 * BLOCK);
	CHECK_EQ(bar0_read(to, 0x10), 0xdeadbeef);
	close(into);
	image_free(&image);
}

/* Given up half way: the device runs on, and the next try works. */
static void test_abort(struct vgpu *from, struct vgpu *to)
{
	struct image image = {};
	char some[1000];
	int fd, into;

	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	CHECK_EQ(read(fd, some, sizeof(some)), sizeof(some));
	CHECK_EQ(vgpu_go(to, S_RESUMING, &into), 0);
	CHECK_EQ(write(into, some, sizeof(some)), sizeof(some));
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	CHECK_EQ(read(fd, some, 1) < 0 ? errno : 0, ENODEV);
	close(fd);
	CHECK_EQ(vgpu_reset(to), 0);
	CHECK_EQ(write(into, some, 1) < 0 ? errno : 0, ENODEV);
	close(into);
	CHECK_STR(vgpu_get(to, "vgpu/verify"), "ok blocks=64 blank=64 raw=0 bad=0");
	image_of(from, &image);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	check_equal(from, to, "ok blocks=64 blank=0 raw=1 bad=0");
	close(into);
	image_free(&image);
}

/* A file that outlives its device's being open does no harm. */
static void test_close(struct vgpu *from)
{
	char byte;
	int fd;

	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	vgpu_close(from);
	CHECK_EQ(read(fd, &byte, 1) < 0 ? errno : 0, ENODEV);
	CHECK_STR(vgpu_get(from, "vgpu/state"), "running");
	CHECK_STR(vgpu_get(from, "vgpu/verify"), "errno 19");
	vgpu_remove(from);
	CHECK_EQ(read(fd, &byte, 1) < 0 ? errno : 0, ENODEV);
	close(fd);
}

void test_moves(void)
{
	struct vgpu from, to;

	vgpu_make(&from, 1, 1, 4);
	vgpu_make(&to, 1, 2, 4);
	test_idle(&from, &to);
	test_dirtied(&from, &to);
	test_guest_writes(&from, &to);
	test_abort(&from, &to);
	test_close(&from);
	vgpu_drop(&to);
}
