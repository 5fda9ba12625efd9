/* conv_forward.c — convolution forward by matrix products (per-ISA: compiled once per level).
 *
 * A tile is some output rows (pixels) by some columns of one group. A pointwise convolution of an unviewed input
 * reads A where it lies; every other one gathers its rows, viewed once, to a tile in L2 that all columns use.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/conv_rows.h"
#include "kernels/im2col.h"
#include "kernels/variants.h"
#include "kernels/winograd.h"

enum {
    TILE_WORK = 1 << 17, /* multiply-adds below which a tile is not worth claiming */
    TILES_A_THREAD = 4,  /* so that the last tiles even out */
};

static int64_t forward_rows(const struct conv_forward *job) {
    return job->s.n * job->s.p * job->s.q;
}

/* Wide rows that come from memory are better copied: the core reads 14 of them at once, which no prefetcher follows. */
static bool forward_is_direct(const struct conv_forward *job) {
    int64_t c = job->s.c, bytes = forward_rows(job) * c * (int64_t)sizeof(float);
    return conv_is_pointwise(&job->s) && view_is_identity(&job->in) && !stride_is_bad(c) &&
           (c <= 96 || bytes <= STREAM_BYTES);
}

/* Sums over a part of the depth are held in f32 where y is bf16: floats between the rows of a tile, 0 where none are. */
static int64_t held_stride(const struct conv_forward *job) {
    struct pieces pieces = pieces_of(&job->s, job->s.c / job->s.groups);
    bool whole = pieces.step_taps == pieces.taps && pieces.step_channels == pieces.channels;
    return job->y_bf16 && !whole ? tile_stride(min_i64(job->col_tile, job->s.k / job->s.groups)) : 0;
}

size_t KERNEL_NAME(conv_forward_plan)(struct conv_forward *job, int threads) {
    if (job->winograd) return KERNEL_NAME(winograd_plan)(job, threads);
    const struct conv_shape *s = &job->s;
    int64_t rows = forward_rows(job), depth = conv_depth(s), cols = s->k / s->groups;
    int64_t work = rows * depth * cols, want = threads > 1 ? (int64_t)threads * TILES_A_THREAD : 1;
    want = min_i64(want, work / TILE_WORK + 1);
    job->row_tile = BLOCK_ROWS;
    while (ceil_div(rows, job->row_tile) > 2 * want) job->row_tile *= 2;
    for (int half = BLOCK_ROWS / 2; !job->stats && half >= 28 && ceil_div(rows, job->row_tile) < want; half /= 2) {
        job->row_tile = ceil_div(half, MM_ROWS) * MM_ROWS;
    }
    int64_t row_tiles = ceil_div(rows, job->row_tile), panels = ceil_div(cols, MM_COLS);
    int64_t splits = min_i64(panels, ceil_div(want, row_tiles * s->groups));
    job->col_tile = ceil_div(panels, splits) * MM_COLS;
    job->tiles = row_tiles * s->groups * ceil_div(cols, job->col_tile);
    if (forward_is_direct(job)) return 0;
    return KERNEL_NAME(conv_rows_scratch)(s) + (size_t)(BLOCK_ROWS * held_stride(job)) * sizeof(float);
}

/* One block of rows x the columns col … col + cols of a group. */
struct forward_block {
    int64_t row, rows, group, col, cols;
    bool first; /* of its BLOCK_ROWS block: the statistics begin */
};

static struct matmul forward_matmul(const struct conv_forward *job, const struct forward_block *b) {
    const struct conv_shape *s = &job->s;
    int64_t depth = conv_depth(s), out = s->k / s->groups, at = b->group * out + b->col;
    return (struct matmul){
        .rows = b->rows,
        .depth = depth,
        .cols = b->cols,
        .b = job->packed + b->group * matmul_packed(depth, out) + matmul_panel(depth, b->col),
        .panel_depth = depth,
        .c = stored_to(job->y, job->y_bf16, b->row * s->k + at),
        .ldc = s->k,
        .c_bf16 = job->y_bf16,
        .bias = job->bias ? job->bias + at : NULL,
        .add = job->add ? job->add + b->row * s->k + at : NULL,
        .ldadd = s->k,
        .act = job->act,
        .add_first = job->add_first,
        .sums = job->stats ? job->stats + b->row / BLOCK_ROWS * 2 * s->k + at : NULL,
        .ldsums = s->k,
        .sums_go_on = !b->first,
        .stream = stream_pays(job->y, job->y_bf16, forward_rows(job), s->k, at),
    };
}

