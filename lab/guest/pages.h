/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory whose every byte can be recomputed.
 *
 * A page's 512 words follow from the page's index and its generation, the
 * number of times it was written. Eight words, one in every 512 bytes,
 * depend on the generation; the others only on the index. So a write costs
 * eight stores, while a page that is stale, misplaced, torn or damaged in
 * any byte differs from what it ought to be.
 *
 * The generations are kept apart, each with a checksum of its own. Their
 * sum is compared with a count of all writes: a page that went back in time
 * together with its generation is found by that.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>
#include <stdint.h>

enum { PAGE = 4096, WORDS = PAGE / 8, BLOCK = 64 };

struct stamp {
	uint32_t generation;
	uint32_t sum;
};

struct memory {
	uint64_t *words;
	struct stamp *stamps;
	size_t pages;
};

struct fault {
	const char *kind; /* "page", or "stamp": a damaged generation */
	size_t page, offset;
	uint64_t want, got;
};

/* Allocate and fill; returns 0, or -1 when there is no memory for it. */
int pages_make(struct memory *memory, size_t pages);

/* Raise the page's generation and write what depends on it. */
void pages_write(struct memory *memory, size_t page);

/* Check all 4096 bytes; returns 1 and fills in the fault if any is wrong. */
int pages_check(const struct memory *memory, size_t page, struct fault *fault);

/* Check what a write is about to replace, and one other word. */
int pages_sample(const struct memory *memory, size_t page,
		 struct fault *fault);

/* The sum of the generations of pages first..first+count-1. */
uint64_t pages_generations(const struct memory *memory, size_t first,
			   size_t count);

#endif
