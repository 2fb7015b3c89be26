/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include <stdatomic.h>

#include "report.h"

static unsigned workers;
static size_t all_pages;
static atomic_uint current, unfinished, last_faults;

static void begin(void)
{
	unsigned number = atomic_load(&current) + 1;

	report_line("SWEEP %u begin t=%.3f", number, report_now());
	atomic_store(&unfinished, workers);
	/* Last: this is what the workers wait for. */
	atomic_store(&current, number);
}

void sweep_start(unsigned count, size_t pages)
{
	workers = count;
	all_pages = pages;
	atomic_store(&current, 0);
	begin();
}

/* A part that is stale in pages and generations alike has too low a sum. */
static void check_count(const struct memory *memory, const struct part *part)
{
	uint64_t sum = pages_generations(memory, part->first, part->count);

	if (sum != part->written)
		report_fault(&(struct fault){ "count", part->first, 0,
					      part->written, sum });
}

static void finish(const struct memory *memory, struct part *part)
{
	unsigned number = part->sweep, faults;

	check_count(memory, part);
	if (atomic_fetch_sub(&unfinished, 1) != 1)
		return;
	faults = report_faults();
	atomic_store(&last_faults, faults);
	if (faults)
		report_line("SWEEP %u BAD count=%u pages=%zu t=%.3f", number,
			    faults, all_pages, report_now());
	else
		report_line("SWEEP %u ok pages=%zu t=%.3f", number, all_pages,
			    report_now());
	begin();
}

static size_t page_at(const struct part *part, size_t place)
{
	return place < part->count ? part->first + place :
				     part->fixed + place - part->count;
}

size_t sweep_some(const struct memory *memory, struct part *part,
		  size_t budget)
{
	size_t whole = part->count + part->fixed_count, checked = 0;
	struct fault fault;

	if (part->sweep != atomic_load(&current)) {
		part->sweep = atomic_load(&current);
		part->done = 0;
	}
	if (part->done == whole)
		return budget; /* others are not done yet */
	while (checked < budget && part->done < whole) {
		if (pages_check(memory, page_at(part, part->done), &fault))
			report_fault(&fault);
		part->done++;
		checked++;
	}
	if (part->done == whole)
		finish(memory, part);
	return checked;
}

unsigned sweep_last_faults(void)
{
	return atomic_load(&last_faults);
}
