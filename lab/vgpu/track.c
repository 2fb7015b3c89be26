// SPDX-License-Identifier: GPL-2.0
/*
 * Which blocks a save still has to send.
 */
#include <linux/bitmap.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "fb.h"

/* From here on every block is owed once, and again whenever it is written. */
int tv_track_start(struct tv_fb *fb, wait_queue_head_t *wait)
{
	unsigned long *pending, *sent;
	int ret = -ENOMEM;

	mutex_lock(&fb->lock);
	pending = bitmap_zalloc(fb->blocks, GFP_KERNEL);
	sent = bitmap_zalloc(fb->blocks, GFP_KERNEL);
	if (pending && sent) {
		bitmap_fill(pending, fb->blocks);
		fb->pending = pending;
		fb->sent = sent;
		fb->initial = fb->blocks;
		fb->dirty = 0;
		fb->cursor = 0;
		fb->wait = wait;
		ret = 0;
	} else {
		bitmap_free(pending);
		bitmap_free(sent);
	}
	mutex_unlock(&fb->lock);
	return ret;
}

void tv_track_stop(struct tv_fb *fb)
{
	mutex_lock(&fb->lock);
	bitmap_free(fb->pending);
	bitmap_free(fb->sent);
	fb->pending = NULL;
	fb->sent = NULL;
	fb->initial = 0;
	fb->dirty = 0;
	fb->wait = NULL;
	mutex_unlock(&fb->lock);
}

/* The caller holds fb->lock and has just changed @block. */
void tv_track_mark(struct tv_fb *fb, u32 block)
{
	lockdep_assert_held(&fb->lock);
	if (!fb->pending || __test_and_set_bit(block, fb->pending))
		return;
	fb->dirty++;
	wake_up_interruptible(fb->wait);
}

/*
 * The next block to send: those never sent go first, then the dirty ones in a
 * circle, so that none starves. Copies its contents and takes it off the list;
 * false when the list is empty.
 */
bool tv_track_take(struct tv_fb *fb, void *copy, u32 *block, u64 *stamp)
{
	unsigned long next = 0;
	bool found = false;

	mutex_lock(&fb->lock);
	if (!fb->pending || !(fb->initial + fb->dirty))
		goto out;
	if (fb->initial) {
		next = find_first_zero_bit(fb->sent, fb->blocks);
		fb->initial--;
	} else {
		next = find_next_bit_wrap(fb->pending, fb->blocks, fb->cursor);
		fb->cursor = next;
		fb->dirty--;
	}
	__clear_bit(next, fb->pending);
	__set_bit(next, fb->sent);
	memcpy(copy, tv_fb_words(fb, next), TV_BLOCK_SIZE);
	*block = next;
	*stamp = fb->stamps[next];
	found = true;
out:
	mutex_unlock(&fb->lock);
	return found;
}

void tv_track_left(struct tv_fb *fb, u32 *initial, u32 *dirty)
{
	mutex_lock(&fb->lock);
	*initial = fb->initial;
	*dirty = fb->dirty;
	mutex_unlock(&fb->lock);
}
