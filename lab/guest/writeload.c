/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's work: memory written at a given rate, and verified.
 *
 *   writeload KEY=VALUE...    see options.h
 *   writeload --cmdline FILE  the same keys out of a file (/proc/cmdline)
 *   writeload --selftest      show that damage is found
 *
 * Lines on the console, all times in seconds of the guest's clock:
 *
 *   READY ws=128 fill=64 rate=40 threads=1 t=2.104
 *   HB t=3.105 done=40 rate=40.0          MiB in all, MiB/s since the last
 *   T 3.110                               a mark, every tick=... ms
 *   SWEEP 7 begin t=30.1                  all memory is verified ...
 *   SWEEP 7 ok pages=49152 t=36.1         ... and was right
 *   BAD page=12 off=512 want=... got=...  a wrong word
 *   SWEEP 8 BAD count=1 pages=49152 t=42.1
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "report.h"
#include "selftest.h"
#include "worker.h"

static struct worker workers[4];

static int read_options(struct options *options, int count, char **words)
{
	static char line[4096];
	FILE *file;

	*options = DEFAULTS;
	if (count == 3 && !strcmp(words[1], "--cmdline")) {
		file = fopen(words[2], "r");
		if (!file || !fgets(line, sizeof(line), file))
			return -1;
		fclose(file);
		options_take_line(options, line);
		return 0;
	}
	for (int i = 1; i < count; i++)
		if (options_take(options, words[i])) {
			fprintf(stderr, "what is %s?\n", words[i]);
			return -1;
		}
	return 0;
}

static double done_mib(unsigned threads)
{
	double pages = 0;

	for (unsigned i = 0; i < threads; i++)
		pages += atomic_load(&workers[i].done);
	return pages * PAGE / (1 << 20);
}

static void beat(const struct options *options)
{
	double last = report_now(), before = 0, start = last;

	while (!options->seconds || last - start < options->seconds) {
		double now, done;

		sleep(1);
		now = report_now();
		done = done_mib(options->threads);
		report_line("HB t=%.3f done=%.0f rate=%.1f", now, done,
			    (done - before) / (now - last));
		last = now;
		before = done;
	}
}

/* Whoever reads the console sees by these when the guest stood still. */
static void *mark(void *argument)
{
	const struct options *options = argument;
	const struct timespec nap = { .tv_sec = options->tick / 1000,
				      .tv_nsec = options->tick % 1000 *
						 1000000L };

	for (;;) {
		report_line("T %.3f", report_now());
		nanosleep(&nap, NULL);
	}
	return NULL;
}

static int work(const struct options *options)
{
	static struct memory memory;
	size_t pages = (size_t)(options->ws + options->fill) * 256;
	pthread_t thread;

	if (pages_make(&memory, pages)) {
		fprintf(stderr, "no memory\n");
		return 1;
	}
	report_line("READY ws=%u fill=%u rate=%u threads=%u t=%.3f",
		    options->ws, options->fill, options->rate,
		    options->threads, report_now());
	for (unsigned i = 0; i < options->threads; i++)
		worker_make(&workers[i], &memory, options, i);
	if (options->verify)
		sweep_start(options->threads, pages);
	for (unsigned i = 0; i < options->threads; i++)
		if (pthread_create(&thread, NULL, worker_run, &workers[i]))
			return 1;
	if (options->tick &&
	    pthread_create(&thread, NULL, mark, (void *)options))
		return 1;
	beat(options);
	return 0;
}

int main(int count, char **words)
{
	struct options options;
	const char *fault;

	if (count == 2 && !strcmp(words[1], "--selftest"))
		return selftest();
	if (read_options(&options, count, words))
		return 2;
	fault = options_fault(&options);
	if (fault) {
		fprintf(stderr, "%s\n", fault);
		return 2;
	}
	return work(&options);
}
