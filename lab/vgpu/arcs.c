// SPDX-License-Identifier: GPL-2.0
/*
 * The latest states and events of a device, with the time of each.
 */
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "vgpu.h"

void tv_arcs_init(struct tv_arcs *arcs)
{
	spin_lock_init(&arcs->lock);
}

void tv_arcs_add(struct tv_arcs *arcs, unsigned int event)
{
	unsigned int at;

	spin_lock(&arcs->lock);
	at = arcs->count++ % TV_ARCS;
	arcs->ring[at].us = ktime_to_us(ktime_get_real());
	arcs->ring[at].event = event;
	spin_unlock(&arcs->lock);
}

/* One a line, oldest first: microseconds since 1970, name */
ssize_t tv_arcs_show(struct tv_arcs *arcs, char *buf)
{
	unsigned int i, at;
	ssize_t size = 0;

	spin_lock(&arcs->lock);
	i = arcs->count > TV_ARCS ? arcs->count - TV_ARCS : 0;
	for (; i < arcs->count; i++) {
		at = i % TV_ARCS;
		size += sysfs_emit_at(buf, size, "%llu %s\n",
				      arcs->ring[at].us,
				      tv_event_name(arcs->ring[at].event));
	}
	spin_unlock(&arcs->lock);
	return size;
}
