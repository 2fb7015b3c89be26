// SPDX-License-Identifier: GPL-2.0
/*
 * The load: while the device runs, blocks are written anew at dirty_rate bytes
 * a second, one after the other round the working set of dirty_span_mib (0:
 * the whole framebuffer).
 *
 * What a tick cannot write is owed to the next one, up to one second's worth;
 * fb.writes tells what was really written.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "vgpu.h"

#define TICK_MS		10
#define TICK_MAX_NS	(50 * NSEC_PER_MSEC)
#define BLOCK_DEBT	((u64)TV_BLOCK_SIZE * NSEC_PER_SEC)

/* Blocks due now; the remainder stays in dirtier->debt. */
static u32 blocks_due(struct tv_dirtier *dirtier, u64 rate)
{
	ktime_t now = ktime_get();
	u64 ns = min_t(u64, ktime_to_ns(ktime_sub(now, dirtier->last)),
		       NSEC_PER_SEC);

	if (!dirtier->going) {
		dirtier->going = true;
		dirtier->debt = 0;
		ns = 0;
	}
	dirtier->last = now;
	dirtier->debt = min(dirtier->debt + rate * ns,
			    rate * NSEC_PER_SEC + BLOCK_DEBT);
	return div64_u64(dirtier->debt, BLOCK_DEBT);
}

static u32 working_set(struct tv_device *tv)
{
	u64 span = READ_ONCE(tv->knobs.dirty_span_mib);
	u32 blocks = READ_ONCE(tv->fb.blocks);

	span = span * SZ_1M >> TV_BLOCK_SHIFT;
	return span && span < blocks ? span : blocks;
}

/* One tick. False: nothing to do until the next kick. */
static bool tick(struct tv_device *tv, struct tv_dirtier *dirtier)
{
	u64 rate = READ_ONCE(tv->knobs.dirty_rate);
	u32 due, set = working_set(tv);
	ktime_t start = ktime_get();

	if (!rate || !set || !READ_ONCE(tv->fb.running))
		return false;
	for (due = blocks_due(dirtier, rate); due; due--) {
		dirtier->cursor %= set;
		if (!tv_fb_write_block(&tv->fb, dirtier->cursor))
			return false;
		dirtier->cursor++;
		dirtier->debt -= BLOCK_DEBT;
		if (ktime_to_ns(ktime_sub(ktime_get(), start)) > TICK_MAX_NS)
			break;
		cond_resched();
	}
	return true;
}

static void dirtier_work(struct work_struct *work)
{
	struct tv_dirtier *dirtier =
		container_of(to_delayed_work(work), struct tv_dirtier, work);
	struct tv_device *tv = container_of(dirtier, struct tv_device, dirtier);

	dirtier->going = tick(tv, dirtier);
	if (dirtier->going)
		queue_delayed_work(system_unbound_wq, &dirtier->work,
				   msecs_to_jiffies(TICK_MS));
}

void tv_dirtier_init(struct tv_device *tv)
{
	INIT_DELAYED_WORK(&tv->dirtier.work, dirtier_work);
}

/* The device runs (again), or its rate has changed. The caller holds tv->lock. */
void tv_dirtier_kick(struct tv_device *tv)
{
	if (tv->knobs.dirty_rate && tv->open)
		mod_delayed_work(system_unbound_wq, &tv->dirtier.work, 0);
}

void tv_dirtier_stop(struct tv_device *tv)
{
	cancel_delayed_work_sync(&tv->dirtier.work);
}
