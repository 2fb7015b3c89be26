// SPDX-License-Identifier: GPL-2.0
/*
 * RESUMING: the records written by another device become this one's state.
 *
 * Everything is checked in write(), where the writer still hears of it: QEMU
 * takes a failure of RESUMING -> STOP for a success and resets the device.
 * Leaving RESUMING only asks whether the end has arrived.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "session.h"

static int check_type(struct tv_device *tv, const struct tv_rec *rec)
{
	u32 number = le32_to_cpu(rec->index);
	u64 bytes = le64_to_cpu(rec->stamp);

	if (number != tv->type->number) {
		dev_warn(tv->vdev.dev, "a vGPU of type %u cannot resume here: this is type %u\n",
			 number, tv->type->number);
		return -EMEDIUMTYPE;
	}
	if (bytes != tv_fb_bytes(&tv->fb) ||
	    le64_to_cpu(rec->sum) != TV_BLOCK_SIZE) {
		dev_warn(tv->vdev.dev, "a framebuffer of %llu bytes cannot resume here: this has %llu\n",
			 bytes, tv_fb_bytes(&tv->fb));
		return -EMSGSIZE;
	}
	return le32_to_cpu(rec->length) ? -EBADMSG : 0;
}

static int check_block(struct tv_device *tv, const struct tv_rec *rec)
{
	if (le32_to_cpu(rec->index) >= tv->fb.blocks ||
	    le32_to_cpu(rec->length) != TV_BLOCK_SIZE)
		return -EBADMSG;
	return 0;
}

static int check_end(struct tv_session *session, const struct tv_rec *rec)
{
	struct tv_device *tv = session->tv;
	u64 clock, sum = tv_fb_sum(&tv->fb, &clock);

	if (le32_to_cpu(rec->length) || !session->regs_done ||
	    le32_to_cpu(rec->index) != tv->fb.blocks ||
	    !bitmap_full(session->seen, tv->fb.blocks))
		return -EBADMSG;
	if (sum != le64_to_cpu(rec->sum)) {
		dev_warn(tv->vdev.dev, "resumed with sum %016llx instead of %016llx\n",
			 sum, le64_to_cpu(rec->sum));
		return -EBADMSG;
	}
	return 0;
}

/* The head of a record is here: may it come now, and with this payload? */
static int check_head(struct tv_session *session)
{
	const struct tv_rec *rec = session->record;
	u32 type = le32_to_cpu(rec->type);

	if (le32_to_cpu(rec->magic) != TV_MAGIC || session->end_done ||
	    session->type_done == (type == TV_REC_TYPE))
		return -EBADMSG;
	session->size = TV_REC_SIZE + le32_to_cpu(rec->length);
	switch (type) {
	case TV_REC_TYPE:
		return check_type(session->tv, rec);
	case TV_REC_BLOCK:
		return check_block(session->tv, rec);
	case TV_REC_REGS:
		return le32_to_cpu(rec->length) ==
		       sizeof(struct tv_regs_image) ? 0 : -EBADMSG;
	case TV_REC_END:
		return check_end(session, rec);
	}
	return -EBADMSG;
}

static void apply_regs(struct tv_session *session)
{
	const struct tv_regs_image *image = session->record + TV_REC_SIZE;
	struct tv_device *tv = session->tv;

	tv_config_write(tv, 0, image->config, sizeof(image->config));
	memcpy(tv->scratch, image->scratch, sizeof(tv->scratch));
	tv->window = le32_to_cpu(image->window);
	session->regs_done = true;
}

/* The whole record is here, and its head was found good. */
static void apply(struct tv_session *session)
{
	const struct tv_rec *rec = session->record;
	struct tv_device *tv = session->tv;
	u32 index = le32_to_cpu(rec->index);

	switch (le32_to_cpu(rec->type)) {
	case TV_REC_TYPE:
		session->type_done = true;
		break;
	case TV_REC_BLOCK:
		tv_fb_load_block(&tv->fb, index, le64_to_cpu(rec->stamp),
				 session->record + TV_REC_SIZE);
		__set_bit(index, session->seen);
		break;
	case TV_REC_REGS:
		apply_regs(session);
		break;
	case TV_REC_END:
		tv_fb_load_clock(&tv->fb, le64_to_cpu(rec->stamp));
		tv->counters.loaded_sum = le64_to_cpu(rec->sum);
		session->end_done = true;
		break;
	}
	session->at = 0;
	session->size = TV_REC_SIZE;
}

static int check_faults(struct tv_session *session)
{
	struct tv_knobs *knobs = &session->tv->knobs;
	long after = READ_ONCE(knobs->fault_load_after);

	if (!session->faulty)
		return 0;
	if (session->at == TV_REC_SIZE)
		fsleep(READ_ONCE(knobs->fault_load_delay_us));
	return after != TV_OFF && session->bytes >= after ? -EIO : 0;
}

/* Takes what the record under way lacks; returns how much that was. */
static ssize_t write_some(struct tv_session *session, const char __user *from,
			  size_t count)
{
	size_t part = min_t(size_t, count, session->size - session->at);
	int ret;

	if (copy_from_user(session->record + session->at, from, part))
		return -EFAULT;
	session->at += part;
	session->bytes += part;
	session->tv->counters.loaded_bytes += part;
	if (session->at == TV_REC_SIZE) {
		ret = check_head(session);
		if (ret)
			return ret;
	}
	ret = check_faults(session);
	if (ret)
		return ret;
	if (session->at == session->size)
		apply(session);
	return part;
}

/*
 * All of it or an error, never less: not every writer looks at a short count,
 * and after an error the session is of no more use anyway.
 */
static ssize_t write_records(struct tv_session *session,
			     const char __user *from, size_t count)
{
	size_t done = 0;
	ssize_t part;

	while (done < count) {
		part = write_some(session, from + done, count - done);
		if (part < 0) {
			session->error = part;
			return part;
		}
		done += part;
		cond_resched();
	}
	return done;
}

static ssize_t load_write(struct file *file, const char __user *from,
			  size_t count, loff_t *pos)
{
	struct tv_session *session = file->private_data;
	ssize_t ret = tv_session_enter(session, pos);

	if (ret)
		return ret;
	ret = write_records(session, from, count);
	mutex_unlock(&session->lock);
	return ret;
}

static const struct file_operations load_fops = {
	.owner = THIS_MODULE,
	.write = load_write,
	.release = tv_session_release,
};

/* The caller holds tv->lock. What the framebuffer held before is gone. */
struct file *tv_load_start(struct tv_device *tv)
{
	struct tv_session *session = tv_session_new(tv);
	struct file *file;

	if (!session)
		return ERR_PTR(-ENOMEM);
	session->size = TV_REC_SIZE;
	session->faulty = tv_faults_take(tv, false);
	file = tv_session_file(session, "testvgpu-load", &load_fops, O_WRONLY);
	if (IS_ERR(file)) {
		tv_session_put(session);
		return file;
	}
	tv_fb_blank(&tv->fb);
	tv->counters.loaded_bytes = 0;
	tv->counters.loaded_sum = 0;
	tv->session = session;
	return file;
}

/* 0 when the end has arrived and all was well. */
int tv_load_finish(struct tv_session *session)
{
	int ret;

	mutex_lock(&session->lock);
	ret = session->error;
	if (!ret && !session->end_done)
		ret = -ENODATA;
	mutex_unlock(&session->lock);
	return ret;
}
