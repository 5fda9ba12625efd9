/* gating_backward.c — the gradients of a gate and of what it was multiplied with (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/gating.h"
#include "kernels/variants.h"

/* ---- dx = dy * gate, dgate = sum of dy*view(x); a tile is GATE_GROUP channels of an image ---- */

static int64_t groups(int64_t c) {
    return (c + GATE_GROUP - 1) / GATE_GROUP;
}

void KERNEL_NAME(gate_backward_plan)(struct gate_backward *job) {
    job->tiles = job->n * groups(job->c);
}

/* Some channels of an image. */
struct gate_part {
    int64_t first, count;
    const float *gate;
    float sums[GATE_GROUP], view[4 * GATE_GROUP];
};

/* Rows of the part from element `at`; its sums of dy*view(x) go on. */
DW_INLINE void backward_rows(const struct gate_backward *job, struct gate_part *part, int64_t at, int rows) {
    const float *x = part->view;
    int64_t step = GATE_GROUP;
    if (view_is_identity(&job->in)) x = (const float *)job->in.x + at, step = job->c;
    for (int i = 0; x == part->view && i < rows; i++)
        gate_view(&job->in, at + i * job->c, part->view + i * GATE_GROUP, part->first, part->count);
    for (int64_t c = 0; c < part->count; c += VL) {
        int lanes = dw_lanes(part->count - c);
        vf factor = vload_lanes(part->gate + c, lanes), sum = vload_lanes(part->sums + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t j = at + i * job->c + c;
            vf dy = stored_load(job->dy, job->dy_bf16, j, lanes);
            sum = vfma(dy, vload_lanes(x + i * step + c, lanes), sum);
            if (job->dx) stored_store(job->dx, job->dx_bf16, j, stored_round(vmul(dy, factor), job->dx_bf16), lanes);
        }
        vstore_lanes(part->sums + c, sum, lanes);
    }
}

/* Sums of BLOCK_ROWS pixels join the image's sum once: shorter chains, smaller errors. */
void KERNEL_NAME(gate_backward_run)(const struct gate_backward *job, int64_t tile) {
    int64_t image = tile / groups(job->c);
    struct gate_part part;
    part.first = tile % groups(job->c) * GATE_GROUP;
    part.count = dw_min(GATE_GROUP, job->c - part.first);
    part.gate = job->gate + image * job->c + part.first;
    int64_t at = image * job->hw * job->c + part.first;
    float *dgate = job->dgate + image * job->c + part.first;
    for (int64_t c = 0; c < part.count; c++) dgate[c] = 0.0f;
    for (int64_t from = 0; from < job->hw; from += BLOCK_ROWS) {
        int64_t row = from, end = dw_min(from + BLOCK_ROWS, job->hw);
        for (int64_t c = 0; c < part.count; c++) part.sums[c] = 0.0f;
        for (; row + 4 <= end; row += 4) backward_rows(job, &part, at + row * job->c, 4);
        for (; row < end; row++) backward_rows(job, &part, at + row * job->c, 1);
        for (int64_t c = 0; c < part.count; c++) dgate[c] += part.sums[c];
    }
}
