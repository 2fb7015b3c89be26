/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The framebuffer: blocks of memory, each with a stamp that says what it must
 * hold, so that contents can be verified anywhere and at any time.
 *
 * A stamp is the value of the framebuffer's clock when the device wrote the
 * block; the contents follow from (block, stamp) alone. 0 is a blank block,
 * all zeros. A block that the guest wrote has TV_STAMP_RAW and the sum of its
 * contents instead.
 */
#ifndef TV_FB_H
#define TV_FB_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

#define TV_BLOCK_SHIFT	16
#define TV_BLOCK_SIZE	(1UL << TV_BLOCK_SHIFT)
#define TV_BLOCK_WORDS	(TV_BLOCK_SIZE / sizeof(u64))
#define TV_STAMP_RAW	(1ULL << 63)

struct tv_fb {
	struct mutex lock;	/* all below */
	void *mem;		/* NULL while the device is closed */
	u64 *stamps;
	u32 blocks;
	bool running;		/* contents may change */
	u64 clock;
	u64 writes;		/* blocks written since open */
	u64 dropped;		/* writes refused since open: not running */

	/* what a save still has to send: NULL while none is under way */
	unsigned long *pending;	/* a clear bit was sent once at least */
	unsigned long *sent;
	u32 initial;		/* pending blocks never sent */
	u32 dirty;		/* pending blocks sent before */
	u32 cursor;
	wait_queue_head_t *wait;	/* the save's reader in poll() */
};

struct tv_verdict {
	u32 blocks;
	u32 blank;
	u32 raw;
	u32 bad;
	u32 first_bad;
};

/* pattern.c: pure */
void tv_pattern_fill(u64 *words, u32 block, u64 stamp);
bool tv_pattern_matches(const u64 *words, u32 block, u64 stamp);
u64 tv_pattern_raw_stamp(const u64 *words);
u64 tv_pattern_raw_update(u64 stamp, u32 word, u64 from, u64 to);
u64 tv_pattern_sum(const u64 *stamps, u32 blocks);

/* fb.c */
void tv_fb_init(struct tv_fb *fb);
int tv_fb_alloc(struct tv_fb *fb, u64 bytes);
void tv_fb_free(struct tv_fb *fb);
void tv_fb_run(struct tv_fb *fb, bool run);
void tv_fb_blank(struct tv_fb *fb);
bool tv_fb_write_block(struct tv_fb *fb, u32 block);
bool tv_fb_poke(struct tv_fb *fb, u64 offset, u32 value);
u32 tv_fb_peek(struct tv_fb *fb, u64 offset);
int tv_fb_verify(struct tv_fb *fb, struct tv_verdict *verdict);
u64 tv_fb_sum(struct tv_fb *fb, u64 *clock);
void tv_fb_load_block(struct tv_fb *fb, u32 block, u64 stamp, const void *from);
void tv_fb_load_clock(struct tv_fb *fb, u64 clock);

static inline u64 *tv_fb_words(const struct tv_fb *fb, u32 block)
{
	return fb->mem + ((size_t)block << TV_BLOCK_SHIFT);
}

static inline u64 tv_fb_bytes(const struct tv_fb *fb)
{
	return (u64)fb->blocks << TV_BLOCK_SHIFT;
}

/* track.c */
int tv_track_start(struct tv_fb *fb, wait_queue_head_t *wait);
void tv_track_stop(struct tv_fb *fb);
void tv_track_mark(struct tv_fb *fb, u32 block);
bool tv_track_take(struct tv_fb *fb, void *copy, u32 *block, u64 *stamp);
void tv_track_left(struct tv_fb *fb, u32 *initial, u32 *dirty);

#endif
