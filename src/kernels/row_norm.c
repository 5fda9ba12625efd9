/* row_norm.c — layer norm over the channels of each pixel, forward (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/row_norm.h"
#include "kernels/variants.h"

enum { TILE_FLOATS = 1 << 14 };

static int64_t forward_rows(int64_t c) {
    return dw_max(1, TILE_FLOATS / dw_max(c, 1));
}

void KERNEL_NAME(layer_norm_forward_plan)(struct layer_norm_forward *job) {
    job->tiles = (job->rows + forward_rows(job->c) - 1) / forward_rows(job->c);
}

void KERNEL_NAME(layer_norm_forward_run)(const struct layer_norm_forward *job, int64_t tile) {
    int64_t rows = forward_rows(job->c), c = job->c;
    for (int64_t row = tile * rows; row < dw_min((tile + 1) * rows, job->rows); row++) {
        struct row_norm norm = row_norm(job->x, job->x_bf16, row * c, c, job->eps);
        vf mean = vset(norm.mean), invstd = vset(norm.invstd);
        for (int64_t j = 0; j < c; j += VL) {
            int lanes = dw_lanes(c - j);
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, row * c + j, lanes), mean), invstd);
            vf y = vfma(h, vload_lanes(job->weight + j, lanes), vload_lanes(job->bias + j, lanes));
            stored_store(job->y, job->y_bf16, row * c + j, stored_round(y, job->y_bf16), lanes);
        }
    }
}
