// SPDX-License-Identifier: GPL-2.0
/*
 * What a block holds: functions of (block, stamp) and of words, no state.
 */
#include "fb.h"

#define GOLDEN	0x9e3779b97f4a7c15ULL

/* The finaliser of splitmix64: neighbours in, strangers out. */
static u64 mix(u64 x)
{
	x += GOLDEN;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static u64 first_word(u32 block, u64 stamp)
{
	return mix(stamp ^ mix(block));
}

/* word[i] = first + i * GOLDEN; a blank block is all zeros. */
void tv_pattern_fill(u64 *words, u32 block, u64 stamp)
{
	u64 word = stamp ? first_word(block, stamp) : 0;
	u64 step = stamp ? GOLDEN : 0;
	unsigned int i;

	for (i = 0; i < TV_BLOCK_WORDS; i++, word += step)
		words[i] = word;
}

bool tv_pattern_matches(const u64 *words, u32 block, u64 stamp)
{
	u64 word = stamp ? first_word(block, stamp) : 0;
	u64 step = stamp ? GOLDEN : 0;
	unsigned int i;

	if (stamp & TV_STAMP_RAW)
		return tv_pattern_raw_stamp(words) == stamp;
	for (i = 0; i < TV_BLOCK_WORDS; i++, word += step)
		if (words[i] != word)
			return false;
	return true;
}

/*
 * The sum of a raw block is linear in its words (each times an odd weight of
 * its place), so that one changed word costs one step and not a whole block.
 */
static u64 weight(u32 word)
{
	return mix(word) | 1;
}

u64 tv_pattern_raw_stamp(const u64 *words)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < TV_BLOCK_WORDS; i++)
		sum += words[i] * weight(i);
	return sum | TV_STAMP_RAW;
}

u64 tv_pattern_raw_update(u64 stamp, u32 word, u64 from, u64 to)
{
	return (stamp + (to - from) * weight(word)) | TV_STAMP_RAW;
}

/* One number for all stamps: two framebuffers with the same sum are equal. */
u64 tv_pattern_sum(const u64 *stamps, u32 blocks)
{
	u64 sum = blocks;
	u32 i;

	for (i = 0; i < blocks; i++)
		sum = mix(sum ^ stamps[i]);
	return sum;
}
