// SPDX-License-Identifier: GPL-2.0
/*
 * The migration states of include/uapi/linux/vfio.h. The core finds the path
 * from one state to another; here each arc of it is acted upon.
 */
#include <linux/err.h>

#include "session.h"

static const char * const event_names[TV_EVENT_NR] = {
	[VFIO_DEVICE_STATE_ERROR] = "error",
	[VFIO_DEVICE_STATE_STOP] = "stop",
	[VFIO_DEVICE_STATE_RUNNING] = "running",
	[VFIO_DEVICE_STATE_STOP_COPY] = "stop_copy",
	[VFIO_DEVICE_STATE_RESUMING] = "resuming",
	[VFIO_DEVICE_STATE_RUNNING_P2P] = "running_p2p",
	[VFIO_DEVICE_STATE_PRE_COPY] = "pre_copy",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre_copy_p2p",
	[TV_EVENT_OPEN] = "open",
	[TV_EVENT_CLOSE] = "close",
	[TV_EVENT_RESET] = "reset",
};

const char *tv_event_name(unsigned int event)
{
	return event < TV_EVENT_NR ? event_names[event] : "unknown";
}

static bool is_precopy(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_PRE_COPY ||
	       state == VFIO_DEVICE_STATE_PRE_COPY_P2P;
}

static bool is_saving(enum vfio_device_mig_state state)
{
	return is_precopy(state) || state == VFIO_DEVICE_STATE_STOP_COPY;
}

static bool is_running(enum vfio_device_mig_state state)
{
	return is_precopy(state) || state == VFIO_DEVICE_STATE_RUNNING ||
	       state == VFIO_DEVICE_STATE_RUNNING_P2P;
}

static void set_state(struct tv_device *tv, enum vfio_device_mig_state state)
{
	WRITE_ONCE(tv->state, state);
	tv_arcs_add(&tv->arcs, state);
}

static void end_session(struct tv_device *tv)
{
	if (tv->session)
		tv_session_end(tv->session);
	tv->session = NULL;
}

/* Nothing but a reset leads out of it. */
static void fail(struct tv_device *tv)
{
	tv_fb_run(&tv->fb, false);
	end_session(tv);
	set_state(tv, VFIO_DEVICE_STATE_ERROR);
}

static bool fault_hits(struct tv_device *tv, enum vfio_device_mig_state next)
{
	if (READ_ONCE(tv->knobs.fault_state) != next || !tv->knobs.fault_count)
		return false;
	if (tv->knobs.fault_count > 0)
		tv->knobs.fault_count--;
	return true;
}

/*
 * One arc. The device first stops, then its session ends, goes on or begins,
 * and only then does it run again. An arc that fails leaves the state as it
 * was, but for a load that did not come to its end: that is an ERROR.
 */
static struct file *take_arc(struct tv_device *tv,
			     enum vfio_device_mig_state next)
{
	enum vfio_device_mig_state now = tv->state;
	struct file *file = NULL;
	int ret = 0;

	if (fault_hits(tv, next))
		return ERR_PTR(-EIO);
	if (now == VFIO_DEVICE_STATE_RESUMING && !tv->session)
		return ERR_PTR(-EIO);	/* stuck */
	if (!is_running(next))
		tv_fb_run(&tv->fb, false);
	if (now == VFIO_DEVICE_STATE_RESUMING)
		ret = tv_load_finish(tv->session);
	if (ret) {
		fail(tv);
		return ERR_PTR(ret);
	}
	if (is_saving(now) && next == VFIO_DEVICE_STATE_STOP_COPY)
		tv_save_stopped(tv->session);
	else if (is_saving(now) != is_saving(next) ||
		 now == VFIO_DEVICE_STATE_RESUMING)
		end_session(tv);
	if (is_saving(next) && !is_saving(now))
		file = tv_save_start(tv, next == VFIO_DEVICE_STATE_STOP_COPY);
	else if (next == VFIO_DEVICE_STATE_RESUMING)
		file = tv_load_start(tv);
	if (!IS_ERR(file) && is_running(next) && !is_running(now)) {
		tv_fb_run(&tv->fb, true);
		tv_dirtier_kick(tv);
	}
	return file;
}

static struct file *walk(struct tv_device *tv, enum vfio_device_mig_state goal)
{
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	if (tv->state == VFIO_DEVICE_STATE_ERROR)
		return ERR_PTR(-EINVAL);	/* a reset is what helps */
	while (tv->state != goal) {
		ret = vfio_mig_get_next_state(&tv->vdev, tv->state, goal, &next);
		if (ret)
			return ERR_PTR(ret);
		file = take_arc(tv, next);
		if (IS_ERR(file))
			return file;
		set_state(tv, next);
	}
	return file;
}

static struct file *migration_set_state(struct vfio_device *vdev,
					enum vfio_device_mig_state state)
{
	struct tv_device *tv = to_tv(vdev);
	struct file *file;

	mutex_lock(&tv->lock);
	file = walk(tv, state);
	mutex_unlock(&tv->lock);
	return file;
}

static int migration_get_state(struct vfio_device *vdev,
			       enum vfio_device_mig_state *state)
{
	struct tv_device *tv = to_tv(vdev);

	mutex_lock(&tv->lock);
	*state = tv->state;
	mutex_unlock(&tv->lock);
	return 0;
}

/* The truth, times fault_size_percent. */
static int migration_get_data_size(struct vfio_device *vdev,
				   unsigned long *stop_copy_length)
{
	struct tv_device *tv = to_tv(vdev);
	u64 left = 0;

	mutex_lock(&tv->lock);
	if (is_saving(tv->state) || !tv->session)
		left = tv_save_left(tv);
	mutex_unlock(&tv->lock);
	*stop_copy_length = left * READ_ONCE(tv->knobs.fault_size_percent) / 100;
	return 0;
}

const struct vfio_migration_ops tv_migration_ops = {
	.migration_set_state = migration_set_state,
	.migration_get_state = migration_get_state,
	.migration_get_data_size = migration_get_data_size,
};

/* Only while no file of the device is open: the core reads the flags freely. */
void tv_migration_flags(struct tv_device *tv)
{
	tv->vdev.migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	if (tv->knobs.precopy)
		tv->vdev.migration_flags |= VFIO_MIGRATION_PRE_COPY;
}

/*
 * As after power on, whatever went before. The caller holds tv->lock. With
 * fault_stuck a device in RESUMING stays there, as some drivers' devices do.
 */
void tv_migration_reset(struct tv_device *tv, enum tv_event why)
{
	tv_arcs_add(&tv->arcs, why);
	end_session(tv);
	tv_fb_run(&tv->fb, false);
	tv_fb_blank(&tv->fb);
	tv_config_reset(tv);
	tv_regs_reset(tv);
	if (tv->state == VFIO_DEVICE_STATE_RESUMING && tv->knobs.fault_stuck)
		return;
	if (tv->state != VFIO_DEVICE_STATE_RUNNING)
		set_state(tv, VFIO_DEVICE_STATE_RUNNING);
	if (tv->open) {
		tv_fb_run(&tv->fb, true);
		tv_dirtier_kick(tv);
	}
}
