/* SPDX-License-Identifier: Apache-2.0 */
/* One thread that writes and verifies its part of the memory at a rate. */
#ifndef WORKER_H
#define WORKER_H

#include <stdatomic.h>

#include "options.h"
#include "pages.h"
#include "sweep.h"

struct worker {
	struct memory *memory;
	struct part part;
	struct pattern pattern;
	int verify;
	double write_rate, sweep_rate; /* pages per second */
	double write_due, sweep_due;   /* pages that ought to be done */
	double start, last;	       /* s */
	atomic_ulong done;	       /* pages written, for others to read */
};

void worker_make(struct worker *worker, struct memory *memory,
		 const struct options *options, unsigned number);

/* Write and verify what is due at this time. */
void worker_step(struct worker *worker, double now);

/* worker_step for ever, for pthread_create. */
void *worker_run(void *worker);

#endif
