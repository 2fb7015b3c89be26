/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"

#include <string.h>

#include "pages.h"
#include "report.h"
#include "worker.h"

enum { VICTIM = 300, FIXED = 2 * 256 + 17 };

struct bench {
	struct memory memory;
	struct worker worker;
};

/* Pages as they are in work: written several times each. */
static int set_up(struct bench *bench)
{
	struct options options = DEFAULTS;

	options.ws = 2;
	options.fill = 2;
	options.verify = 0; /* the sweeps come later, one by one */
	if (pages_make(&bench->memory, 4 * 256))
		return -1;
	worker_make(&bench->worker, &bench->memory, &options, 0);
	for (int i = 1; i <= 2000; i++)
		worker_step(&bench->worker, bench->worker.last + 0.01);
	return 0;
}

/* The faults of exactly one whole sweep. */
static unsigned sweep_faults(struct bench *bench)
{
	sweep_some(&bench->memory, &bench->worker.part, bench->memory.pages);
	return sweep_last_faults();
}

static int expect(const char *what, unsigned got, unsigned want)
{
	report_line("SELFTEST %s: faults=%u want=%u %s", what, got, want,
		    got == want ? "ok" : "FAILED");
	return got != want;
}

/* Every byte of a page, one at a time: none may be changed unseen. */
static int every_byte(struct bench *bench, size_t page)
{
	unsigned char *bytes = (unsigned char *)bench->memory.words;
	unsigned found = 0;
	struct fault fault;

	for (size_t i = 0; i < PAGE; i++) {
		bytes[page * PAGE + i] ^= 0x10;
		found += pages_check(&bench->memory, page, &fault) &&
			 fault.page == page && fault.offset == i / 8 * 8;
		bytes[page * PAGE + i] ^= 0x10;
	}
	return expect("bytes of one page", found, PAGE);
}

static int one_byte(struct bench *bench, size_t page)
{
	unsigned char *byte =
		(unsigned char *)bench->memory.words + page * PAGE + 1234;
	int failed;

	*byte ^= 1;
	failed = expect("one wrong byte", sweep_faults(bench), 1);
	*byte ^= 1;
	return failed;
}

static int damaged_stamp(struct bench *bench)
{
	struct stamp saved = bench->memory.stamps[VICTIM];
	int failed;

	bench->memory.stamps[VICTIM].generation ^= 4;
	/* As a fault of its own, and in the count of all writes. */
	failed = expect("damaged generation", sweep_faults(bench), 2);
	bench->memory.stamps[VICTIM] = saved;
	return failed;
}

/* A page is put back to how it was; `stamp`: with its generation. */
static int stale_page(struct bench *bench, int stamp)
{
	static uint64_t page[WORDS], newer[WORDS];
	uint64_t *at = bench->memory.words + VICTIM * WORDS;
	struct stamp old = bench->memory.stamps[VICTIM], now;
	struct fault fault;
	int failed;

	memcpy(page, at, PAGE);
	pages_write(&bench->memory, VICTIM);
	bench->worker.part.written++;
	memcpy(newer, at, PAGE);
	now = bench->memory.stamps[VICTIM];
	memcpy(at, page, PAGE);
	if (stamp)
		bench->memory.stamps[VICTIM] = old;
	failed = expect(stamp ? "stale page and generation" : "stale page",
			sweep_faults(bench), 1);
	failed |= expect("the same before a write",
			 pages_sample(&bench->memory, VICTIM, &fault), !stamp);
	bench->memory.stamps[VICTIM] = now;
	memcpy(at, newer, PAGE);
	return failed;
}

/* Two pages of the same generation change places. */
static int misplaced_page(struct bench *bench)
{
	static uint64_t page[WORDS];
	uint64_t *at = bench->memory.words + FIXED * WORDS;
	int failed;

	memcpy(page, at, PAGE);
	memcpy(at, at + WORDS, PAGE);
	failed = expect("misplaced page", sweep_faults(bench), 1);
	memcpy(at, page, PAGE);
	return failed;
}

int selftest(void)
{
	static struct bench bench;
	int failed = 0;

	sweep_start(1, 4 * 256);
	if (set_up(&bench))
		return 1;
	failed |= expect("nothing wrong", sweep_faults(&bench), 0);
	failed |= every_byte(&bench, VICTIM) | every_byte(&bench, FIXED);
	failed |= one_byte(&bench, VICTIM) | one_byte(&bench, FIXED);
	failed |= damaged_stamp(&bench);
	failed |= stale_page(&bench, 0) | stale_page(&bench, 1);
	failed |= misplaced_page(&bench);
	failed |= expect("nothing wrong again", sweep_faults(&bench), 0);
	report_line("SELFTEST %s", failed ? "FAILED" : "ok");
	return failed;
}
