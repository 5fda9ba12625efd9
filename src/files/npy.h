/* npy.h — NumPy's .npy: one array a file; versions 1 to 3 read, version 1 written.
 *
 * Format: NumPy's numpy/lib/format.py. Arrays of Python objects are pickles and are refused.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_NPY_H
#define SK_FILES_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/tensor.h"

/* Parse a whole file in memory. The data point into `bytes`, which must outlive the tensor, or into the arena where they
 * had to be aligned or brought from column-major to row-major order. The name is "". */
sk_status npy_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct tensor *out);

/* The same from a file; the data are in the arena. */
sk_status npy_open(struct arena *arena, const char *path, struct tensor *out);

/* Every type but BF16, which NumPy does not know. */
sk_status npy_save(const char *path, const struct tensor *tensor); /* atomic */
sk_status npy_encode(struct arena *arena, const struct tensor *tensor, uint8_t **bytes, size_t *size);

#endif
