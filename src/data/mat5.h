/* mat5.h — the table of synsets in ImageNet's devkit, a MATLAB file of level 5 (meta.mat).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_MAT5_H
#define SK_DATA_MAT5_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct synset {
    int64_t id;       /* ILSVRC2012_ID: what the ground truth counts by */
    char *wnid;       /* "n01440764" */
    int64_t children; /* 0: a class; others are groups of classes */
};

/* The rows of the struct array `synsets`; `what` names the file in sentences. */
sk_status mat5_synsets(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                       struct synset **synsets, size_t *count);

#endif
