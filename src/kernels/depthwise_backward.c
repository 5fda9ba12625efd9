/* depthwise_backward.c — gradients of a depthwise convolution (per-ISA, libsiskin alone).
 *
 * One walk over the rows of dy serves both gradients: a ring of dy rows (the gradient view, formed once) and a ring
 * of viewed input rows. Row p adds to dw, and every input row whose last dy row is p becomes a row of dx.
 * A stride splits dx in phases: input rows (columns) h with the same (h + pad) % stride meet the same taps, so
 * each phase is a plain correlation with part of the kernel, turned around. With stride and dilation together
 * that fails, and dy is spread with zeros instead. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise_core.h"
#include "kernels/strips.h"
#include "kernels/variants.h"

enum { RINGS_BYTES = 384 << 10, GROUP_MIN = 64 };

/* What the plan and the walk derive from the shape. */
struct geometry {
    int64_t phases_h, phases_w; /* stride, or 1 where dilated */
    int64_t spread;             /* columns of the dy ring per column of dy */
    int64_t dy_left, dy_columns, dy_slots, u_columns, u_slots;
};

static struct geometry geometry_of(const struct conv_shape *s) {
    struct geometry g;
    g.phases_h = s->dilation_h == 1 ? s->stride_h : 1;
    g.phases_w = s->dilation_w == 1 ? s->stride_w : 1;
    g.spread = s->stride_w / g.phases_w;
    g.dy_left = (s->s - 1) / g.phases_w * s->dilation_w;
    g.dy_columns = g.dy_left + dw_max((s->w - 1 + s->pad_left) / g.phases_w, (s->q - 1) * g.spread) + 1;
    g.dy_slots = (int64_t)(s->r - 1) * s->dilation_h / s->stride_h + 1;
    g.u_columns = (s->q - 1) * s->stride_w + (int64_t)(s->s - 1) * s->dilation_w + 1;
    g.u_slots = (int64_t)(s->r - 1) * s->dilation_h + 1;
    return g;
}

static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}
static int64_t pointer_bytes(const struct conv_shape *s) {
    return (2 * s->r * (int64_t)sizeof(float *) + 63) / 64 * 64;
}

size_t KERNEL_NAME(depthwise_backward_plan)(struct depthwise_backward *job, int threads) {
    const struct conv_shape *s = &job->s;
    struct geometry g = geometry_of(s);
    int64_t column = (g.dy_slots * g.dy_columns + g.u_slots * g.u_columns) * (int64_t)sizeof(float);
    int64_t chunks = depthwise_chunks(s), fitting = dw_max(RINGS_BYTES / column / DW_ALIGN, 1) * DW_ALIGN;
    int64_t groups = pieces(s->c, fitting);
    if (chunks * groups < 2 * threads && threads > 1) {
        groups = dw_max(groups, dw_min(pieces(2 * threads, chunks), dw_max(1, s->c / GROUP_MIN)));
    }
    job->group = dw_step(pieces(s->c, groups));
    job->tiles = chunks * pieces(s->c, job->group);
    job->reduce_tiles = job->dw ? pieces((int64_t)s->r * s->s * s->c, 1024) : 0;
    int64_t step = dw_step(dw_min(job->group, s->c));
    size_t floats = dw_ring_floats(g.dy_slots, g.dy_columns * step) + dw_ring_floats(g.u_slots, g.u_columns * step) +
                    (size_t)(2 * s->r * s->s * step) + (size_t)dw_part_floats(s->w);
    return (size_t)pointer_bytes(s) + floats * sizeof(float);
}

/* ---- rows of dx ---- */

#define DX_INSTANCE(r, s)                                                                                              \
    static __attribute__((noinline)) void dx_##r##_##s(const struct dw_row *d) {                                       \
        dw_row_fixed(d, r, s, 1, true, false);                                                                         \
    }                                                                                                                  \
    static __attribute__((noinline)) void smooth_##r##_##s(const struct dw_row *d) {                                   \
        dw_row_fixed(d, r, s, 1, true, true);                                                                          \
    }
DX_INSTANCE(1, 1)
DX_INSTANCE(1, 2)
DX_INSTANCE(2, 1)
DX_INSTANCE(2, 2)
DX_INSTANCE(2, 3)
DX_INSTANCE(3, 2)
DX_INSTANCE(3, 3)
DX_INSTANCE(5, 5)
DX_INSTANCE(7, 7)

