/* SPDX-License-Identifier: Apache-2.0 */
/* What to do, from arguments or the kernel's command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "pattern.h"

struct options {
	unsigned ws, fill;   /* MiB written over and over, and left alone */
	unsigned rate;	     /* MiB of pages written per second */
	unsigned sweep;	     /* MiB of pages verified per second */
	unsigned threads;    /* 1 to 4 */
	unsigned share;	     /* % of ws that the first thread has; 0: even */
	unsigned hot;	     /* % of rate that the first thread has; 0: even */
	unsigned verify;     /* 0: only write */
	unsigned period;     /* s; see pattern.h */
	unsigned tick;	     /* ms between two marks on the console; 0: none */
	unsigned seconds;    /* end after so long; 0: never */
	enum kind pattern;
};

extern const struct options DEFAULTS;

/* Take over one key=value; returns 0, or -1 if it is none of ours. */
int options_take(struct options *options, const char *word);

/* Take over what is ours of a whole line, and ignore the rest. */
void options_take_line(struct options *options, char *line);

/* What is wrong with them, or NULL. */
const char *options_fault(const struct options *options);

#endif
