// SPDX-License-Identifier: GPL-2.0
/*
 * Streams cut anywhere, and streams that must not be believed.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

#define BLOCKS	16

static void test_cuts(struct vgpu *from, struct vgpu *to)
{
	static const size_t cuts[] = { 1, 7, 31, 32, 33, 4096, 65535, RECORD,
				       RECORD + 1, 3 * MIB };
	struct image whole = {}, image = {};
	unsigned int i;
	int fd, into;

	image_of(from, &whole);
	for (i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		CHECK_EQ(vgpu_go(from, S_STOP_COPY, &fd), 0);
		/* byte by byte only one way: it takes its time */
		CHECK_EQ(image_read(&image, fd, cuts[i] == 1 ? 11 : cuts[i]), 0);
		CHECK_EQ(image.size, whole.size);
		CHECK(!memcmp(image.data, whole.data, whole.size));
		CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
		CHECK_EQ(image_load(to, &image, cuts[i], &into), 0);
		CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
		CHECK_STR(vgpu_get(to, "vgpu/verify"),
			  "ok blocks=16 blank=0 raw=0 bad=0");
		close(fd);
		close(into);
		image_free(&image);
	}
	image_free(&whole);
}

/* A record begun in PRE_COPY ends in STOP_COPY. */
static void test_cut_by_stop(struct vgpu *from, struct vgpu *to)
{
	struct image image = { .data = malloc(1000), .size = 1000 };
	int fd, into;

	CHECK_EQ(vgpu_go(from, S_PRE_COPY, &fd), 0);
	CHECK_EQ(read(fd, image.data, 1000), 1000);
	CHECK_EQ(vgpu_data_size(from), HEAD + BLOCKS * RECORD + TAIL - 1000);
	CHECK_EQ(vgpu_set(from, "vgpu/write", "0 1"), 0);
	CHECK_EQ(vgpu_go(from, S_STOP_COPY, NULL), 0);
	CHECK_EQ(image_read(&image, fd, 777), 0);
	CHECK_EQ(image.size, HEAD + (BLOCKS + 1) * RECORD + TAIL);
	CHECK_EQ(vgpu_go(from, S_RUNNING, NULL), 0);
	CHECK_EQ(image_load(to, &image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), 0);
	CHECK_STR(vgpu_get(to, "vgpu/verify"), "ok blocks=16 blank=0 raw=0 bad=0");
	close(fd);
	close(into);
	image_free(&image);
}

/* The write must fail, at once and for good; a reset helps. */
static void refused(struct vgpu *to, const struct image *image, int why)
{
	int into;

	CHECK_EQ(image_load(to, image, 5000, &into), -why);
	CHECK_EQ(write(into, image->data, 1) < 0 ? errno : 0, why);
	CHECK_EQ(vgpu_go(to, S_STOP, NULL), -why);
	CHECK_EQ(vgpu_state(to), S_ERROR);
	CHECK_EQ(vgpu_reset(to), 0);
	close(into);
}

static void test_changed_byte(struct vgpu *to, struct image *image, size_t at,
			      int why)
{
	image->data[at] ^= 0x40;
	refused(to, image, why);
	image->data[at] ^= 0x40;
}

/* Without the piece at @from of @size bytes */
static void test_missing(struct vgpu *to, const struct image *image,
			 size_t from, size_t size)
{
	struct image less = { .data = malloc(image->size),
			      .size = image->size - size };

	memcpy(less.data, image->data, from);
	memcpy(less.data + from, image->data + from + size, less.size - from);
	refused(to, &less, EBADMSG);
	image_free(&less);
}

static void test_more(struct vgpu *to, const struct image *image)
{
	struct image more = { .data = malloc(image->size + HEAD),
			      .size = image->size + HEAD };

	memcpy(more.data, image->data, image->size);
	memcpy(more.data + image->size, image->data + HEAD, HEAD);
	refused(to, &more, EBADMSG);
	image_free(&more);
}

/* Cut off before the end: only leaving RESUMING can tell. */
static void test_truncated(struct vgpu *to, struct image *image)
{
	int into;

	image->size -= HEAD;
	CHECK_EQ(image_load(to, image, MIB, &into), 0);
	CHECK_EQ(vgpu_go(to, S_RUNNING, NULL), -ENODATA);
	CHECK_EQ(vgpu_state(to), S_ERROR);
	CHECK_EQ(vgpu_reset(to), 0);
	image->size += HEAD;
	close(into);
}

static void test_malformed(struct vgpu *from, struct vgpu *to)
{
	const size_t end = HEAD + BLOCKS * RECORD + HEAD + REGS;
	struct image image = {};

	image_of(from, &image);
	CHECK_EQ(image.size, end + HEAD);
	test_changed_byte(to, &image, 0, EBADMSG);		/* magic */
	test_changed_byte(to, &image, 4, EBADMSG);		/* not the type */
	test_changed_byte(to, &image, 12, EBADMSG);		/* a payload */
	test_changed_byte(to, &image, 24, EMSGSIZE);		/* block size */
	test_changed_byte(to, &image, HEAD + 4, EBADMSG);	/* unknown */
	test_changed_byte(to, &image, HEAD + 8, EBADMSG);	/* no such block */
	test_changed_byte(to, &image, HEAD + 12, EBADMSG);	/* length */
	test_changed_byte(to, &image, HEAD + 16, EBADMSG);	/* a stamp: sum */
	test_changed_byte(to, &image, end + 8, EBADMSG);	/* blocks */
	test_changed_byte(to, &image, end + 24, EBADMSG);	/* the sum */
	test_missing(to, &image, 0, HEAD);			/* no type */
	test_missing(to, &image, HEAD + 3 * RECORD, RECORD);	/* no block 3 */
	test_missing(to, &image, end - HEAD - REGS, HEAD + REGS);
	test_more(to, &image);
	test_truncated(to, &image);
	image_free(&image);
}

/* Another type or size is found out by the first 32 bytes. */
static void test_wrong_device(struct vgpu *from, int type, int fb_mib, int why)
{
	struct image image = {};
	struct vgpu other;
	int into;

	image_of(from, &image);
	image.size = HEAD;
	vgpu_make(&other, type, 3, fb_mib);
	CHECK_EQ(image_load(&other, &image, MIB, &into), -why);
	CHECK_EQ(vgpu_number(&other, "vgpu/loaded_bytes"), HEAD);
	close(into);
	vgpu_drop(&other);
	image_free(&image);
}

void test_streams(void)
{
	struct vgpu from, to;

	vgpu_make(&from, 1, 1, 1);
	vgpu_make(&to, 1, 2, 1);
	CHECK_EQ(vgpu_set(&from, "vgpu/fill", "1"), 0);
	test_cuts(&from, &to);
	test_cut_by_stop(&from, &to);
	test_malformed(&from, &to);
	test_wrong_device(&from, 2, 1, EMEDIUMTYPE);
	test_wrong_device(&from, 1, 2, EMSGSIZE);
	vgpu_drop(&from);
	vgpu_drop(&to);
}
