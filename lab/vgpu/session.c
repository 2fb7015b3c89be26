// SPDX-License-Identifier: GPL-2.0
/*
 * What saving and loading have in common: the life of a session and its file.
 * The device holds one reference until the session ends, the file another.
 */
#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "session.h"

struct tv_session *tv_session_new(struct tv_device *tv)
{
	struct tv_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	session->record = kvmalloc(TV_RECORD_MAX, GFP_KERNEL);
	session->seen = bitmap_zalloc(tv->fb.blocks, GFP_KERNEL);
	kref_init(&session->ref);
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	session->tv = tv;
	if (!session->record || !session->seen) {
		tv_session_put(session);
		return NULL;
	}
	return session;
}

static void session_free(struct kref *ref)
{
	struct tv_session *session = container_of(ref, struct tv_session, ref);

	kvfree(session->record);
	bitmap_free(session->seen);
	mutex_destroy(&session->lock);
	kfree(session);
}

void tv_session_put(struct tv_session *session)
{
	kref_put(&session->ref, session_free);
}

struct file *tv_session_file(struct tv_session *session, const char *name,
			     const struct file_operations *fops, int flags)
{
	struct file *file = anon_inode_getfile(name, fops, session, flags);

	if (IS_ERR(file))
		return file;
	kref_get(&session->ref);
	stream_open(file->f_inode, file);
	return file;
}

/*
 * Begins a read or write: a negative errno, or 0 with session->lock held. What
 * has failed once has failed for good.
 */
int tv_session_enter(struct tv_session *session, const loff_t *pos)
{
	int ret;

	if (pos)
		return -ESPIPE;
	mutex_lock(&session->lock);
	ret = session->tv ? session->error : -ENODEV;
	if (ret)
		mutex_unlock(&session->lock);
	return ret;
}

/* The device lets go: from now on the file returns -ENODEV. */
void tv_session_end(struct tv_session *session)
{
	mutex_lock(&session->lock);
	if (session->saving)
		tv_track_stop(&session->tv->fb);
	session->tv = NULL;
	mutex_unlock(&session->lock);
	wake_up_interruptible(&session->wait);
	tv_session_put(session);
}

int tv_session_release(struct inode *inode, struct file *file)
{
	tv_session_put(file->private_data);
	return 0;
}