static __attribute__((noinline)) void dx_any(const struct dw_row *d) {
    dw_row_any(d, false);
}
static __attribute__((noinline)) void smooth_any(const struct dw_row *d) {
    dw_row_any(d, true);
}

static void dx_row_f32(const struct dw_row *d) {
    static void (*const fixed[2][8][8])(const struct dw_row *d) = {{[1][1] = dx_1_1,
                                                                    [1][2] = dx_1_2,
                                                                    [2][1] = dx_2_1,
                                                                    [2][2] = dx_2_2,
                                                                    [2][3] = dx_2_3,
                                                                    [3][2] = dx_3_2,
                                                                    [3][3] = dx_3_3,
                                                                    [5][5] = dx_5_5,
                                                                    [7][7] = dx_7_7},
                                                                   {[1][1] = smooth_1_1,
                                                                    [1][2] = smooth_1_2,
                                                                    [2][1] = smooth_2_1,
                                                                    [2][2] = smooth_2_2,
                                                                    [2][3] = smooth_2_3,
                                                                    [3][2] = smooth_3_2,
                                                                    [3][3] = smooth_3_3,
                                                                    [5][5] = smooth_5_5,
                                                                    [7][7] = smooth_7_7}};
    bool smooth = !act_is_clamp(d->act);
    bool known =
        DW_INSTANCES && d->taps_r < 8 && d->taps_s < 8 && d->dilation == 1 && fixed[smooth][d->taps_r][d->taps_s];
    if (known)
        fixed[smooth][d->taps_r][d->taps_s](d);
    else if (smooth)
        smooth_any(d);
    else
        dx_any(d);
}

DW_LINES(lines_1_1, 1, 1, 1, true)
DW_LINES(lines_1_2, 1, 2, 1, true)
DW_LINES(lines_2_1, 2, 1, 1, true)
DW_LINES(lines_2_2, 2, 2, 1, true)
DW_LINES(lines_3_3, 3, 3, 1, true)

static void dx_row_stored(const struct dw_row *given) {
    static int64_t (*const lines[4][4])(const struct dw_row *d) = {
        [1][1] = lines_1_1, [1][2] = lines_1_2, [2][1] = lines_2_1, [2][2] = lines_2_2, [3][3] = lines_3_3};
    struct dw_row d = *given;
    bool known = dw_row_has_lines(&d) && d.taps_r < 4 && d.taps_s < 4 && d.dilation == 1;
    if (known && lines[d.taps_r][d.taps_s]) d.from = lines[d.taps_r][d.taps_s](&d);
    KERNEL_NAME(depthwise_stored)(&d, dx_row_f32);
}

static void dx_row(const struct dw_row *d) {
    if (dw_row_is_stored(d))
        dx_row_stored(d);
    else
        dx_row_f32(d);
}

/* ---- rows of dw ---- */

struct dw_weights {
    int taps_r, taps_s, stride, dilation;
    const float *const *rows; /* viewed input rows, as dw_row's */
    const float *dy;          /* (count) columns dy_step apart */
    int64_t step, dy_step, count, channels;
    float *w; /* (taps_r, taps_s, step), added to */
    struct dw_ahead *ahead;
};

DW_INLINE void weights_tile(const struct dw_weights *d, vf *acc, int64_t c, int64_t column, int r0, int r1, int taps_s,
                            int stride, int tile) {
    vf dy[4];
    DW_UNROLL for (int t = 0; t < tile; t++) dy[t] = vload(d->dy + (column + t) * d->dy_step + c);
    DW_UNROLL for (int r = r0; r < r1; r++) {
        const float *x = d->rows[r] + column * stride * d->step + c;
        DW_UNROLL for (int j = 0; j < (tile - 1) * stride + taps_s; j++) {
            vf v = vload(x + j * d->step);
            DW_UNROLL for (int t = 0; t < tile; t++) {
                int s = j - t * stride;
                if (s >= 0 && s < taps_s) acc[(r - r0) * taps_s + s] = vfma(v, dy[t], acc[(r - r0) * taps_s + s]);
            }
        }
    }
}

