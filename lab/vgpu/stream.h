/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The migration stream: a row of records, each a head of 32 bytes, some with
 * a payload after it. All numbers are little-endian.
 *
 *   TYPE   first. What the sender is: a wrong type or size fails right here.
 *          index = type number, stamp = framebuffer bytes, sum = block bytes
 *   BLOCK  one block of the framebuffer, as often as it was dirtied.
 *          index = block number, stamp = its stamp, payload = its contents
 *   REGS   registers and configuration space, once, with the device stopped.
 *   END    last. index = number of blocks, stamp = the framebuffer's clock,
 *          sum = tv_fb_sum() over the stamps of all blocks
 */
#ifndef TV_STREAM_H
#define TV_STREAM_H

#include <linux/types.h>

#define TV_MAGIC	0x31555647	/* "GVU1" */

enum tv_rec_type {
	TV_REC_TYPE = 1,
	TV_REC_BLOCK = 2,
	TV_REC_REGS = 3,
	TV_REC_END = 4,
};

struct tv_rec {
	__le32 magic;
	__le32 type;
	__le32 index;
	__le32 length;		/* of the payload */
	__le64 stamp;
	__le64 sum;
};

#define TV_REC_SIZE	sizeof(struct tv_rec)

#endif
