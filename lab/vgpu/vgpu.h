/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One test vGPU: a VFIO device that looks like PCI, does no DMA, raises no
 * interrupt, and has a framebuffer that must survive a migration.
 *
 * Locks, outermost first: tv_device.lock, tv_session.lock, tv_fb.lock.
 */
#ifndef TV_VGPU_H
#define TV_VGPU_H

#include <linux/ktime.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#include "fb.h"

#define TV_TYPES	2
#define TV_CONFIG_SIZE	256
#define TV_BAR0_SIZE	64
#define TV_SCRATCH_SIZE	32
#define TV_ARCS		64
#define TV_OFF		(-1)	/* a fault that is not asked for */

struct tv_session;

/* What can be set through sysfs; bounds and meaning: knobs.c */
struct tv_knobs {
	long fb_mib;
	long precopy;
	long dirty_rate;
	long dirty_span_mib;
	long fault_count;
	long fault_save_after;
	long fault_save_delay_us;
	long fault_stop_error;
	long fault_corrupt_block;
	long fault_load_after;
	long fault_load_delay_us;
	long fault_size_percent;
	long fault_state;
	long fault_stuck;
};

/* Of the latest save and the latest load; kept after close. */
struct tv_counters {
	u64 saved_precopy_bytes;
	u64 saved_stop_bytes;
	u64 loaded_bytes;
	u64 saved_sum;
	u64 loaded_sum;
};

/* Events beside the states of enum vfio_device_mig_state */
enum tv_event {
	TV_EVENT_OPEN = VFIO_DEVICE_STATE_NR,
	TV_EVENT_CLOSE,
	TV_EVENT_RESET,
	TV_EVENT_NR,
};

struct tv_arcs {
	spinlock_t lock;
	unsigned int count;	/* ever seen; the last TV_ARCS are kept */
	struct {
		u64 us;		/* real time */
		unsigned int event;
	} ring[TV_ARCS];
};

struct tv_dirtier {
	struct delayed_work work;	/* alone touches what follows */
	bool going;
	ktime_t last;
	u64 debt;		/* bytes owed and not yet written, times 10^9 */
	u32 cursor;
};

struct tv_type {
	struct mdev_type mtype;
	u32 number;
};

struct tv_device {
	struct vfio_device vdev;
	struct tv_type *type;

	struct mutex lock;	/* open, state, session, logging */
	bool open;
	bool logging;
	enum vfio_device_mig_state state;
	struct tv_session *session;

	struct tv_fb fb;
	struct tv_dirtier dirtier;
	struct tv_knobs knobs;
	struct tv_counters counters;
	struct tv_arcs arcs;

	u8 config[TV_CONFIG_SIZE];
	u8 scratch[TV_SCRATCH_SIZE];
	u32 window;		/* offset of the framebuffer window in BAR0 */
};

static inline struct tv_device *to_tv(struct vfio_device *vdev)
{
	return container_of(vdev, struct tv_device, vdev);
}

/* types.c */
extern struct mdev_type *tv_types[TV_TYPES];
unsigned int tv_type_available(struct mdev_type *mtype);
ssize_t tv_type_describe(struct mdev_type *mtype, char *buf);
int tv_memory_resize(u64 from_mib, u64 to_mib);

/* mdev.c */
extern struct mdev_driver tv_mdev_driver;

/* device.c */
extern const struct vfio_device_ops tv_device_ops;

/* config.c, regs.c */
void tv_config_reset(struct tv_device *tv);
void tv_config_write(struct tv_device *tv, u32 pos, const u8 *from, u32 count);
void tv_config_read(struct tv_device *tv, u32 pos, u8 *to, u32 count);
void tv_regs_reset(struct tv_device *tv);
void tv_regs_write(struct tv_device *tv, u32 pos, const u8 *from, u32 count);
void tv_regs_read(struct tv_device *tv, u32 pos, u8 *to, u32 count);

/* dirtier.c */
void tv_dirtier_init(struct tv_device *tv);
void tv_dirtier_kick(struct tv_device *tv);
void tv_dirtier_stop(struct tv_device *tv);

/* migration.c, dirtylog.c */
extern const struct vfio_migration_ops tv_migration_ops;
extern const struct vfio_log_ops tv_log_ops;
const char *tv_event_name(unsigned int event);
void tv_migration_flags(struct tv_device *tv);
void tv_migration_reset(struct tv_device *tv, enum tv_event why);

/* knobs.c, attrs.c, arcs.c */
extern const struct attribute_group tv_knobs_group;
extern const struct attribute_group tv_attrs_group;
void tv_knobs_init(struct tv_knobs *knobs, u32 type);
long tv_type_fb_mib(u32 type);
bool tv_dirty_log_wanted(void);
bool tv_faults_take(struct tv_device *tv, bool saving);
void tv_arcs_init(struct tv_arcs *arcs);
void tv_arcs_add(struct tv_arcs *arcs, unsigned int event);
ssize_t tv_arcs_show(struct tv_arcs *arcs, char *buf);

#endif