/* Sums of a row start at zero and join the chunk's sum once: shorter chains, smaller errors. */
DW_INLINE void weights_rows(const struct dw_weights *d, int64_t c, int r0, int r1, int taps_s, int stride) {
    vf acc[25];
    int64_t j = 0;
    DW_UNROLL for (int i = 0; i < (r1 - r0) * taps_s; i++) acc[i] = vzero();
    for (; j + 4 <= d->count; j += 4) {
        weights_tile(d, acc, c, j, r0, r1, taps_s, stride, 4);
        dw_ahead_step(d->ahead);
    }
    for (; j < d->count; j++) weights_tile(d, acc, c, j, r0, r1, taps_s, stride, 1);
    DW_UNROLL for (int i = 0; i < (r1 - r0) * taps_s; i++) {
        float *w = d->w + (r0 * taps_s + i) * d->step + c;
        vstore(w, vadd(vload(w), acc[i]));
    }
}

static void weights_3_1(const struct dw_weights *d) {
    for (int64_t c = 0; c < d->channels; c += VL) weights_rows(d, c, 0, 3, 3, 1);
}
static void weights_3_2(const struct dw_weights *d) {
    for (int64_t c = 0; c < d->channels; c += VL) weights_rows(d, c, 0, 3, 3, 2);
}
/* 25 sums and what feeds them are too many registers: rows of taps in two parts. */
static void weights_5_1(const struct dw_weights *d) {
    for (int64_t c = 0; c < d->channels; c += VL) {
        weights_rows(d, c, 0, 3, 5, 1);
        weights_rows(d, c, 3, 5, 5, 1);
    }
}
static void weights_5_2(const struct dw_weights *d) {
    for (int64_t c = 0; c < d->channels; c += VL) {
        weights_rows(d, c, 0, 3, 5, 2);
        weights_rows(d, c, 3, 5, 5, 2);
    }
}

/* 49: by rows of taps, two or three at a time. */
DW_INLINE void weights_7(const struct dw_weights *d, int stride) {
    for (int64_t c = 0; c < d->channels; c += VL) {
        weights_rows(d, c, 0, 3, 7, stride);
        weights_rows(d, c, 3, 5, 7, stride);
        weights_rows(d, c, 5, 7, 7, stride);
    }
}
static void weights_7_1(const struct dw_weights *d) {
    weights_7(d, 1);
}
static void weights_7_2(const struct dw_weights *d) {
    weights_7(d, 2);
}

static void weights_any(const struct dw_weights *d) {
    for (int64_t c = 0; c < d->channels; c += VL) {
        for (int i = 0; i < d->taps_r * d->taps_s; i++) {
            const float *x = d->rows[i / d->taps_s] + (int64_t)(i % d->taps_s) * d->dilation * d->step + c;
            float *w = d->w + i * d->step + c;
            vf acc = vzero();
            for (int64_t j = 0; j < d->count; j++) {
                acc = vfma(vload(x + j * d->stride * d->step), vload(d->dy + j * d->dy_step + c), acc);
            }
            vstore(w, vadd(vload(w), acc));
        }
    }
}

static void weights_run(const struct dw_weights *d) {
    bool square = DW_INSTANCES && d->taps_r == d->taps_s && d->dilation == 1;
    if (square && d->taps_r == 3 && d->stride == 1)
        weights_3_1(d);
    else if (square && d->taps_r == 3 && d->stride == 2)
        weights_3_2(d);
    else if (square && d->taps_r == 5 && d->stride == 1)
        weights_5_1(d);
    else if (square && d->taps_r == 5 && d->stride == 2)
        weights_5_2(d);
    else if (square && d->taps_r == 7 && d->stride == 1)
        weights_7_1(d);
    else if (square && d->taps_r == 7 && d->stride == 2)
        weights_7_2(d);
    else
        weights_any(d);
}

/* ---- the walk ---- */

struct walk {
    const struct depthwise_backward *job;
    struct geometry g;
    int64_t channel, channels, image;
    struct dw_ring dy, u;
    const float **rows; /* (2, R): for dw or whole dy rows, and from the first column of a phase on */
    float *turned;      /* (phases, taps of the phase turned around, step): R·S taps in all */
    float *dw;          /* (R,S,step): the chunk's sum */
    float *part;        /* of a row of dx */
    struct dw_ahead ahead;
};

/* Taps of phase f: f, f + phases, … below `taps`. */
static int phase_taps(int taps, int64_t phases, int64_t f) {
    return (int)((taps - f + phases - 1) / phases);
}

