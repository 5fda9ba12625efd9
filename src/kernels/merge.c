/* merge.c — partial sums added in index order, in double (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

enum { MERGE_TILE = 512 };

void KERNEL_NAME(merge_plan)(struct merge_job *job) {
    job->tiles = (job->size + MERGE_TILE - 1) / MERGE_TILE;
}

void KERNEL_NAME(merge_run)(const struct merge_job *job, int64_t tile) {
    int64_t from = tile * MERGE_TILE, to = from + MERGE_TILE < job->size ? from + MERGE_TILE : job->size;
    double *sum = job->sum + from;
    for (int64_t j = 0; j < to - from; j++) sum[j] = 0.0;
    for (int64_t i = 0; i < job->count; i++) {
        const float *part = job->parts + i * job->size + from;
        for (int64_t j = 0; j < to - from; j++) sum[j] += (double)part[j];
    }
}
