// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen, and what can be done to the framebuffer.
 */
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/sched/signal.h>
#include <linux/sysfs.h>

#include "vgpu.h"

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", tv_event_name(READ_ONCE(tv->state)));
}
static DEVICE_ATTR_RO(state);

static ssize_t opened_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(tv->open));
}
static DEVICE_ATTR_RO(opened);

static ssize_t arcs_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);

	return tv_arcs_show(&tv->arcs, buf);
}
static DEVICE_ATTR_RO(arcs);

/* Reading it compares every block with its stamp. */
static ssize_t verify_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);
	struct tv_verdict verdict;
	ssize_t size;
	int ret;

	ret = tv_fb_verify(&tv->fb, &verdict);
	if (ret)
		return ret;
	size = sysfs_emit(buf, "%s blocks=%u blank=%u raw=%u bad=%u",
			  verdict.bad ? "bad" : "ok", verdict.blocks,
			  verdict.blank, verdict.raw, verdict.bad);
	if (verdict.bad)
		size += sysfs_emit_at(buf, size, " first=%u", verdict.first_bad);
	return size + sysfs_emit_at(buf, size, "\n");
}
static DEVICE_ATTR_RO(verify);

static int write_blocks(struct tv_device *tv, u32 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (signal_pending(current))
			return -EINTR;
		if (!tv_fb_write_block(&tv->fb, first + i))
			return -EBUSY;
		cond_resched();
	}
	return 0;
}

/* "FIRST COUNT": the device writes these blocks anew */
static ssize_t write_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct tv_device *tv = dev_get_drvdata(dev);
	u32 blocks = READ_ONCE(tv->fb.blocks);
	u32 first, number;
	int ret;

	if (sscanf(buf, "%u %u", &first, &number) != 2)
		return -EINVAL;
	if (first > blocks || number > blocks - first)
		return -ERANGE;
	ret = write_blocks(tv, first, number);
	return ret ?: count;
}
static DEVICE_ATTR_WO(write);

/* Anything: the device writes all blocks anew */
static ssize_t fill_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct tv_device *tv = dev_get_drvdata(dev);
	u32 blocks = READ_ONCE(tv->fb.blocks);
	int ret = blocks ? write_blocks(tv, 0, blocks) : -ENODEV;

	return ret ?: count;
}
static DEVICE_ATTR_WO(fill);

/* The sum over all stamps as it is now: equal sums, equal framebuffers */
static ssize_t sum_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);
	u64 clock, sum = tv_fb_sum(&tv->fb, &clock);

	return sysfs_emit(buf, "%016llx\n", sum);
}
static DEVICE_ATTR_RO(sum);

#define NUMBER(_name, _format, _value)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct tv_device *tv = dev_get_drvdata(dev);			\
									\
	return sysfs_emit(buf, _format "\n", READ_ONCE(tv->_value));	\
}									\
static DEVICE_ATTR_RO(_name)

NUMBER(clock, "%llu", fb.clock);
NUMBER(blocks_written, "%llu", fb.writes);
NUMBER(writes_dropped, "%llu", fb.dropped);
NUMBER(pending_initial_blocks, "%u", fb.initial);
NUMBER(pending_dirty_blocks, "%u", fb.dirty);
NUMBER(saved_precopy_bytes, "%llu", counters.saved_precopy_bytes);
NUMBER(saved_stop_bytes, "%llu", counters.saved_stop_bytes);
NUMBER(saved_sum, "%016llx", counters.saved_sum);
NUMBER(loaded_bytes, "%llu", counters.loaded_bytes);
NUMBER(loaded_sum, "%016llx", counters.loaded_sum);

static struct attribute *attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_opened.attr,
	&dev_attr_arcs.attr,
	&dev_attr_verify.attr,
	&dev_attr_write.attr,
	&dev_attr_fill.attr,
	&dev_attr_sum.attr,
	&dev_attr_clock.attr,
	&dev_attr_blocks_written.attr,
	&dev_attr_writes_dropped.attr,
	&dev_attr_pending_initial_blocks.attr,
	&dev_attr_pending_dirty_blocks.attr,
	&dev_attr_saved_precopy_bytes.attr,
	&dev_attr_saved_stop_bytes.attr,
	&dev_attr_saved_sum.attr,
	&dev_attr_loaded_bytes.attr,
	&dev_attr_loaded_sum.attr,
	NULL
};

const struct attribute_group tv_attrs_group = {
	.name = "vgpu",
	.attrs = attrs,
};
