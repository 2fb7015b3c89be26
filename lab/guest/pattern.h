/* SPDX-License-Identifier: Apache-2.0 */
/* Which page is written next. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

enum kind { SWEEP, RANDOM, ZIPF, BURST, GROW };
enum { STEPS = 4096 };

struct pattern {
	enum kind kind;
	size_t pages;	 /* how many there are to choose from */
	double period_s; /* burst: each half; grow: the whole */
	size_t next, stride;
	uint64_t dice;
	uint32_t rank[STEPS + 1]; /* zipf: where each step of chance begins */
};

/* The kind of this name, or -1. */
int pattern_kind(const char *name);

void pattern_make(struct pattern *pattern, enum kind kind, size_t pages,
		  double period_s, uint64_t dice);

/* Whether there is writing at all, age_s after the start. */
int pattern_active(const struct pattern *pattern, double age_s);

/* The page to write now. */
size_t pattern_next(struct pattern *pattern, double age_s);

#endif
