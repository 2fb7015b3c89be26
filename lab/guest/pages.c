/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <sys/mman.h>

/* Odd, so that multiplying by them maps no two words to the same value. */
static const uint64_t STEP = 0x9e3779b97f4a7c15u;
static const uint64_t TURN = 0xd6e8feb86659fd93u;

/* Where a page's words begin; the next word's seed is one STEP further. */
static uint64_t seed_of(size_t page)
{
	return ((uint64_t)page * WORDS + 1) * STEP;
}

static uint64_t mix(uint64_t seed)
{
	return seed ^ seed >> 31;
}

static uint64_t word_of(size_t page, size_t word, uint32_t generation)
{
	uint64_t value = mix(seed_of(page) + word * STEP);

	return word % BLOCK ? value : value ^ generation * TURN;
}

static uint32_t sum_of(size_t page, uint32_t generation)
{
	return (page * STEP ^ (generation + 1) * TURN) >> 32;
}

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int pages_make(struct memory *memory, size_t pages)
{
	memory->pages = pages;
	memory->words = map(pages * PAGE);
	memory->stamps = map(pages * sizeof(struct stamp));
	if (!memory->words || !memory->stamps)
		return -1;
	for (size_t page = 0; page < pages; page++) {
		uint64_t *at = memory->words + page * WORDS;

		for (size_t word = 0; word < WORDS; word++)
			at[word] = word_of(page, word, 0);
		memory->stamps[page].sum = sum_of(page, 0);
	}
	return 0;
}

void pages_write(struct memory *memory, size_t page)
{
	volatile uint64_t *at = memory->words + page * WORDS;
	uint32_t generation = memory->stamps[page].generation + 1;

	for (size_t word = 0; word < WORDS; word += BLOCK)
		at[word] = word_of(page, word, generation);
	memory->stamps[page].generation = generation;
	memory->stamps[page].sum = sum_of(page, generation);
}

static int stamp_is_bad(const struct memory *memory, size_t page,
			struct fault *fault)
{
	struct stamp stamp = memory->stamps[page];
	uint32_t want = sum_of(page, stamp.generation);

	if (stamp.sum == want)
		return 0;
	*fault = (struct fault){ "stamp", page, 0, want, stamp.sum };
	return 1;
}

static int word_is_bad(const struct memory *memory, size_t page, size_t word,
		       struct fault *fault)
{
	uint64_t got = memory->words[page * WORDS + word];
	uint64_t want =
		word_of(page, word, memory->stamps[page].generation);

	if (got == want)
		return 0;
	*fault = (struct fault){ "page", page, word * 8, want, got };
	return 1;
}

/* No branch in the inner loop: it runs over all memory, again and again. */
static uint64_t difference(const struct memory *memory, size_t page)
{
	const uint64_t *at = memory->words + page * WORDS;
	uint64_t turn = memory->stamps[page].generation * TURN;
	uint64_t seed = seed_of(page), found = 0;

	for (size_t word = 0; word < WORDS; word += BLOCK) {
		found |= at[word] ^ mix(seed) ^ turn;
		seed += STEP;
		for (size_t i = 1; i < BLOCK; i++, seed += STEP)
			found |= at[word + i] ^ mix(seed);
	}
	return found;
}

int pages_check(const struct memory *memory, size_t page, struct fault *fault)
{
	if (stamp_is_bad(memory, page, fault))
		return 1;
	if (!difference(memory, page))
		return 0;
	for (size_t word = 0; word < WORDS; word++)
		if (word_is_bad(memory, page, word, fault))
			return 1;
	/* It changed between two looks: that is a fault too. */
	*fault = (struct fault){ "page", page, PAGE, 0, 0 };
	return 1;
}

int pages_sample(const struct memory *memory, size_t page, struct fault *fault)
{
	size_t other = memory->stamps[page].generation * 7 % WORDS;

	if (stamp_is_bad(memory, page, fault))
		return 1;
	for (size_t word = 0; word < WORDS; word += BLOCK)
		if (word_is_bad(memory, page, word, fault))
			return 1;
	return word_is_bad(memory, page, other, fault);
}

uint64_t pages_generations(const struct memory *memory, size_t first,
			   size_t count)
{
	uint64_t sum = 0;

	for (size_t page = first; page < first + count; page++)
		sum += memory->stamps[page].generation;
	return sum;
}
