/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

const struct options DEFAULTS = { .ws = 64,
				  .rate = 10,
				  .sweep = 32,
				  .threads = 1,
				  .verify = 1,
				  .period = 5,
				  .pattern = SWEEP };

/* Whether word is key=<number>; then the number is stored. */
static int number(const char *word, const char *key, unsigned *value)
{
	size_t length = strlen(key);
	char *end;
	long read;

	if (strncmp(word, key, length) || word[length] != '=')
		return 0;
	read = strtol(word + length + 1, &end, 10);
	if (*end || read < 0 || read > 1000000)
		return 0;
	*value = read;
	return 1;
}

int options_take(struct options *options, const char *word)
{
	int kind;

	if (!strncmp(word, "pattern=", 8)) {
		kind = pattern_kind(word + 8);
		if (kind >= 0)
			options->pattern = kind;
		return kind < 0 ? -1 : 0;
	}
	return number(word, "ws", &options->ws) ||
			       number(word, "fill", &options->fill) ||
			       number(word, "rate", &options->rate) ||
			       number(word, "sweep", &options->sweep) ||
			       number(word, "threads", &options->threads) ||
			       number(word, "share", &options->share) ||
			       number(word, "hot", &options->hot) ||
			       number(word, "verify", &options->verify) ||
			       number(word, "period", &options->period) ||
			       number(word, "tick", &options->tick) ||
			       number(word, "seconds", &options->seconds) ?
		       0 :
		       -1;
}

void options_take_line(struct options *options, char *line)
{
	char *word = strtok(line, " \n");

	for (; word; word = strtok(NULL, " \n"))
		options_take(options, word);
}

const char *options_fault(const struct options *options)
{
	if (!options->ws)
		return "ws must be at least 1";
	if (options->threads < 1 || options->threads > 4)
		return "threads must be 1 to 4";
	if (options->share >= 100 || options->hot >= 100)
		return "share and hot must be less than 100";
	if ((options->share || options->hot) && options->threads < 2)
		return "share and hot need two threads";
	if (!options->period)
		return "period must be at least 1";
	return NULL;
}
