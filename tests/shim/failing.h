/* failing.h — make the n-th allocation from now fail, once. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_SHIM_FAILING_H
#define SK_TESTS_SHIM_FAILING_H

#include <stdbool.h>

/* n = 1 is the next one; 0 lets everything succeed. Counts all threads. */
void fail_allocation(long n);

/* True when the failure has happened. */
bool allocation_failed(void);

/* Allocations asked for since the program began. */
long allocation_count(void);

#endif
