/* memory_left.h — how much memory a program may still take before the machine, or its container, runs short.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_MEMORY_LEFT_H
#define SK_BASE_MEMORY_LEFT_H

#include <stddef.h>

/* Bytes; SIZE_MAX where the system does not say. */
size_t memory_left(void);

#endif
