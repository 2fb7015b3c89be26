/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of all memory, over and over.
 *
 * Each worker verifies the pages that it alone writes, between its writes,
 * so that nothing needs a lock. A sweep ends when all have done their part.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "pages.h"

struct part {
	size_t first, count;	 /* pages that are written */
	size_t fixed, fixed_count; /* pages that stay as they are */
	uint64_t written;	 /* how often, in all */
	unsigned sweep;		 /* the number of the sweep it is in */
	size_t done;		 /* pages verified in that sweep */
};

void sweep_start(unsigned workers, size_t pages);

/* Verify up to `budget` more pages; returns how many were. */
size_t sweep_some(const struct memory *memory, struct part *part,
		  size_t budget);

/* How many faults the last whole sweep found. */
unsigned sweep_last_faults(void);

#endif
