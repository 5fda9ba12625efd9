/* row_norm_backward.c — the gradients of a layer norm (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/row_norm.h"
#include "kernels/variants.h"

/* dx = (g - mean(g) - h*mean(g*h))*invstd with g = dy*weight, h = (x - mean)*invstd. */
struct row_gradient {
    struct row_norm norm;
    float mean_g, mean_gh;
};

static struct row_gradient row_gradient(const struct layer_norm_backward *job, int64_t row) {
    const float *weight = job->weight;
    int64_t first = row * job->c;
    struct row_gradient of = {.norm = row_norm(job->x, job->x_bf16, first, job->c, job->eps)};
    struct row_sum sum = row_zero(), product = row_zero();
    vf mean = vset(of.norm.mean), invstd = vset(of.norm.invstd);
    for (int64_t j = 0; j < job->c; j += ROW_LANES) DW_UNROLL for (int i = 0; i < ROW_PARTS; i++) {
            int lanes = part_lanes(job->c - j, i);
            int64_t at = j + i * VL;
            if (!lanes) break;
            vf g = vmul(stored_load(job->dy, job->dy_bf16, first + at, lanes), vload_lanes(weight + at, lanes));
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, first + at, lanes), mean), invstd);
            sum.part[i] = vadd(sum.part[i], g);
            product.part[i] = vfma(g, h, product.part[i]);
        }
    of.mean_g = row_total(&sum) / (float)job->c;
    of.mean_gh = row_total(&product) / (float)job->c;
    return of;
}

DW_INLINE void backward_rows(const struct layer_norm_backward *job, float *sums, int64_t row, int rows) {
    struct row_gradient of[4];
    for (int i = 0; i < rows; i++) of[i] = row_gradient(job, row + i);
    for (int64_t j = 0; j < job->c; j += VL) {
        int lanes = dw_lanes(job->c - j);
        vf weight = vload_lanes(job->weight + j, lanes);
        vf sum = vload_lanes(sums + j, lanes), product = vload_lanes(sums + job->c + j, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t at = (row + i) * job->c + j;
            vf dy = stored_load(job->dy, job->dy_bf16, at, lanes), invstd = vset(of[i].norm.invstd);
            vf h = vmul(vsub(stored_load(job->x, job->x_bf16, at, lanes), vset(of[i].norm.mean)), invstd);
            vf g = vsub(vmul(dy, weight), vfma(h, vset(of[i].mean_gh), vset(of[i].mean_g)));
            stored_store(job->dx, job->dx_bf16, at, stored_round(vmul(g, invstd), job->dx_bf16), lanes);
            sum = vadd(sum, dy), product = vfma(dy, h, product);
        }
        vstore_lanes(sums + j, sum, lanes), vstore_lanes(sums + job->c + j, product, lanes);
    }
}

/* A tile is a block of rows: its sums are its own. */
void KERNEL_NAME(layer_norm_backward_plan)(struct layer_norm_backward *job) {
    job->tiles = conv_blocks(job->rows);
}

void KERNEL_NAME(layer_norm_backward_run)(const struct layer_norm_backward *job, int64_t tile) {
    int64_t row = tile * BLOCK_ROWS, end = dw_min(row + BLOCK_ROWS, job->rows);
    float *sums = job->sums + tile * 2 * job->c;
    for (int64_t j = 0; j < 2 * job->c; j++) sums[j] = 0.0f;
    for (; row + 4 <= end; row += 4) backward_rows(job, sums, row, 4);
    for (; row < end; row++) backward_rows(job, sums, row, 1);
}
