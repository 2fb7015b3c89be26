// SPDX-License-Identifier: GPL-2.0
/*
 * What is left to be read while the device runs, as its user is told:
 * VFIO_MIG_GET_PRECOPY_INFO and poll.
 */
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "session.h"

/*
 * A record half read counts as what it began as, the type as part of the
 * first round. The caller holds session->lock.
 */
void tv_precopy_left(struct tv_session *session, u64 *initial, u64 *dirty)
{
	u32 staged = session->size - session->at;
	u32 blocks, again;

	tv_track_left(&session->tv->fb, &blocks, &again);
	*initial = (u64)blocks * TV_RECORD_MAX;
	*dirty = (u64)again * TV_RECORD_MAX;
	if (!session->type_done)
		*initial += TV_REC_SIZE;
	if (session->initial)
		*initial += staged;
	else
		*dirty += staged;
}

static long precopy_info(struct tv_session *session, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfio_precopy_info info = {};
	u64 initial, dirty;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	if (!session->tv)
		return -ENODEV;
	if (session->stopped)
		return -EINVAL;
	tv_precopy_left(session, &initial, &dirty);
	info.flags = 0;
	info.initial_bytes = initial;
	info.dirty_bytes = dirty;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

long tv_precopy_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tv_session *session = file->private_data;
	long ret;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	mutex_lock(&session->lock);
	ret = precopy_info(session, (void __user *)arg);
	mutex_unlock(&session->lock);
	return ret;
}

__poll_t tv_precopy_poll(struct file *file, poll_table *wait)
{
	struct tv_session *session = file->private_data;
	__poll_t mask = 0;
	u64 initial, dirty;

	poll_wait(file, &session->wait, wait);
	mutex_lock(&session->lock);
	if (!session->tv || session->error) {
		mask = EPOLLIN | EPOLLRDNORM | EPOLLERR;
	} else {
		tv_precopy_left(session, &initial, &dirty);
		if (session->stopped || initial || dirty)
			mask = EPOLLIN | EPOLLRDNORM;
	}
	mutex_unlock(&session->lock);
	return mask;
}