/* The kernel by phases, each turned around: within (phase_h, phase_w) taps by falling r, then falling s. */
static void turn_kernel(struct walk *k) {
    const struct conv_shape *s = &k->job->s;
    int64_t step = dw_step(k->channels);
    float *out = k->turned;
    for (int64_t fh = 0; fh < k->g.phases_h; fh++) {
        for (int64_t fw = 0; fw < k->g.phases_w; fw++) {
            for (int i = phase_taps(s->r, k->g.phases_h, fh) - 1; i >= 0; i--) {
                for (int j = phase_taps(s->s, k->g.phases_w, fw) - 1; j >= 0; j--, out += step) {
                    int64_t tap = (fh + i * k->g.phases_h) * s->s + fw + j * k->g.phases_w;
                    dw_copy_taps(out, k->job->w + tap * s->c + k->channel, 1, s->c, k->channels);
                }
            }
        }
    }
}

/* Where the taps of phase (fh, fw) begin in `turned`. */
static const float *turned_taps(const struct walk *k, int64_t fh, int64_t fw) {
    const struct conv_shape *s = &k->job->s;
    int64_t before = 0, rows = phase_taps(s->r, k->g.phases_h, fh);
    for (int64_t f = 0; f < fh; f++) before += (int64_t)phase_taps(s->r, k->g.phases_h, f) * s->s;
    for (int64_t f = 0; f < fw; f++) before += rows * phase_taps(s->s, k->g.phases_w, f);
    return k->turned + before * dw_step(k->channels);
}

static struct dw_row dx_job(const struct walk *k, int64_t h, int64_t fh) {
    const struct depthwise_backward *job = k->job;
    const struct conv_shape *s = &job->s;
    int64_t strip = strip_rows(s->w);
    struct dw_row d = {.stride = 1, .dilation = s->dilation_w, .gradient = true, .act = job->in.act};
    d.taps_r = phase_taps(s->r, k->g.phases_h, fh);
    d.stream = dw_stream_pays(job->dx, job->dx_bf16, s->n * s->h * s->w, s->c);
    if (job->dx_bf16 && (k->channel % DW_PART || k->channels % DW_PART)) d.stream = false; /* half lines */
    d.step = dw_step(k->channels), d.channels = k->channels, d.y_step = k->g.phases_w * s->c;
    d.part = k->part;
    d.y_bf16 = job->dx_bf16, d.add_bf16 = job->add_bf16, d.x_bf16 = job->in.bf16;
    if (job->in.scale) d.scale = job->in.scale + k->channel, d.shift = job->in.shift + k->channel;
    if (job->sums) {
        d.sums = job->sums + (k->image * pieces(s->h, strip) + h / strip) * 2 * s->c + k->channel;
        d.sums_step = s->c;
        if (h % strip == 0) dw_zero(d.sums, k->channels), dw_zero(d.sums + s->c, k->channels);
    }
    return d;
}

/* Row h of dx: the dy rows it meets by rising p, then each phase of columns. */
static void walk_dx_row(struct walk *k, int64_t h) {
    const struct depthwise_backward *job = k->job;
    const struct conv_shape *s = &job->s;
    int64_t high = h + s->pad_top, fh = high % k->g.phases_h;
    const float **shifted = k->rows + s->r;
    struct dw_row d = dx_job(k, h, fh);
    d.ahead = &k->ahead;
    for (int i = 0; i < d.taps_r; i++) {
        int64_t from = high - (fh + (d.taps_r - 1 - i) * k->g.phases_h) * s->dilation_h;
        k->rows[i] = from >= 0 && from % s->stride_h == 0 ? dw_ring_row(&k->dy, from / s->stride_h) : k->dy.zero;
    }
    for (int64_t fw = 0; fw < k->g.phases_w; fw++) {
        /* columns w = phases·j + fw - pad_left; the first tap of j lies at ring column left + j - (taps-1)·dilation */
        int64_t first = pieces(dw_max(0, s->pad_left - fw), k->g.phases_w);
        int64_t w = first * k->g.phases_w + fw - s->pad_left;
        if (w >= s->w) continue;
        d.taps_s = phase_taps(s->s, k->g.phases_w, fw);
        d.count = pieces(s->w - w, k->g.phases_w);
        d.w = turned_taps(k, fh, fw);
        int64_t offset = (k->g.dy_left + first - (int64_t)(d.taps_s - 1) * s->dilation_w) * d.step;
        for (int i = 0; i < d.taps_r; i++) shifted[i] = k->rows[i] + offset;
        int64_t at = ((k->image * s->h + h) * s->w + w) * s->c + k->channel;
        d.rows = shifted, d.y = stored_to(job->dx, job->dx_bf16, at), d.add = stored_at(job->add, job->add_bf16, at);
        d.x = job->in.act != ACT_NONE || job->sums ? stored_at(job->in.x, job->in.bf16, at) : NULL;
        dx_row(&d);
    }
}

