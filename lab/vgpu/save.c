// SPDX-License-Identifier: GPL-2.0
/*
 * PRE_COPY and STOP_COPY: the device's state read out as a row of records.
 *
 * While the device runs, the stream is the type and then whatever block is
 * owed; -ENOMSG says that none is at the moment. Once it has stopped come the
 * blocks still owed, the registers and the end, then 0 for ever. A reader may
 * stop anywhere in a record and go on in another state.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "session.h"

static void stage_head(struct tv_session *session, u32 type, u32 index,
		       u32 length, u64 stamp, u64 sum)
{
	struct tv_rec *rec = session->record;

	*rec = (struct tv_rec) {
		.magic = cpu_to_le32(TV_MAGIC),
		.type = cpu_to_le32(type),
		.index = cpu_to_le32(index),
		.length = cpu_to_le32(length),
		.stamp = cpu_to_le64(stamp),
		.sum = cpu_to_le64(sum),
	};
	session->at = 0;
	session->size = TV_REC_SIZE + length;
}

static void stage_type(struct tv_session *session)
{
	struct tv_device *tv = session->tv;

	stage_head(session, TV_REC_TYPE, tv->type->number, 0,
		   tv_fb_bytes(&tv->fb), TV_BLOCK_SIZE);
	session->type_done = true;
	session->initial = true;
}

static bool stage_block(struct tv_session *session)
{
	struct tv_device *tv = session->tv;
	u8 *payload = session->record + TV_REC_SIZE;
	u32 initial, dirty, block;
	u64 stamp;

	tv_track_left(&tv->fb, &initial, &dirty);
	if (!tv_track_take(&tv->fb, payload, &block, &stamp))
		return false;
	if (session->faulty && block == READ_ONCE(tv->knobs.fault_corrupt_block))
		payload[TV_BLOCK_SIZE / 2] ^= 1;
	stage_head(session, TV_REC_BLOCK, block, TV_BLOCK_SIZE, stamp, 0);
	session->initial = initial > 0;
	return true;
}

static void stage_regs(struct tv_session *session)
{
	struct tv_regs_image *image = session->record + TV_REC_SIZE;
	struct tv_device *tv = session->tv;

	memset(image, 0, sizeof(*image));
	memcpy(image->config, tv->config, sizeof(image->config));
	memcpy(image->scratch, tv->scratch, sizeof(image->scratch));
	image->window = cpu_to_le32(tv->window);
	stage_head(session, TV_REC_REGS, 0, sizeof(*image), 0, 0);
	session->regs_done = true;
}

static void stage_end(struct tv_session *session)
{
	struct tv_device *tv = session->tv;
	u64 clock, sum = tv_fb_sum(&tv->fb, &clock);

	stage_head(session, TV_REC_END, tv->fb.blocks, 0, clock, sum);
	tv->counters.saved_sum = sum;
	session->end_done = true;
}

/* Puts the next record into session->record; false: there is none (yet). */
static bool stage_next(struct tv_session *session)
{
	session->initial = false;
	if (!session->type_done)
		stage_type(session);
	else if (stage_block(session))
		;
	else if (session->stopped && !session->regs_done)
		stage_regs(session);
	else if (session->stopped && !session->end_done)
		stage_end(session);
	else
		return false;
	return true;
}

/* How many of @count bytes the faults let pass; a negative errno for none. */
static ssize_t fault_limit(struct tv_session *session, size_t count)
{
	struct tv_knobs *knobs = &session->tv->knobs;
	long after = READ_ONCE(knobs->fault_save_after);

	if (!session->faulty)
		return count;
	if (session->stopped && READ_ONCE(knobs->fault_stop_error))
		return -EIO;
	if (after == TV_OFF)
		return count;
	if (session->bytes >= after)
		return -EIO;
	return min_t(u64, count, after - session->bytes);
}

