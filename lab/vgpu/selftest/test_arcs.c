// SPDX-License-Identifier: GPL-2.0
/*
 * Every state to every other, with and without PRE_COPY.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static bool is_precopy(int state)
{
	return state == S_PRE_COPY || state == S_PRE_COPY_P2P;
}

static bool is_saving(int state)
{
	return is_precopy(state) || state == S_STOP_COPY;
}

/* What the uapi header demands of a request, given that nothing was loaded */
static int outcome(int from, int to, bool precopy)
{
	if (from == to)
		return 0;
	if (to == S_ERROR || (is_precopy(to) && !precopy))
		return -EINVAL;
	if (from == S_STOP_COPY && is_precopy(to))
		return -EINVAL;
	if (from == S_RESUMING)
		return -ENODATA;
	return 0;
}

static bool brings_file(int from, int to)
{
	if (to == S_RESUMING)
		return from != to;
	return is_saving(to) && !is_saving(from);
}

static void test_arc(struct vgpu *v, int from, int to, bool precopy)
{
	int must = outcome(from, to, precopy), fd = -1, ret, state;

	CHECK_EQ(vgpu_reset(v), 0);
	CHECK_EQ(vgpu_state(v), S_RUNNING);
	CHECK_EQ(vgpu_go(v, from, NULL), 0);
	CHECK_EQ(vgpu_state(v), from);
	ret = vgpu_go(v, to, &fd);
	state = vgpu_state(v);
	if (ret != must)
		FAIL("%d to %d returns %d, not %d", from, to, ret, must);
	if (state != (!must ? to : must == -ENODATA ? S_ERROR : from))
		FAIL("%d to %d ends in %d", from, to, state);
	if (!must && (fd >= 0) != brings_file(from, to))
		FAIL("%d to %d: file %d", from, to, fd);
	checks_done += 3;
	if (fd >= 0)
		close(fd);
}

static void test_all(struct vgpu *v, bool precopy)
{
	int from, to;

	for (from = S_STOP; from < VFIO_DEVICE_STATE_NR; from++) {
		if (is_precopy(from) && !precopy)
			continue;
		for (to = S_ERROR; to < VFIO_DEVICE_STATE_NR; to++)
			test_arc(v, from, to, precopy);
	}
	CHECK_EQ(vgpu_reset(v), 0);
	CHECK_EQ(vgpu_go(v, VFIO_DEVICE_STATE_NR, NULL), -EINVAL);
}

static uint64_t flags(struct vgpu *v)
{
	struct vfio_device_feature_migration migration = {};

	CHECK_EQ(vgpu_feature(v, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_MIGRATION,
			      &migration, sizeof(migration)), 0);
	return migration.flags;
}

static void test_error(struct vgpu *v)
{
	CHECK_EQ(vgpu_go(v, S_RESUMING, NULL), 0);
	CHECK_EQ(vgpu_go(v, S_STOP, NULL), -ENODATA);
	CHECK_EQ(vgpu_state(v), S_ERROR);
	CHECK_EQ(vgpu_go(v, S_RUNNING, NULL), -EINVAL);
	CHECK_EQ(vgpu_reset(v), 0);
	CHECK_STR(vgpu_get(v, "vgpu/state"), "running");
}

/* The names in vgpu/arcs after the last "open", without the times */
static void names_since_open(struct vgpu *v, char *to)
{
	char *text = strdup(vgpu_get(v, "vgpu/arcs")), *rest = text, *line;

	*to = 0;
	while ((line = strsep(&rest, "\n"))) {
		line = strchr(line, ' ');
		if (!line)
			continue;
		if (!strcmp(line, " open"))
			*to = 0;
		strcat(to, line);
	}
	free(text);
}

static void test_history(struct vgpu *v)
{
	char names[4096];

	vgpu_close(v);
	CHECK_STR(vgpu_get(v, "vgpu/opened"), "0");
	CHECK_EQ(vgpu_open(v), 0);
	CHECK_EQ(vgpu_go(v, S_PRE_COPY, NULL), 0);
	CHECK_EQ(vgpu_go(v, S_STOP_COPY, NULL), 0);
	CHECK_EQ(vgpu_go(v, S_RUNNING, NULL), 0);
	names_since_open(v, names);
	CHECK_STR(names, " open pre_copy pre_copy_p2p stop_copy stop running_p2p running");
}

void test_arcs(void)
{
	struct vgpu v;

	vgpu_make(&v, 1, 1, 1);
	CHECK_EQ(flags(&v), VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
			    VFIO_MIGRATION_PRE_COPY);
	test_all(&v, true);
	test_error(&v);
	test_history(&v);
	CHECK_EQ(vgpu_set(&v, "knobs/precopy", "0"), -EBUSY);
	vgpu_close(&v);
	CHECK_EQ(vgpu_set(&v, "knobs/precopy", "0"), 0);
	CHECK_EQ(vgpu_open(&v), 0);
	CHECK_EQ(flags(&v), VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P);
	test_all(&v, false);
	vgpu_drop(&v);
}