/* The product by pieces of depth: what follows the sum comes with the last one. */
static void forward_gathered(const struct conv_forward *job, const struct forward_block *b, float *tile) {
    const struct conv_shape *s = &job->s;
    int64_t in = s->c / s->groups;
    struct pieces pieces = pieces_of(s, in);
    struct matmul whole = forward_matmul(job, b);
    struct gather g = {
        .s = s, .row = b->row, .rows = b->rows, .tile = tile, .stride = tile_stride(pieces_width(&pieces))};
    float *held = tile + BLOCK_ROWS * g.stride; /* bf16: the sums so far */
    if (job->y_bf16) whole.held = held, whole.ldheld = held_stride(job);
    for (g.tap = 0; g.tap < pieces.taps; g.tap += pieces.step_taps) {
        g.taps = min_i64(pieces.step_taps, pieces.taps - g.tap);
        for (int64_t from = 0; from < in; from += pieces.step_channels) {
            g.channels = min_i64(pieces.step_channels, in - from);
            g.from = b->group * in + from;
            gather_input(&g, &job->in);
            struct matmul m = whole;
            m.a = tile;
            m.lda = g.stride;
            m.depth = g.taps * g.channels;
            m.b = whole.b + (g.tap * in + from) * MM_COLS;
            m.accumulate = g.tap + from > 0;
            if (g.tap + g.taps < pieces.taps || from + g.channels < in) {
                m.bias = m.add = m.sums = NULL;
                m.act = ACT_NONE;
                m.stream = false;
                if (job->y_bf16) m.c = held, m.ldc = m.ldheld, m.c_bf16 = false;
            }
            KERNEL_NAME(matmul)(&m);
        }
    }
}

/* Where no view intervenes, pixels of an output row whose windows lie inside the input are rows of a matrix that
 * overlap in memory: stride_w*C apart, a run of S*C per kernel row. Worth it where such runs are long. */
enum { RUN_ROWS = 28 };
struct inner {
    int64_t first, last; /* output columns whose windows lie inside */
};
static struct inner inner_columns(const struct conv_shape *s) {
    struct inner in = {ceil_div(s->pad_left, s->stride_w), (s->w - s->s + s->pad_left) / s->stride_w + 1};
    if (in.last > s->q) in.last = s->q;
    return in;
}
static bool forward_has_runs(const struct conv_forward *job) {
    const struct conv_shape *s = &job->s;
    struct inner in = inner_columns(s);
    return s->groups == 1 && s->dilation_w == 1 && view_is_identity(&job->in) && s->w >= s->s &&
           in.last - in.first >= RUN_ROWS && !stride_is_bad(s->stride_w * s->c);
}

/* Where the whole depth is one piece, pixels at the edges become such a matrix too: their windows are copied with zeros
 * around them, a register tile of pixels at a time. */
static bool forward_pads(const struct conv_shape *s) {
    struct pieces pieces = pieces_of(s, s->c);
    return pieces.step_taps == pieces.taps && pieces.step_channels == s->c && s->stride_w <= s->s;
}
/* What the output row behind this one reads besides comes while this one is made. (__builtin_prefetch: C has no other
 * word for it.) */
static void forward_ahead(const struct conv_shape *s, const float *x, int64_t top) {
    int64_t from = top + (s->r - 1) * s->dilation_h + 1, to = min_i64(from + s->stride_h, s->h);
    for (int64_t i = from * s->w * s->c; i < to * s->w * s->c; i += 16) __builtin_prefetch(x + i, 0, 2);
}
static void forward_padded(const struct conv_forward *job, const struct forward_block *b, int64_t top, float *tile,
                           struct matmul *m) {
    const struct conv_shape *s = &job->s;
    int64_t left = b->row % s->q * s->stride_w - s->pad_left, columns = (b->rows - 1) * s->stride_w + s->s;
    int64_t width = columns * s->c, begin = left < 0 ? -left * s->c : 0, end = min_i64(columns, s->w - left) * s->c;
    const float *x = (const float *)job->in.x + b->row / (s->q * s->p) * s->h * s->w * s->c;
    if (left < 0 && top >= 0) forward_ahead(s, x, top);
    for (int64_t r = 0, h = top; r < s->r; r++, h += s->dilation_h) {
        float *to = tile + r * width;
        if (h < 0 || h >= s->h || begin >= end) {
            view_zero(to, width);
            continue;
        }
        view_zero(to, begin);
        memcpy(to + begin, x + (h * s->w + left) * s->c + begin, (size_t)(end - begin) * sizeof *to);
        view_zero(to + end, width - end);
    }
    m->a = tile, m->run_stride = width;
}

