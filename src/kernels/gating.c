/* gating.c — channels times their image's factor, forward and backward (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"
#include "kernels/view.h"

enum { TILE_FLOATS = 1 << 14, GATE_GROUP = 256 }; /* floats of a forward tile, channels of a backward one */

/* ---- y = view(x) * gate; a tile is some pixels of an image ---- */

static int64_t forward_pixels(int64_t c) {
    return dw_max(4, TILE_FLOATS / dw_max(c, 1));
}
static int64_t image_tiles(const struct gate_forward *job) {
    return (job->hw + forward_pixels(job->c) - 1) / forward_pixels(job->c);
}

static __attribute__((noinline)) void gate_view(const struct load_view *view, int64_t at, float *to, int64_t from,
                                                int64_t count) {
    view_load_row(view, at, to, from, count);
}

/* A view goes through a buffer in L1, GATE_GROUP channels at a time. */
DW_INLINE void forward_rows(const struct gate_forward *job, const float *gate, int64_t row, int rows) {
    float view[4 * GATE_GROUP];
    for (int64_t first = 0; first < job->c; first += GATE_GROUP) {
        int64_t count = dw_min(GATE_GROUP, job->c - first), step = job->c, at = row * job->c + first;
        const float *from = view;
        if (view_is_identity(&job->in))
            from = (const float *)job->in.x + at;
        else
            step = GATE_GROUP;
        for (int i = 0; from == view && i < rows; i++)
            gate_view(&job->in, at + i * job->c, view + i * GATE_GROUP, first, count);
        for (int64_t c = 0; c < count; c += VL) {
            int lanes = dw_lanes(count - c);
            vf factor = dw_load(gate + first + c, lanes);
            DW_UNROLL for (int i = 0; i < rows; i++) {
                vf y = stored_round(vmul(dw_load(from + i * step + c, lanes), factor), job->y_bf16);
                stored_store(job->y, job->y_bf16, at + i * job->c + c, y, lanes);
            }
        }
    }
}

void KERNEL_NAME(gate_forward_plan)(struct gate_forward *job) {
    job->tiles = job->n * image_tiles(job);
}

void KERNEL_NAME(gate_forward_run)(const struct gate_forward *job, int64_t tile) {
    int64_t image = tile / image_tiles(job), from = tile % image_tiles(job) * forward_pixels(job->c);
    int64_t row = image * job->hw + from, end = image * job->hw + dw_min(from + forward_pixels(job->c), job->hw);
    const float *gate = job->gate + image * job->c;
    for (; row + 4 <= end; row += 4) forward_rows(job, gate, row, 4);
    for (; row < end; row++) forward_rows(job, gate, row, 1);
}

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
        vf factor = dw_load(part->gate + c, lanes), sum = dw_load(part->sums + c, lanes);
        DW_UNROLL for (int i = 0; i < rows; i++) {
            int64_t j = at + i * job->c + c;
            vf dy = stored_load(job->dy, job->dy_bf16, j, lanes);
            sum = vfma(dy, dw_load(x + i * step + c, lanes), sum);
            if (job->dx) stored_store(job->dx, job->dx_bf16, j, stored_round(vmul(dy, factor), job->dx_bf16), lanes);
        }
        dw_store(part->sums + c, sum, lanes);
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
