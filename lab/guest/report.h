/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on the console, each in one write so that threads do not mix. */
#ifndef REPORT_H
#define REPORT_H

#include "pages.h"

/* Seconds on a clock that only goes forward. */
double report_now(void);

void report_line(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Print a fault, unless there were very many since the last pardon. */
void report_fault(const struct fault *fault);

/* Faults since the last call; the next ones are printed again. */
unsigned report_faults(void);

#endif