static void walk_dw_row(struct walk *k, int64_t p) {
    const struct conv_shape *s = &k->job->s;
    int64_t top = p * s->stride_h - s->pad_top, step = dw_step(k->channels);
    dw_ring_fill(&k->u, top, top + k->u.slots - 1);
    for (int r = 0; r < s->r; r++) k->rows[r] = dw_ring_row(&k->u, top + (int64_t)r * s->dilation_h);
    struct dw_weights d = {.taps_r = s->r, .taps_s = s->s, .stride = s->stride_w, .dilation = s->dilation_w};
    d.rows = k->rows, d.dy = dw_ring_row(&k->dy, p) + k->g.dy_left * step;
    d.step = step, d.dy_step = k->g.spread * step, d.count = s->q, d.channels = k->channels, d.w = k->dw;
    d.ahead = &k->ahead;
    weights_run(&d);
}

/* The first input row whose dx belongs to the band that begins with output row p: whole strips. */
static int64_t band_top(const struct conv_shape *s, int64_t p) {
    int64_t strip = strip_rows(s->w);
    if (p >= s->p) return s->h;
    return dw_min(s->h, p * s->stride_h / strip * strip);
}

/* What row p + 1 will read, spread over the tiles of row p (dw's, and those of a few rows of dx). */
static void look_ahead(struct walk *k, int64_t p, int64_t h) {
    const struct depthwise_backward *job = k->job;
    const struct conv_shape *s = &job->s;
    int64_t next = p + 1, rows = dw_min(s->stride_h, s->h - k->u.next), tiles = 0;
    int64_t later = dw_min(h + s->stride_h, s->h - rows), at = (k->image * s->h + later) * s->w * s->c;
    k->ahead.ranges = 0;
    if (k->channels < s->c || next >= s->p) return;
    dw_ahead_add(&k->ahead, k->dy.x, job->dy.g_bf16, next * k->dy.in_row, k->dy.in_row);
    if (k->dy.y) dw_ahead_add(&k->ahead, k->dy.y, job->dy.y_bf16, next * k->dy.in_row, k->dy.in_row);
    if (job->dw) dw_ahead_add(&k->ahead, k->u.x, job->in.bf16, k->u.next * k->u.in_row, rows * k->u.in_row);
    if (job->add) dw_ahead_add(&k->ahead, job->add, job->add_bf16, at, rows * k->u.in_row);
    if (job->dx && !dw_stream_pays(job->dx, job->dx_bf16, s->n * s->h * s->w, s->c)) {
        dw_ahead_add(&k->ahead, job->dx, job->dx_bf16, at, rows * k->u.in_row); /* else every store waits */
    }
    if (job->dw) tiles += dw_row_tiles(s->q, s->c);
    if (job->dx) tiles += s->stride_h * dw_row_tiles(s->w, s->c);
    dw_ahead_spread(&k->ahead, tiles);
}

static void walk_image(struct walk *k, int64_t first, int64_t last) {
    const struct depthwise_backward *job = k->job;
    const struct conv_shape *s = &job->s;
    int64_t h = band_top(s, first), end = band_top(s, last), from = first, to = last;
    int64_t outputs = k->image * s->p * s->q * s->c + k->channel;
    k->dy.x = stored_at(job->dy.g, job->dy.g_bf16, outputs);
    k->dy.y = stored_at(job->dy.y, job->dy.y_bf16, outputs);
    k->u.x = stored_at(job->in.x, job->in.bf16, k->image * s->h * s->w * s->c + k->channel);
    k->dy.next = k->u.next = 0;
    if (job->dx && h < end) {
        int64_t reach = (int64_t)(s->r - 1) * s->dilation_h;
        int64_t lowest = pieces(dw_max(0, h + s->pad_top - reach), s->stride_h);
        int64_t highest = dw_min(s->p - 1, (end - 1 + s->pad_top) / s->stride_h);
        from = job->dw ? dw_min(first, lowest) : lowest;
        to = job->dw ? dw_max(last, highest + 1) : highest + 1;
    }
    for (int64_t p = from; p < to; p++) {
        dw_ring_fill(&k->dy, p, p);
        look_ahead(k, p, h);
        if (job->dw && p >= first && p < last) walk_dw_row(k, p);
        for (; job->dx && h < end && (h + s->pad_top) / s->stride_h <= p; h++) walk_dx_row(k, h);
    }
    for (; job->dx && h < end; h++) walk_dx_row(k, h);
}

