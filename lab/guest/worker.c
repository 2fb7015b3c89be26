/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <time.h>

#include "report.h"

enum { PAGES_PER_MIB = (1 << 20) / PAGE };

/* A worker that was held up catches up on so much, and forgets the rest. */
static const double PATIENCE_S = 0.25;
static const struct timespec NAP = { .tv_nsec = 4000000 };

static void share(size_t total, unsigned parts, unsigned number,
		  size_t *first, size_t *count)
{
	*first = total * number / parts;
	*count = total * (number + 1) / parts - *first;
}

/* How much of a whole the threads before this one have, 0 to 1. */
static double before(unsigned first_percent, unsigned threads, unsigned number)
{
	double first = first_percent / 100.0;

	if (!first_percent || !number)
		return (double)number / threads;
	return first + (1 - first) * (number - 1) / (threads - 1);
}

static void own_part(struct worker *worker, size_t pages,
		     const struct options *options, unsigned number)
{
	size_t first = pages * before(options->share, options->threads, number);
	size_t end =
		pages * before(options->share, options->threads, number + 1);

	worker->part.first = first;
	worker->part.count = end - first;
}

void worker_make(struct worker *worker, struct memory *memory,
		 const struct options *options, unsigned number)
{
	size_t pages = (size_t)options->ws * PAGES_PER_MIB;
	double per_thread = (double)PAGES_PER_MIB / options->threads;

	*worker = (struct worker){ .memory = memory,
				   .verify = options->verify,
				   .sweep_rate = options->sweep * per_thread };
	worker->write_rate =
		(double)PAGES_PER_MIB * options->rate *
		(before(options->hot, options->threads, number + 1) -
		 before(options->hot, options->threads, number));
	own_part(worker, pages, options, number);
	share(memory->pages - pages, options->threads, number,
	      &worker->part.fixed, &worker->part.fixed_count);
	worker->part.fixed += pages;
	pattern_make(&worker->pattern, options->pattern, worker->part.count,
		     options->period, number + 1);
	worker->start = worker->last = report_now();
}

static double earn(double due, double rate, double elapsed_s)
{
	double most = rate * PATIENCE_S;

	due += rate * elapsed_s;
	return due > most ? most : due;
}

static void write_one(struct worker *worker, double age_s)
{
	size_t page = worker->part.first +
		      pattern_next(&worker->pattern, age_s);
	struct fault fault;

	/* The write would hide a fault in what it replaces. */
	if (worker->verify && pages_sample(worker->memory, page, &fault))
		report_fault(&fault);
	pages_write(worker->memory, page);
	worker->part.written++;
}

void worker_step(struct worker *worker, double now)
{
	double elapsed_s = now - worker->last, age_s = now - worker->start;

	worker->last = now;
	if (pattern_active(&worker->pattern, age_s))
		worker->write_due =
			earn(worker->write_due, worker->write_rate, elapsed_s);
	else
		worker->write_due = 0;
	for (; worker->write_due >= 1; worker->write_due--)
		write_one(worker, age_s);
	atomic_store(&worker->done, worker->part.written);
	if (!worker->verify)
		return;
	worker->sweep_due =
		earn(worker->sweep_due, worker->sweep_rate, elapsed_s);
	worker->sweep_due -= sweep_some(worker->memory, &worker->part,
					(size_t)worker->sweep_due);
}

void *worker_run(void *argument)
{
	struct worker *worker = argument;

	for (;;) {
		worker_step(worker, report_now());
		nanosleep(&NAP, NULL);
	}
	return NULL;
}
