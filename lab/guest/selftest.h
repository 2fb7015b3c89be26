/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFTEST_H
#define SELFTEST_H

/* Damage memory in every way we claim to find; 0 if all was found. */
int selftest(void);

#endif