/* A block in row order: inner runs read in place, the rest padded or gathered. */
static void forward_runs(const struct conv_forward *job, const struct forward_block *b, float *tile) {
    const struct conv_shape *s = &job->s;
    struct inner in = inner_columns(s);
    struct forward_block part = *b;
    bool pads = forward_pads(s);
    for (int64_t row = b->row; row < b->row + b->rows; row += part.rows) {
        int64_t q = row % s->q, p = row / s->q % s->p, n = row / (s->q * s->p), left = b->row + b->rows - row;
        int64_t top = p * s->stride_h - s->pad_top, bottom = top + (s->r - 1) * s->dilation_h;
        bool inside = top >= 0 && bottom < s->h && q >= in.first && q < in.last;
        int64_t until = inside ? in.last : q < in.first && top >= 0 && bottom < s->h ? in.first : s->q;
        if (!inside && pads) until = min_i64(q + MM_ROWS, s->q);
        part.row = row;
        part.rows = min_i64(left, until - q);
        part.first = row == b->row;
        if (!inside && !pads) {
            forward_gathered(job, &part, tile);
            continue;
        }
        struct matmul m = forward_matmul(job, &part);
        m.a = (const float *)job->in.x + ((n * s->h + top) * s->w + q * s->stride_w - s->pad_left) * s->c;
        m.lda = s->stride_w * s->c;
        m.runs = s->r;
        m.run_stride = s->dilation_h * s->w * s->c;
        if (!inside) forward_padded(job, &part, top, tile, &m);
        KERNEL_NAME(matmul)(&m);
    }
}

size_t KERNEL_NAME(conv_rows_scratch)(const struct conv_shape *s) {
    struct pieces pieces = pieces_of(s, s->c / s->groups);
    return (size_t)(BLOCK_ROWS * tile_stride(pieces_width(&pieces))) * sizeof(float);
}

void KERNEL_NAME(conv_rows)(const struct conv_forward *job, int64_t row, int64_t rows, float *tile) {
    bool runs = forward_has_runs(job);
    struct forward_block b = {.cols = job->s.k, .first = true};
    for (b.row = row; b.row < row + rows; b.row += BLOCK_ROWS) {
        b.rows = min_i64(BLOCK_ROWS, row + rows - b.row);
        if (runs)
            forward_runs(job, &b, tile);
        else
            forward_gathered(job, &b, tile);
    }
}

void KERNEL_NAME(conv_forward_run)(const struct conv_forward *job, int64_t tile, void *scratch) {
    if (job->winograd) {
        KERNEL_NAME(winograd_run)(job, tile, scratch);
        return;
    }
    const struct conv_shape *s = &job->s;
    int64_t rows = forward_rows(job), out = s->k / s->groups;
    int64_t splits = ceil_div(out, job->col_tile);
    struct forward_block b = {.group = tile / splits % s->groups, .col = tile % splits * job->col_tile};
    b.cols = min_i64(job->col_tile, out - b.col);
    int64_t begin = tile / (splits * s->groups) * job->row_tile, end = min_i64(rows, begin + job->row_tile);
    bool direct = forward_is_direct(job), runs = !direct && forward_has_runs(job);
    b.first = true;
    for (b.row = begin; b.row < end; b.row += BLOCK_ROWS) {
        b.rows = min_i64(BLOCK_ROWS, end - b.row);
        if (direct) {
            struct matmul m = forward_matmul(job, &b);
            m.a = (const float *)job->in.x + b.row * s->c;
            m.lda = s->c;
            KERNEL_NAME(matmul)(&m);
        } else if (runs) {
            forward_runs(job, &b, scratch);
        } else {
            forward_gathered(job, &b, scratch);
        }
    }
    vstream_end();
}
