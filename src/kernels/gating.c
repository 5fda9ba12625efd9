/* gating.c — channels times their image's factor, forward (per-ISA: compiled once per level).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/gating.h"
#include "kernels/variants.h"

enum { TILE_FLOATS = 1 << 14 };

/* ---- y = view(x) * gate; a tile is some pixels of an image ---- */

static int64_t forward_pixels(int64_t c) {
    return dw_max(4, TILE_FLOATS / dw_max(c, 1));
}
static int64_t image_tiles(const struct gate_forward *job) {
    return (job->hw + forward_pixels(job->c) - 1) / forward_pixels(job->c);
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
            vf factor = vload_lanes(gate + first + c, lanes);
            DW_UNROLL for (int i = 0; i < rows; i++) {
                vf y = stored_round(vmul(vload_lanes(from + i * step + c, lanes), factor), job->y_bf16);
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
