/* SPDX-License-Identifier: Apache-2.0 */
#include "pattern.h"

#include <math.h>
#include <string.h>

static const char *const NAMES[] = { "sweep", "random", "zipf", "burst",
				     "grow" };

int pattern_kind(const char *name)
{
	for (int kind = SWEEP; kind <= GROW; kind++)
		if (!strcmp(name, NAMES[kind]))
			return kind;
	return -1;
}

static size_t common_divisor(size_t a, size_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

/*
 * Zipf with exponent 1: rank r is drawn with a probability of about 1/r,
 * hence the logarithm of the rank evenly. A stride that has no divisor in
 * common with the number of pages scatters the popular ones.
 */
static void make_ranks(struct pattern *pattern)
{
	for (size_t step = 0; step <= STEPS; step++)
		pattern->rank[step] =
			pow(pattern->pages, (double)step / STEPS);
	pattern->stride = pattern->pages * 5 / 8 | 1;
	while (common_divisor(pattern->stride, pattern->pages) != 1)
		pattern->stride += 2;
}

void pattern_make(struct pattern *pattern, enum kind kind, size_t pages,
		  double period_s, uint64_t dice)
{
	*pattern = (struct pattern){ .kind = kind,
				     .pages = pages,
				     .period_s = period_s,
				     .dice = dice * 2 + 1 };
	if (kind == ZIPF)
		make_ranks(pattern);
}

int pattern_active(const struct pattern *pattern, double age_s)
{
	if (pattern->kind != BURST)
		return 1;
	return (long)(age_s / pattern->period_s) % 2 == 0;
}

/* xorshift64: even enough, and cheap in an emulated processor. */
static uint64_t roll(struct pattern *pattern)
{
	pattern->dice ^= pattern->dice << 13;
	pattern->dice ^= pattern->dice >> 7;
	pattern->dice ^= pattern->dice << 17;
	return pattern->dice >> 16;
}

static size_t popular(struct pattern *pattern)
{
	size_t step = roll(pattern) % STEPS;
	size_t from = pattern->rank[step], to = pattern->rank[step + 1];
	size_t rank = from + (to > from ? roll(pattern) % (to - from) : 0);

	return (rank - 1) * pattern->stride % pattern->pages;
}

static size_t in_turn(struct pattern *pattern, size_t pages)
{
	if (pattern->next >= pages)
		pattern->next = 0;
	return pattern->next++;
}

static size_t grown(const struct pattern *pattern, double age_s)
{
	double part = age_s / pattern->period_s;
	size_t pages = part < 1 ? part * pattern->pages : pattern->pages;

	return pages ? pages : 1;
}

size_t pattern_next(struct pattern *pattern, double age_s)
{
	switch (pattern->kind) {
	case RANDOM:
		return roll(pattern) % pattern->pages;
	case ZIPF:
		return popular(pattern);
	case GROW:
		return in_turn(pattern, grown(pattern, age_s));
	default:
		return in_turn(pattern, pattern->pages);
	}
}
