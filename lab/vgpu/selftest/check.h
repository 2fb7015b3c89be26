/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Assertions that print what was and what should have been, and go on.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

extern int checks_done, checks_failed;

#define FAIL(...)							\
	do {								\
		checks_failed++;					\
		printf("  FAILED %s:%d: ", __FILE__, __LINE__);		\
		printf(__VA_ARGS__);					\
		printf("\n");						\
	} while (0)

#define CHECK_EQ(is, must)						\
	do {								\
		long long _is = (long long)(is);			\
		long long _must = (long long)(must);			\
									\
		checks_done++;						\
		if (_is != _must)					\
			FAIL("%s is %lld, not %lld", #is, _is, _must);	\
	} while (0)

#define CHECK_STR(is, must)						\
	do {								\
		const char *_is = (is), *_must = (must);		\
									\
		checks_done++;						\
		if (strcmp(_is, _must))					\
			FAIL("%s is '%s', not '%s'", #is, _is, _must);	\
	} while (0)

#define CHECK(what)							\
	do {								\
		checks_done++;						\
		if (!(what))						\
			FAIL("%s", #what);				\
	} while (0)

#endif
