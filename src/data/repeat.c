/* repeat.c — the length of such an epoch, and which picture stands where.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/repeat.h"

#include <math.h>

enum { ROUND = 256 }; /* an epoch is of whole 256, as the sampler's first author wrote it */

int64_t repeat_length(const struct repeat *r, int64_t count) {
    if (r->times == 0 || r->replicas < 1) return count;
    int64_t each = count / ROUND * ROUND / r->replicas;
    if (r->timm && count < ROUND) each = (count + r->replicas - 1) / r->replicas;
    return each * r->replicas;
}

int64_t repeat_item(const struct repeat *r, int64_t count, int64_t first, int64_t size, int64_t at) {
    if (r->times == 0) return first + at;
    int64_t part = size / r->replicas, dealt = first + at % part * r->replicas + at / part;
    int64_t all = (int64_t)ceil(r->times * (double)count); /* then it begins again: few pictures, many replicas */
    return (int64_t)((double)(dealt % all) / r->times);
}
