// SPDX-License-Identifier: GPL-2.0
/*
 * The framebuffer's memory: who may change it, and whether it is as it must be.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "fb.h"

void tv_fb_init(struct tv_fb *fb)
{
	mutex_init(&fb->lock);
}

/* Memory for @bytes, all blank. It may fail; it must not wake the OOM killer. */
int tv_fb_alloc(struct tv_fb *fb, u64 bytes)
{
	u32 blocks = bytes >> TV_BLOCK_SHIFT;
	u64 *stamps;
	void *mem;

	mem = __vmalloc(bytes, GFP_KERNEL | __GFP_ZERO | __GFP_RETRY_MAYFAIL);
	stamps = kvcalloc(blocks, sizeof(*stamps), GFP_KERNEL);
	if (!mem || !stamps) {
		vfree(mem);
		kvfree(stamps);
		return -ENOMEM;
	}
	mutex_lock(&fb->lock);
	fb->mem = mem;
	fb->stamps = stamps;
	fb->blocks = blocks;
	fb->clock = 0;
	fb->writes = 0;
	fb->dropped = 0;
	mutex_unlock(&fb->lock);
	return 0;
}

void tv_fb_free(struct tv_fb *fb)
{
	mutex_lock(&fb->lock);
	vfree(fb->mem);
	kvfree(fb->stamps);
	fb->mem = NULL;
	fb->stamps = NULL;
	fb->blocks = 0;
	fb->running = false;
	mutex_unlock(&fb->lock);
}

/* After tv_fb_run(false) returns, nothing changes the contents any more. */
void tv_fb_run(struct tv_fb *fb, bool run)
{
	mutex_lock(&fb->lock);
	fb->running = run;
	mutex_unlock(&fb->lock);
}

void tv_fb_blank(struct tv_fb *fb)
{
	u32 i;

	mutex_lock(&fb->lock);
	for (i = 0; i < fb->blocks; i++) {
		if (!fb->stamps[i])
			continue;
		memset(tv_fb_words(fb, i), 0, TV_BLOCK_SIZE);
		fb->stamps[i] = 0;
		cond_resched();
	}
	fb->clock = 0;
	mutex_unlock(&fb->lock);
}

/* The device writes a whole block anew. False when it may not. */
bool tv_fb_write_block(struct tv_fb *fb, u32 block)
{
	bool done = false;

	mutex_lock(&fb->lock);
	if (!fb->mem || !fb->running || block >= fb->blocks) {
		fb->dropped++;
	} else {
		fb->stamps[block] = ++fb->clock;
		tv_pattern_fill(tv_fb_words(fb, block), block, fb->clock);
		tv_track_mark(fb, block);
		fb->writes++;
		done = true;
	}
	mutex_unlock(&fb->lock);
	return done;
}

/* The guest writes four bytes; the block is raw from now on. */
bool tv_fb_poke(struct tv_fb *fb, u64 offset, u32 value)
{
	u32 block = offset >> TV_BLOCK_SHIFT;
	u32 word = (offset & (TV_BLOCK_SIZE - 1)) / sizeof(u64);
	bool done = false;
	u64 *words, old, stamp;

	mutex_lock(&fb->lock);
	if (!fb->running || offset + sizeof(u32) > tv_fb_bytes(fb)) {
		fb->dropped++;
		goto out;
	}
	words = tv_fb_words(fb, block);
	stamp = fb->stamps[block];
	if (!(stamp & TV_STAMP_RAW))
		stamp = tv_pattern_raw_stamp(words);
	old = words[word];
	memcpy((void *)words + (offset & (TV_BLOCK_SIZE - 1) & ~3UL), &value,
	       sizeof(value));
	fb->stamps[block] = tv_pattern_raw_update(stamp, word, old, words[word]);
	tv_track_mark(fb, block);
	fb->writes++;
	done = true;
out:
	mutex_unlock(&fb->lock);
	return done;
}

u32 tv_fb_peek(struct tv_fb *fb, u64 offset)
{
	u32 value = ~0;

	offset &= ~3ULL;
	mutex_lock(&fb->lock);
	if (offset + sizeof(u32) <= tv_fb_bytes(fb))
		memcpy(&value, fb->mem + offset, sizeof(value));
	mutex_unlock(&fb->lock);
	return value;
}

static int verify_block(struct tv_fb *fb, u32 block, struct tv_verdict *verdict)
{
	u64 stamp;

	if (block >= fb->blocks)
		return -ENODEV;
	stamp = fb->stamps[block];
	verdict->blocks++;
	verdict->blank += !stamp;
	verdict->raw += !!(stamp & TV_STAMP_RAW);
	if (!tv_pattern_matches(tv_fb_words(fb, block), block, stamp)) {
		if (!verdict->bad++)
			verdict->first_bad = block;
	}
	return 0;
}

/*
 * Compares every block with its stamp, one block at a time, so that a running
 * device and a running migration are not held up.
 */
int tv_fb_verify(struct tv_fb *fb, struct tv_verdict *verdict)
{
	u32 block, blocks = READ_ONCE(fb->blocks);
	int ret = blocks ? 0 : -ENODEV;

	memset(verdict, 0, sizeof(*verdict));
	for (block = 0; block < blocks && !ret; block++) {
		mutex_lock(&fb->lock);
		ret = verify_block(fb, block, verdict);
		mutex_unlock(&fb->lock);
		cond_resched();
	}
	return ret;
}

u64 tv_fb_sum(struct tv_fb *fb, u64 *clock)
{
	u64 sum;

	mutex_lock(&fb->lock);
	sum = tv_pattern_sum(fb->stamps, fb->blocks);
	*clock = fb->clock;
	mutex_unlock(&fb->lock);
	return sum;
}

/* A block out of a migration stream: contents and stamp arrive together. */
void tv_fb_load_block(struct tv_fb *fb, u32 block, u64 stamp, const void *from)
{
	mutex_lock(&fb->lock);
	memcpy(tv_fb_words(fb, block), from, TV_BLOCK_SIZE);
	fb->stamps[block] = stamp;
	mutex_unlock(&fb->lock);
}

/* Stamps given from now on are newer than all that arrived. */
void tv_fb_load_clock(struct tv_fb *fb, u64 clock)
{
	mutex_lock(&fb->lock);
	fb->clock = clock;
	mutex_unlock(&fb->lock);
}
