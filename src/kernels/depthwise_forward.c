/* depthwise_forward.c — depthwise convolution, forward (per-ISA: compiled once per level).
 *
 * A tile is a band of output rows of one image, some channels wide. The view is applied once per element while a
 * row is copied into a ring that stays in L2; output rows are then correlations without borders.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/variants.h"

/* Bytes of a ring: in L2, or in L1 where the tensor is at hand in a cache. */
enum { RING_BYTES = 256 << 10, RING_NEAR = 24 << 10, NEAR_BYTES = 8 << 20, MIN_BAND = 8, GROUP_MIN = 64 };

static int64_t ring_slots(const struct conv_shape *s) {
    return (int64_t)(s->r - 1) * s->dilation_h + 1;
}
static int64_t ring_columns(const struct conv_shape *s) {
    return (s->q - 1) * s->stride_w + (int64_t)(s->s - 1) * s->dilation_w + 1;
}
static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}

/* Channels in groups of equal size, a multiple of the alignment; at least `groups` of them unless too narrow. */
static int64_t group_channels(int64_t c, int64_t ring_bytes, int64_t column_bytes, int64_t groups) {
    int64_t fitting = dw_max(ring_bytes / column_bytes / DW_ALIGN * DW_ALIGN, DW_ALIGN);
    groups = dw_max(pieces(c, fitting), dw_min(groups, dw_max(1, c / GROUP_MIN)));
    return dw_step(pieces(c, groups));
}

size_t KERNEL_NAME(depthwise_forward_plan)(struct depthwise_forward *job, int threads) {
    const struct conv_shape *s = &job->s;
    int64_t strip = strip_rows(s->q), strips = pieces(s->p, strip), wanted = threads > 1 ? 4 * threads : 1;
    int64_t bytes = ring_slots(s) * ring_columns(s) * (int64_t)sizeof(float);
    int64_t ring = s->n * s->h * s->w * s->c * (int64_t)sizeof(float) <= NEAR_BYTES ? RING_NEAR : RING_BYTES;
    job->group = group_channels(s->c, ring, bytes, 1);
    int64_t bands = pieces(wanted, dw_max(1, s->n * pieces(s->c, job->group)));
    bands = dw_max(1, dw_min(bands, dw_min(strips, s->p / MIN_BAND)));
    job->band = dw_max(1, pieces(strips, bands)) * strip;
    if (s->n * pieces(s->p, job->band) < threads) job->group = group_channels(s->c, ring, bytes, threads);
    job->tiles = s->n * pieces(s->p, job->band) * pieces(s->c, job->group);
    int64_t step = dw_step(dw_min(job->group, s->c)), pointers = (s->r * (int64_t)sizeof(float *) + 63) / 64 * 64;
    return (size_t)pointers +
           (dw_ring_floats(ring_slots(s), ring_columns(s) * step) + (size_t)(s->r * s->s * step + dw_part_floats(s->q))) *
               sizeof(float);
}

static struct dw_ring input_ring(const struct depthwise_forward *job, int64_t image, int64_t channel,
                                 int64_t channels) {
    const struct conv_shape *s = &job->s;
    int64_t step = dw_step(channels), columns = ring_columns(s);
    struct dw_ring g = {.slots = ring_slots(s), .row_floats = columns * step, .height = s->h, .in_row = s->w * s->c};
    g.left = dw_min(s->pad_left, columns) * step;
    g.x = stored_at(job->in.x, job->in.bf16, image * s->h * s->w * s->c + channel);
    g.load.x_bf16 = job->in.bf16;
    g.load.columns = dw_max(0, dw_min(s->w, columns - s->pad_left));
    g.load.channels = channels, g.load.in_step = s->c, g.load.out_step = step, g.load.act = job->in.act;
    if (job->in.scale) g.load.scale = job->in.scale + channel, g.load.shift = job->in.shift + channel;
    return g;
}

static struct dw_row output_row(const struct depthwise_forward *job, float *w, int64_t channel,
                                int64_t channels) {
    const struct conv_shape *s = &job->s;
    struct dw_row d = {.taps_r = s->r, .taps_s = s->s, .stride = s->stride_w, .dilation = s->dilation_w, .w = w};
    d.step = dw_step(channels), d.channels = channels, d.count = s->q, d.y_step = s->c, d.sums_step = s->c;
    d.act = job->act, d.bias = job->bias ? job->bias + channel : NULL;
    d.y_bf16 = job->y_bf16;
    d.part = w + (int64_t)s->r * s->s * d.step;
    d.stream = dw_stream_pays(job->y, job->y_bf16, s->n * s->p * s->q, s->c);
    if (job->y_bf16 && (channel % DW_PART || channels % DW_PART)) d.stream = false; /* half lines */
    return d;
}

void KERNEL_NAME(depthwise_forward_run)(const struct depthwise_forward *job, int64_t tile, void *scratch) {
    const struct conv_shape *s = &job->s;
    int64_t groups = pieces(s->c, job->group), bands = pieces(s->p, job->band), strip = strip_rows(s->q);
    int64_t channel = tile % groups * job->group, channels = dw_min(job->group, s->c - channel);
    int64_t first = tile / groups % bands * job->band, image = tile / groups / bands;
    const float **rows = scratch;
    struct dw_ring ring = input_ring(job, image, channel, channels);
    float *w = dw_ring_open(&ring, (float *)((char *)scratch + (s->r * (int64_t)sizeof(float *) + 63) / 64 * 64));
    dw_copy_taps(w, job->w + channel, (int64_t)s->r * s->s, s->c, channels);
    struct dw_row d = output_row(job, w, channel, channels);
    for (int64_t p = first; p < dw_min(first + job->band, s->p); p++) {
        int64_t top = p * s->stride_h - s->pad_top;
        dw_ring_fill(&ring, top, top + ring.slots - 1);
        for (int r = 0; r < s->r; r++) rows[r] = dw_ring_row(&ring, top + (int64_t)r * s->dilation_h);
        d.rows = rows;
        d.y = stored_to(job->y, job->y_bf16, (image * s->p + p) * s->q * s->c + channel);
        if (job->stats) {
            d.sums = job->stats + (image * pieces(s->p, strip) + p / strip) * 2 * s->c + channel;
            if (p % strip == 0) dw_zero(d.sums, channels), dw_zero(d.sums + s->c, channels);
        }
        struct dw_ahead ahead = {0};
        d.ahead = NULL;
        if (channels == s->c && ring.next < s->h && p + 1 < dw_min(first + job->band, s->p)) {
            dw_ahead_add(&ahead, ring.x, job->in.bf16, ring.next * ring.in_row,
                         dw_min(s->stride_h, s->h - ring.next) * ring.in_row);
            if (!d.stream) dw_ahead_add(&ahead, d.y, d.y_bf16, s->q * s->c, s->q * s->c); /* else every store waits */
            dw_ahead_spread(&ahead, dw_row_tiles(s->q, channels));
            d.ahead = &ahead;
        }
        KERNEL_NAME(depthwise_row)(&d);
    }
    if (d.stream) vstream_end();
}
