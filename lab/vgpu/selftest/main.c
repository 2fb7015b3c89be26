// SPDX-License-Identifier: GPL-2.0
/*
 * All tests, one after the other: exit status 0 when none has failed.
 */
#include "check.h"
#include "vgpu.h"

int checks_done, checks_failed;

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "device", test_device },
	{ "arcs", test_arcs },
	{ "moves", test_moves },
	{ "streams", test_streams },
	{ "faults", test_faults },
	{ "card", test_card },
};

int main(void)
{
	unsigned int i;
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		before = checks_failed;
		tests[i].run();
		printf("%s %s\n", tests[i].name,
		       checks_failed == before ? "ok" : "FAILED");
	}
	printf("%d checks, %d failed\n", checks_done, checks_failed);
	return checks_failed ? 1 : 0;
}