static void open_rings(struct walk *k, float *memory) {
    const struct depthwise_backward *job = k->job;
    const struct conv_shape *s = &job->s;
    int64_t step = dw_step(k->channels);
    k->dy = (struct dw_ring){.slots = k->g.dy_slots, .row_floats = k->g.dy_columns * step, .left = k->g.dy_left * step};
    k->dy.height = s->p, k->dy.in_row = s->q * s->c;
    k->dy.load = (struct dw_load_row){.columns = s->q, .channels = k->channels, .in_step = s->c};
    k->dy.load.out_step = k->g.spread * step;
    k->dy.load.x_bf16 = job->dy.g_bf16, k->dy.load.y_bf16 = job->dy.y_bf16;
    if (job->dy.y) {
        k->dy.load.a = job->dy.a + k->channel, k->dy.load.b = job->dy.b + k->channel;
        k->dy.load.c = job->dy.c + k->channel;
    }
    k->u = (struct dw_ring){.slots = k->g.u_slots, .row_floats = k->g.u_columns * step};
    k->u.left = dw_min(s->pad_left, k->g.u_columns) * step, k->u.height = s->h, k->u.in_row = s->w * s->c;
    k->u.load = (struct dw_load_row){.channels = k->channels, .in_step = s->c, .out_step = step, .act = job->in.act};
    k->u.load.x_bf16 = job->in.bf16;
    k->u.load.columns = dw_max(0, dw_min(s->w, k->g.u_columns - s->pad_left));
    if (job->in.scale) k->u.load.scale = job->in.scale + k->channel, k->u.load.shift = job->in.shift + k->channel;
    memory = dw_ring_open(&k->u, dw_ring_open(&k->dy, memory));
    k->turned = memory, k->dw = memory + (int64_t)s->r * s->s * step;
    k->part = k->dw + (int64_t)s->r * s->s * step;
}

void KERNEL_NAME(depthwise_backward_run)(const struct depthwise_backward *job, int64_t tile, void *scratch) {
    const struct conv_shape *s = &job->s;
    struct depthwise_grid grid = depthwise_grid(s);
    int64_t groups = pieces(s->c, job->group), chunk = tile / groups, taps = (int64_t)s->r * s->s;
    int64_t first = chunk % grid.bands * grid.rows, images = chunk / grid.bands * grid.images;
    struct walk k = {.job = job, .g = geometry_of(s), .channel = tile % groups * job->group, .rows = scratch};
    k.channels = dw_min(job->group, s->c - k.channel);
    open_rings(&k, (float *)((char *)scratch + pointer_bytes(s)));
    turn_kernel(&k);
    dw_zero(k.dw, taps * dw_step(k.channels));
    for (k.image = images; k.image < dw_min(images + grid.images, s->n); k.image++) {
        walk_image(&k, first, dw_min(first + grid.rows, s->p));
    }
    if (job->dx && dw_stream_pays(job->dx, job->dx_bf16, s->n * s->h * s->w, s->c)) vstream_end();
    if (!job->dw) return;
    for (int64_t i = 0; i < taps; i++) {
        memcpy(job->dw_parts + (chunk * taps + i) * s->c + k.channel, k.dw + i * dw_step(k.channels),
               (size_t)k.channels * sizeof(float));
    }
}

void KERNEL_NAME(depthwise_backward_reduce)(const struct depthwise_backward *job, int64_t tile) {
    int64_t size = (int64_t)job->s.r * job->s.s * job->s.c, from = tile * 1024, to = dw_min(from + 1024, size);
    int64_t chunks = depthwise_chunks(&job->s);
    for (int64_t j = from; j < to; j++) {
        double sum = 0.0;
        for (int64_t i = 0; i < chunks; i++) sum += (double)job->dw_parts[i * size + j];
        job->dw[j] = (float)sum;
    }
}
