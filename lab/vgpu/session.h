/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One data transfer: from the arc that returns its file to the arc that ends
 * it. The file may be kept open for longer; then it only returns errors.
 */
#ifndef TV_SESSION_H
#define TV_SESSION_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/poll.h>

#include "stream.h"
#include "vgpu.h"

#define TV_RECORD_MAX	(TV_REC_SIZE + TV_BLOCK_SIZE)

struct tv_session {
	struct kref ref;
	struct mutex lock;	/* all below */
	struct tv_device *tv;	/* NULL: it is over */
	bool faulty;		/* the faults set on the device apply */
	int error;		/* what it failed with; for good */
	u64 bytes;		/* moved so far */

	void *record;		/* the one under way: head and payload */
	u32 at;			/* of it moved */
	u32 size;		/* of it in all */

	bool saving;
	bool stopped;		/* STOP_COPY: nothing changes any more */
	bool initial;		/* the record under way is of the first round */
	bool type_done;
	bool regs_done;
	bool end_done;
	unsigned long *seen;	/* load: blocks that have arrived */
	wait_queue_head_t wait;
};

/* The part of the state that lies outside the framebuffer. */
struct tv_regs_image {
	u8 config[TV_CONFIG_SIZE];
	u8 scratch[TV_SCRATCH_SIZE];
	__le32 window;
	__le32 reserved;
};

struct tv_session *tv_session_new(struct tv_device *tv);
struct file *tv_session_file(struct tv_session *session, const char *name,
			     const struct file_operations *fops, int flags);
int tv_session_enter(struct tv_session *session, const loff_t *pos);
void tv_session_end(struct tv_session *session);
void tv_session_put(struct tv_session *session);
int tv_session_release(struct inode *inode, struct file *file);

/* save.c */
struct file *tv_save_start(struct tv_device *tv, bool stopped);
void tv_save_stopped(struct tv_session *session);
u64 tv_save_left(struct tv_device *tv);

/* precopy.c */
void tv_precopy_left(struct tv_session *session, u64 *initial, u64 *dirty);
long tv_precopy_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
__poll_t tv_precopy_poll(struct file *file, poll_table *wait);

/* load.c */
struct file *tv_load_start(struct tv_device *tv);
int tv_load_finish(struct tv_session *session);

#endif
