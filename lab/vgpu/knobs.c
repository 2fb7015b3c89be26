// SPDX-License-Identifier: GPL-2.0
/*
 * What can be set. Every knob is an attribute of the mdev, in knobs/; the module
 * parameter of the same name is what a new mdev begins with, so that a device
 * that somebody else creates (Nova, on the destination) can be prepared too.
 * fb_mib and precopy have one default for each type.
 */
#include <linux/module.h>
#include <linux/minmax.h>
#include <linux/sysfs.h>

#include "vgpu.h"

static long type_fb_mib[TV_TYPES] = { 16, 64 };
module_param_array_named(fb_mib, type_fb_mib, long, NULL, 0644);
MODULE_PARM_DESC(fb_mib, "framebuffer of each type, MiB");

static long type_precopy[TV_TYPES] = { 1, 1 };
module_param_array_named(precopy, type_precopy, long, NULL, 0644);
MODULE_PARM_DESC(precopy, "each type offers PRE_COPY (0 or 1)");

static bool dirty_log = true;
module_param(dirty_log, bool, 0644);
MODULE_PARM_DESC(dirty_log, "new devices offer VFIO's log of DMA writes");

static struct tv_knobs defaults = {
	.fault_count = -1,
	.fault_save_after = TV_OFF,
	.fault_corrupt_block = TV_OFF,
	.fault_load_after = TV_OFF,
	.fault_size_percent = 100,
	.fault_state = TV_OFF,
};

struct knob {
	struct device_attribute attr;
	size_t offset;
	long min, max;
	bool closed_only;	/* not while the device is open */
};

static ssize_t knob_show(struct device *dev, struct device_attribute *attr,
			 char *buf);
static ssize_t knob_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count);

#define KNOB(_name, _min, _max, _closed)				\
	static struct knob knob_##_name = {				\
		.attr = __ATTR(_name, 0644, knob_show, knob_store),	\
		.offset = offsetof(struct tv_knobs, _name),		\
		.min = _min,						\
		.max = _max,						\
		.closed_only = _closed,					\
	}

#define KNOB_PARAM(_name, _min, _max, _text)				\
	KNOB(_name, _min, _max, false);					\
	module_param_named(_name, defaults._name, long, 0644);		\
	MODULE_PARM_DESC(_name, _text)

KNOB(fb_mib, 1, 1024, true);
KNOB(precopy, 0, 1, true);
KNOB_PARAM(dirty_rate, 0, 1L << 32, "bytes a second that the device writes");
KNOB_PARAM(dirty_span_mib, 0, 1024, "working set of that, MiB, 0: all");
KNOB_PARAM(fault_count, -1, LONG_MAX,
	   "saves, loads or arcs that the faults spoil, -1: all");
KNOB_PARAM(fault_save_after, TV_OFF, LONG_MAX,
	   "reading fails after so many bytes, -1: never");
KNOB_PARAM(fault_save_delay_us, 0, 1000000, "pause before each record saved");
KNOB_PARAM(fault_stop_error, 0, 1, "reading fails in STOP_COPY");
KNOB_PARAM(fault_corrupt_block, TV_OFF, 1 << 14,
	   "block that is saved with a wrong bit, -1: none");
KNOB_PARAM(fault_load_after, TV_OFF, LONG_MAX,
	   "writing fails after so many bytes, -1: never");
KNOB_PARAM(fault_load_delay_us, 0, 1000000, "pause after each record's head loaded");
KNOB_PARAM(fault_size_percent, 0, 10000, "stop-copy size told, 100: the truth");
KNOB_PARAM(fault_state, TV_OFF, VFIO_DEVICE_STATE_NR - 1,
	   "number of the VFIO state that cannot be entered, -1: none");
KNOB_PARAM(fault_stuck, 0, 1, "neither reset nor close leaves RESUMING");

static struct attribute *knob_attrs[] = {
	&knob_fb_mib.attr.attr,
	&knob_precopy.attr.attr,
	&knob_dirty_rate.attr.attr,
	&knob_dirty_span_mib.attr.attr,
	&knob_fault_count.attr.attr,
	&knob_fault_save_after.attr.attr,
	&knob_fault_save_delay_us.attr.attr,
	&knob_fault_stop_error.attr.attr,
	&knob_fault_corrupt_block.attr.attr,
	&knob_fault_load_after.attr.attr,
	&knob_fault_load_delay_us.attr.attr,
	&knob_fault_size_percent.attr.attr,
	&knob_fault_state.attr.attr,
	&knob_fault_stuck.attr.attr,
	NULL
};

const struct attribute_group tv_knobs_group = {
	.name = "knobs",
	.attrs = knob_attrs,
};

static struct knob *to_knob(struct device_attribute *attr)
{
	return container_of(attr, struct knob, attr);
}

static long *knob_value(struct tv_knobs *knobs, const struct knob *knob)
{
	return (void *)knobs + knob->offset;
}

static ssize_t knob_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct tv_device *tv = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%ld\n",
			  READ_ONCE(*knob_value(&tv->knobs, to_knob(attr))));
}

/* The caller holds tv->lock. */
static int knob_set(struct tv_device *tv, const struct knob *knob, long value)
{
	int ret = 0;

	if (value < knob->min || value > knob->max)
		return -ERANGE;
	if (knob->closed_only && tv->open)
		return -EBUSY;
	if (knob == &knob_fb_mib)
		ret = tv_memory_resize(tv->knobs.fb_mib, value);
	if (ret)
		return ret;
	WRITE_ONCE(*knob_value(&tv->knobs, knob), value);
	if (knob == &knob_precopy)
		tv_migration_flags(tv);
	tv_dirtier_kick(tv);
	return 0;
}

static ssize_t knob_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	struct tv_device *tv = dev_get_drvdata(dev);
	long value;
	int ret;

	ret = kstrtol(buf, 0, &value);
	if (ret)
		return ret;
	mutex_lock(&tv->lock);
	ret = knob_set(tv, to_knob(attr), value);
	mutex_unlock(&tv->lock);
	return ret ?: count;
}

long tv_type_fb_mib(u32 type)
{
	return clamp(READ_ONCE(type_fb_mib[type - 1]), knob_fb_mib.min,
		     knob_fb_mib.max);
}

bool tv_dirty_log_wanted(void)
{
	return READ_ONCE(dirty_log);
}

/* The parameters of this moment, each brought into its bounds. */
void tv_knobs_init(struct tv_knobs *knobs, u32 type)
{
	struct attribute **attr;
	struct knob *knob;
	long *value;

	*knobs = defaults;
	knobs->fb_mib = type_fb_mib[type - 1];
	knobs->precopy = type_precopy[type - 1];
	for (attr = knob_attrs; *attr; attr++) {
		knob = container_of(*attr, struct knob, attr.attr);
		value = knob_value(knobs, knob);
		*value = clamp(*value, knob->min, knob->max);
	}
}

/*
 * Whether the faults spoil the session that begins; one that is spoiled counts.
 * The caller holds tv->lock.
 */
bool tv_faults_take(struct tv_device *tv, bool saving)
{
	struct tv_knobs *knobs = &tv->knobs;
	bool set;

	if (saving)
		set = knobs->fault_save_after != TV_OFF ||
		      knobs->fault_corrupt_block != TV_OFF ||
		      knobs->fault_save_delay_us || knobs->fault_stop_error;
	else
		set = knobs->fault_load_after != TV_OFF ||
		      knobs->fault_load_delay_us;
	if (!knobs->fault_count)
		return false;
	if (set && knobs->fault_count > 0)
		WRITE_ONCE(knobs->fault_count, knobs->fault_count - 1);
	return true;
}
