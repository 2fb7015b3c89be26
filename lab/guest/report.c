/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20 };

static atomic_uint faults;

double report_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

void report_line(const char *format, ...)
{
	char line[200];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, length) != length)
		_exit(1);
}

void report_fault(const struct fault *fault)
{
	if (atomic_fetch_add(&faults, 1) >= MOST)
		return;
	report_line("BAD %s=%zu off=%zu want=%016" PRIx64 " got=%016" PRIx64,
		    fault->kind, fault->page, fault->offset, fault->want,
		    fault->got);
}

unsigned report_faults(void)
{
	return atomic_exchange(&faults, 0);
}
