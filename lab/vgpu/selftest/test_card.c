// SPDX-License-Identifier: GPL-2.0
/*
 * The card: its memory is shared by all, parameters are the defaults, and the
 * dirtier keeps its rate.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static void parameter(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/testvgpu/parameters/%s", name);
	fd = open(path, O_WRONLY);
	CHECK_EQ(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

static void test_memory(void)
{
	struct vgpu one, two;

	parameter("total_mib", "256");
	CHECK_EQ(type_available(1), 16);	/* of 16 MiB */
	CHECK_EQ(type_available(2), 4);		/* of 64 MiB */
	CHECK_EQ(vgpu_create(&one, 2, 1), 0);
	CHECK_EQ(type_available(1), 12);
	CHECK_EQ(type_available(2), 3);
	CHECK_EQ(vgpu_set(&one, "knobs/fb_mib", "250"), 0);
	CHECK_EQ(type_available(1), 0);
	CHECK_EQ(vgpu_create(&two, 1, 2), -ENOSPC);
	CHECK_EQ(vgpu_set(&one, "knobs/fb_mib", "257"), -ENOSPC);
	CHECK_EQ(vgpu_set(&one, "knobs/fb_mib", "1025"), -ERANGE);
	CHECK_EQ(vgpu_set(&one, "knobs/fb_mib", "x"), -EINVAL);
	CHECK_EQ(vgpu_number(&one, "knobs/fb_mib"), 250);
	vgpu_remove(&one);
	CHECK_EQ(type_available(1), 16);
	parameter("total_mib", "1024");
}

static void test_parameters(void)
{
	struct vgpu v;

	parameter("fb_mib", "2,3");
	parameter("precopy", "0,1");
	parameter("fault_load_after", "77");
	CHECK_EQ(vgpu_create(&v, 1, 1), 0);
	parameter("fb_mib", "16,64");
	parameter("precopy", "1,1");
	parameter("fault_load_after", "-1");
	CHECK_EQ(vgpu_number(&v, "knobs/fb_mib"), 2);
	CHECK_EQ(vgpu_number(&v, "knobs/precopy"), 0);
	CHECK_EQ(vgpu_number(&v, "knobs/fault_load_after"), 77);
	vgpu_remove(&v);
}

static void test_rate(void)
{
	struct timespec start, end;
	long long blocks, due;
	struct vgpu v;

	vgpu_make(&v, 1, 1, 16);
	CHECK_EQ(vgpu_set(&v, "vgpu/write", "250 7"), -ERANGE);
	CHECK_EQ(vgpu_set(&v, "knobs/fb_mib", "8"), -EBUSY);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_EQ(vgpu_set(&v, "knobs/dirty_rate", "20000000"), 0);
	sleep(2);
	CHECK_EQ(vgpu_set(&v, "knobs/dirty_rate", "0"), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	usleep(100000);	/* a tick may be under way */
	blocks = vgpu_number(&v, "vgpu/blocks_written");
	due = ((end.tv_sec - start.tv_sec) * 1000 +
	       (end.tv_nsec - start.tv_nsec) / 1000000) * 20000 / BLOCK;
	printf("  dirtied %lld blocks of %lld asked for\n", blocks, due);
	CHECK(blocks > due / 4 && blocks <= due + 1);
	usleep(100000);
	CHECK_EQ(vgpu_number(&v, "vgpu/blocks_written"), blocks);
	CHECK_STR(vgpu_get(&v, "vgpu/verify"), "ok blocks=256 blank=0 raw=0 bad=0");
	vgpu_drop(&v);
}

void test_card(void)
{
	test_memory();
	test_parameters();
	test_rate();
}
