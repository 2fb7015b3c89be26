// SPDX-License-Identifier: GPL-2.0
/*
 * BAR 0, 64 bytes of I/O ports, little-endian:
 *
 *   0x00 r   "TVGP"
 *   0x04 r   size of the framebuffer in MiB
 *   0x08 r   low half of the framebuffer's clock
 *   0x0c rw  offset of the window into the framebuffer
 *   0x10 rw  the four bytes at the offset, which then moves on by four
 *   0x14  w  number of a block that the device writes anew
 *   0x20 rw  32 bytes of scratch, in any width
 *
 * The registers before the scratch want aligned accesses of four bytes; others
 * read as all ones and write nothing.
 */
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "vgpu.h"

enum {
	REG_ID = 0x00,
	REG_SIZE = 0x04,
	REG_CLOCK = 0x08,
	REG_OFFSET = 0x0c,
	REG_WINDOW = 0x10,
	REG_WRITE = 0x14,
	REG_SCRATCH = 0x20,
};

#define REG_ID_VALUE	0x50475654

void tv_regs_reset(struct tv_device *tv)
{
	memset(tv->scratch, 0, sizeof(tv->scratch));
	tv->window = 0;
}

static void write_reg(struct tv_device *tv, u32 pos, u32 value)
{
	switch (pos) {
	case REG_OFFSET:
		tv->window = value & ~3;
		break;
	case REG_WINDOW:
		tv_fb_poke(&tv->fb, tv->window, value);
		tv->window += sizeof(u32);
		break;
	case REG_WRITE:
		tv_fb_write_block(&tv->fb, value);
		break;
	}
}

static u32 read_reg(struct tv_device *tv, u32 pos)
{
	u32 value;

	switch (pos) {
	case REG_ID:
		return REG_ID_VALUE;
	case REG_SIZE:
		return tv_fb_bytes(&tv->fb) / SZ_1M;
	case REG_CLOCK:
		return READ_ONCE(tv->fb.clock);
	case REG_OFFSET:
		return tv->window;
	case REG_WINDOW:
		value = tv_fb_peek(&tv->fb, tv->window);
		tv->window += sizeof(u32);
		return value;
	}
	return ~0;
}

void tv_regs_write(struct tv_device *tv, u32 pos, const u8 *from, u32 count)
{
	if (pos >= REG_SCRATCH)
		memcpy(tv->scratch + pos - REG_SCRATCH, from, count);
	else if (count == sizeof(u32) && IS_ALIGNED(pos, sizeof(u32)))
		write_reg(tv, pos, get_unaligned_le32(from));
}

void tv_regs_read(struct tv_device *tv, u32 pos, u8 *to, u32 count)
{
	memset(to, 0xff, count);
	if (pos >= REG_SCRATCH)
		memcpy(to, tv->scratch + pos - REG_SCRATCH, count);
	else if (count == sizeof(u32) && IS_ALIGNED(pos, sizeof(u32)))
		put_unaligned_le32(read_reg(tv, pos), to);
}