static void count_bytes(struct tv_session *session, size_t count)
{
	struct tv_counters *counters = &session->tv->counters;

	session->at += count;
	session->bytes += count;
	if (session->stopped)
		counters->saved_stop_bytes += count;
	else
		counters->saved_precopy_bytes += count;
}

/* Moves what one record has for @count bytes; 0: nothing to send. */
static ssize_t read_some(struct tv_session *session, char __user *to,
			 size_t count)
{
	ssize_t part;

	if (session->at == session->size) {
		if (!stage_next(session))
			return 0;
		if (session->faulty)
			fsleep(READ_ONCE(session->tv->knobs.fault_save_delay_us));
	}
	part = fault_limit(session, min_t(size_t, count,
					  session->size - session->at));
	if (part < 0)
		return part;
	if (copy_to_user(to, session->record + session->at, part))
		return -EFAULT;
	count_bytes(session, part);
	return part;
}

static bool is_slow(struct tv_session *session)
{
	return session->faulty &&
	       READ_ONCE(session->tv->knobs.fault_save_delay_us);
}

static ssize_t read_records(struct tv_session *session, char __user *to,
			    size_t count)
{
	size_t done = 0;
	ssize_t part;

	while (done < count) {
		part = read_some(session, to + done, count - done);
		if (part < 0) {
			session->error = part == -EFAULT ? 0 : part;
			return done ? done : part;
		}
		if (!part)
			break;
		done += part;
		/* slow: one record a call, so that an abort need not wait */
		if (is_slow(session) || signal_pending(current))
			break;
	}
	if (!done && count && !session->stopped)
		return -ENOMSG;
	return done;
}

static ssize_t save_read(struct file *file, char __user *to, size_t count,
			 loff_t *pos)
{
	struct tv_session *session = file->private_data;
	ssize_t ret = tv_session_enter(session, pos);

	if (ret)
		return ret;
	ret = read_records(session, to, count);
	mutex_unlock(&session->lock);
	return ret;
}

static const struct file_operations save_fops = {
	.owner = THIS_MODULE,
	.read = save_read,
	.unlocked_ioctl = tv_precopy_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = tv_precopy_poll,
	.release = tv_session_release,
};

/* The caller holds tv->lock. @stopped: straight to STOP_COPY */
struct file *tv_save_start(struct tv_device *tv, bool stopped)
{
	struct tv_session *session = tv_session_new(tv);
	struct file *file;
	int ret;

	if (!session)
		return ERR_PTR(-ENOMEM);
	session->stopped = stopped;
	session->faulty = tv_faults_take(tv, true);
	ret = tv_track_start(&tv->fb, &session->wait);
	if (ret) {
		tv_session_put(session);
		return ERR_PTR(ret);
	}
	session->saving = true;
	file = tv_session_file(session, "testvgpu-save", &save_fops, O_RDONLY);
	if (IS_ERR(file)) {
		tv_session_end(session);
		return file;
	}
	tv->counters.saved_precopy_bytes = 0;
	tv->counters.saved_stop_bytes = 0;
	tv->session = session;
	return file;
}

void tv_save_stopped(struct tv_session *session)
{
	mutex_lock(&session->lock);
	session->stopped = true;
	mutex_unlock(&session->lock);
	wake_up_interruptible(&session->wait);
}

/* Bytes that a stop now would leave to copy. The caller holds tv->lock. */
u64 tv_save_left(struct tv_device *tv)
{
	const u64 tail = 2 * TV_REC_SIZE + sizeof(struct tv_regs_image);
	struct tv_session *session = tv->session;
	u64 initial, dirty;

	if (!session)
		return TV_REC_SIZE + (u64)tv->fb.blocks * TV_RECORD_MAX + tail;
	mutex_lock(&session->lock);
	tv_precopy_left(session, &initial, &dirty);
	if (!session->regs_done)
		dirty += TV_REC_SIZE + sizeof(struct tv_regs_image);
	if (!session->end_done)
		dirty += TV_REC_SIZE;
	mutex_unlock(&session->lock);
	return initial + dirty;
}
