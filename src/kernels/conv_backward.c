/* conv_backward.c — the gradients of a convolution by matrix products (per-ISA, libsiskin alone).
 *
 * Pointwise: one walk over blocks of BLOCK_ROWS rows loads dy and the viewed input once and forms both dw += uᵀ·dy
 * and dx = dy·wᵀ. Any other: tiles of dx (which gather dy; where strides leave gaps, only what falls on a pixel) and
 * tiles of dw (which gather the input). Weight gradients are summed in conv_chunks parts, each a chain over its rows, so
 * that no tiling changes a bit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/im2col.h"
#include "kernels/variants.h"

enum {
    TILES_A_THREAD = 2,
    REDUCE_TILE = 1 << 14,
    SUM_FLOATS = 192 << 10, /* of weights that a tile adds to, block after block: they stay in L2 */
};

static int64_t output_rows(const struct conv_shape *s) {
    return s->n * s->p * s->q;
}
static int64_t input_rows(const struct conv_shape *s) {
    return s->n * s->h * s->w;
}
static bool wants_weights(const struct conv_backward *job) {
    return job->dw || job->dbias;
}
static int64_t weight_count(const struct conv_shape *s) {
    return conv_depth(s) * s->k;
}

/* Where a chunk's sums go: straight to the result where there is but one. */
static float *dw_part(const struct conv_backward *job, int64_t chunk) {
    bool only = conv_chunks(output_rows(&job->s)) == 1;
    return only ? job->dw : job->dw_parts + chunk * weight_count(&job->s);
}
static float *dbias_part(const struct conv_backward *job, int64_t chunk) {
    bool only = conv_chunks(output_rows(&job->s)) == 1;
    return only ? job->dbias : job->dbias_parts + chunk * job->s.k;
}

/* First row of chunk `index` of `chunks`: whole blocks, spread evenly, none empty. */
static int64_t chunk_row(int64_t rows, int64_t chunks, int64_t index) {
    return min_i64(rows, conv_blocks(rows) * index / chunks * BLOCK_ROWS);
}

/* ---- plan ---- */

static int64_t piece_count(const struct pieces *p) {
    return ceil_div(p->taps, p->step_taps) * ceil_div(p->channels, p->step_channels);
}

static size_t plan_pointwise(struct conv_backward *job, int threads) {
    const struct conv_shape *s = &job->s;
    int64_t rows = output_rows(s), panels = ceil_div(s->c, MM_COLS);
    int64_t parts = wants_weights(job) ? conv_chunks(rows) : conv_blocks(rows);
    int64_t want = threads > 1 ? (int64_t)threads * TILES_A_THREAD : 1;
    int64_t splits = ceil_div(want, parts), fitting = job->dw ? ceil_div(s->c * s->k, SUM_FLOATS) : 1;
    splits = min_i64(panels, splits > fitting ? splits : fitting);
    job->col_tile = ceil_div(panels, splits) * MM_COLS;
    job->dx_tiles = 0;
    job->dw_tiles = parts;
    job->tiles = parts * ceil_div(s->c, job->col_tile);
    return (size_t)(BLOCK_ROWS * (tile_stride(s->k) + tile_stride(min_i64(job->col_tile, s->c)))) * sizeof(float);
}

/* Floats between the rows of a tile that holds sums over a part of the depth in f32, where dx is bf16. */
static int64_t held_stride(const struct conv_backward *job) {
    return job->dx_bf16 ? tile_stride(min_i64(job->col_tile, job->s.c / job->s.groups)) : 0;
}

/* Strided: pixels of one remainder by the strides meet the same taps, and only those are multiplied. */
static bool has_phases(const struct conv_shape *s) {
    return s->stride_h > 1 || s->stride_w > 1;
}

/* What dx_phases needs: gathered gradients of one tap, the products of one phase, and those of the block in row order. */
static int64_t phases_width(const struct conv_backward *job) {
    const struct conv_shape *s = &job->s;
    int64_t gathered = tile_stride(min_i64(s->k / s->groups, PIECE_DEPTH));
    return gathered + 2 * tile_stride(min_i64(job->col_tile, s->c / s->groups));
}

static size_t plan_general(struct conv_backward *job, int threads) {
    const struct conv_shape *s = &job->s;
    int64_t want = threads > 1 ? (int64_t)threads * TILES_A_THREAD : 1;
    int64_t in = s->c / s->groups, out = s->k / s->groups, panels = ceil_div(in, MM_COLS);
    struct pieces dx_pieces = pieces_of(s, out), dw_pieces = pieces_of(s, in);
    int64_t blocks = conv_blocks(input_rows(s)) * s->groups;
    job->col_tile = ceil_div(panels, min_i64(panels, ceil_div(want, blocks))) * MM_COLS;
    job->dx_tiles = job->dx ? blocks * ceil_div(in, job->col_tile) : 0;
    int64_t chunks = conv_chunks(output_rows(s)), units = s->groups * piece_count(&dw_pieces);
    job->dw_tiles = wants_weights(job) ? chunks * min_i64(units, ceil_div(want, chunks)) : 0;
    job->tiles = job->dx_tiles + job->dw_tiles;
    int64_t dx_width =
        has_phases(s) ? phases_width(job) : tile_stride(pieces_width(&dx_pieces)) + held_stride(job);
    int64_t dw_width = tile_stride(pieces_width(&dw_pieces)) + tile_stride(out);
    return (size_t)(BLOCK_ROWS * (dx_width > dw_width ? dx_width : dw_width)) * sizeof(float);
}

size_t KERNEL_NAME(conv_backward_plan)(struct conv_backward *job, int threads) {
    bool parts = conv_chunks(output_rows(&job->s)) > 1;
    job->reduce_tiles =
        !parts ? 0 : (job->dw ? ceil_div(weight_count(&job->s), REDUCE_TILE) : 0) + (job->dbias != NULL);
    return conv_is_pointwise(&job->s) ? plan_pointwise(job, threads) : plan_general(job, threads);
}

/* ---- parts of both walks ---- */

/* A tile of rows: from scratch, or where they lie. */
struct rows_view {
    const float *data;
    int64_t stride;
};

/* Rows row … row + rows of the output gradient, channels from … from + count. */
static struct rows_view load_gradient(const struct conv_backward *job, int64_t row, int64_t rows, int64_t from,
                                      int64_t count, float *tile) {
    int64_t k = job->s.k, stride = tile_stride(count);
    if (grad_is_identity(&job->dy) && !stride_is_bad(k)) 
        return (struct rows_view){(const float *)job->dy.g + row * k + from, k};
    for (int64_t i = 0; i < rows; i++) grad_load_row(&job->dy, (row + i) * k + from, tile + i * stride, from, count);
    return (struct rows_view){tile, stride};
}

/* The same of the viewed input of a pointwise convolution. */
static struct rows_view load_input(const struct conv_backward *job, int64_t row, int64_t rows, int64_t from,
                                   int64_t count, float *tile) {
    int64_t c = job->s.c, stride = tile_stride(count);
    int64_t at = row * c + from;
    if (view_is_identity(&job->in) && !stride_is_bad(c)) return (struct rows_view){(const float *)job->in.x + at, c};
    for (int64_t i = 0; i < rows; i++) view_load_row(&job->in, at + i * c, tile + i * stride, from, count);
    return (struct rows_view){tile, stride};
}

/* dbias_parts[chunk] (+)= sums of the tile: blocks in f32, added in order. */
static void add_bias(const struct conv_backward *job, int64_t chunk, bool first, int64_t rows, struct rows_view dy,
                     int64_t from, int64_t count) {
    float *part = dbias_part(job, chunk) + from;
    for (int64_t j = 0; j < count; j += VL) {
        float sums[VL];
        int n = (int)min_i64(VL, count - j);
        view_sums(rows, n, dy.data + j, dy.stride, sums);
        vf sum = vload_n(sums, n);
        vstore_n(part + j, first ? sum : vadd(vload_n(part + j, n), sum), n);
    }
}

/* What ends a product that gives rows row …, channels `from` … of dx: add, mask, sums. */
static void end_dx(const struct conv_backward *job, struct matmul *m, int64_t row, int64_t from) {
    const struct load_view *in = &job->in;
    int64_t c = job->s.c;
    m->act = in->act;
    m->add = stored_at(job->add, job->add_bf16, row * c + from);
    m->ldadd = c, m->add_bf16 = job->add && job->add_bf16;
    m->x = in->act != ACT_NONE || job->sums ? stored_at(in->x, in->bf16, row * c + from) : NULL;
    m->ldx = c, m->x_bf16 = m->x && in->bf16;
    m->c = stored_to(job->dx, job->dx_bf16, row * c + from);
    m->ldc = c, m->c_bf16 = job->dx_bf16;
    m->scale = in->scale ? in->scale + from : NULL;
    m->shift = in->scale ? in->shift + from : NULL;
    m->sums = job->sums ? job->sums + row / BLOCK_ROWS * 2 * c + from : NULL;
    m->ldsums = c;
    m->stream = stream_pays(job->dx, job->dx_bf16, input_rows(&job->s), c, from);
}

/* ---- pointwise: one walk ---- */

static void pointwise_run(const struct conv_backward *job, int64_t tile, float *scratch) {
    const struct conv_shape *s = &job->s;
    int64_t rows = output_rows(s), splits = ceil_div(s->c, job->col_tile), chunk = tile / splits;
    int64_t col = tile % splits * job->col_tile, cols = min_i64(job->col_tile, s->c - col);
    int64_t begin = chunk_row(rows, job->dw_tiles, chunk), end = chunk_row(rows, job->dw_tiles, chunk + 1);
    float *input_tile = scratch + BLOCK_ROWS * tile_stride(s->k);
    for (int64_t row = begin; row < end; row += BLOCK_ROWS) {
        int64_t count = min_i64(BLOCK_ROWS, end - row);
        struct rows_view dy = load_gradient(job, row, count, 0, s->k, scratch);
        if (job->dbias && col == 0) add_bias(job, chunk, row == begin, count, dy, 0, s->k);
        if (job->dw) {
            struct rows_view u = load_input(job, row, count, col, cols, input_tile);
            KERNEL_NAME(matmul_transposed)
            (&(struct matmul_transposed){.rows = count,
                                         .c = cols,
                                         .k = s->k,
                                         .u = u.data,
                                         .ldu = u.stride,
                                         .d = dy.data,
                                         .ldd = dy.stride,
                                         .w = dw_part(job, chunk) + col * s->k,
                                         .ldw = s->k,
                                         .from_zero = row == begin});
        }
        if (job->dx) {
            struct matmul m = {.rows = count,
                               .depth = s->k,
                               .cols = cols,
                               .a = dy.data,
                               .lda = dy.stride,
                               .b = job->packed + matmul_panel(s->k, col)};
            end_dx(job, &m, row, col);
            KERNEL_NAME(matmul)(&m);
        }
    }
    vstream_end();
}

/* ---- any other: dx gathers the gradient, dw the input ---- */

static void dx_run(const struct conv_backward *job, int64_t tile, float *scratch) {
    const struct conv_shape *s = &job->s;
    int64_t in = s->c / s->groups, out = s->k / s->groups, depth = (int64_t)s->r * s->s * out;
    int64_t splits = ceil_div(in, job->col_tile), group = tile / splits % s->groups;
    int64_t col = tile % splits * job->col_tile, at = group * in + col, row = tile / (splits * s->groups) * BLOCK_ROWS;
    struct pieces pieces = pieces_of(s, out);
    struct gather g = {.s = s,
                       .row = row,
                       .rows = min_i64(BLOCK_ROWS, input_rows(s) - row),
                       .tile = scratch,
                       .stride = tile_stride(pieces_width(&pieces))};
    float *held = scratch + BLOCK_ROWS * g.stride; /* the sums so far, where dx is bf16 */
    struct matmul m = {.rows = g.rows,
                       .cols = min_i64(job->col_tile, in - col),
                       .a = scratch,
                       .lda = g.stride,
                       .panel_depth = depth,
                       .c = job->dx_bf16 ? held : (float *)job->dx + row * s->c + at,
                       .ldc = job->dx_bf16 ? held_stride(job) : s->c,
                       .held = job->dx_bf16 ? held : NULL,
                       .ldheld = held_stride(job)};
    const float *packed = job->packed + group * matmul_packed(depth, in) + matmul_panel(depth, col);
    for (g.tap = 0; g.tap < pieces.taps; g.tap += pieces.step_taps) {
        g.taps = min_i64(pieces.step_taps, pieces.taps - g.tap);
        for (int64_t from = 0; from < out; from += pieces.step_channels) {
            g.channels = min_i64(pieces.step_channels, out - from);
            g.from = group * out + from;
            gather_gradient(&g, &job->dy);
            bool last = g.tap + g.taps == pieces.taps && from + g.channels == out;
            m.depth = g.taps * g.channels;
            m.b = packed + (g.tap * out + from) * MM_COLS;
            m.accumulate = g.tap + from > 0;
            if (last) end_dx(job, &m, row, at);
            KERNEL_NAME(matmul)(&m);
        }
    }
    vstream_end();
}

/* The same for strides: a block of dx, phase by phase. A phase's rows lie side by side while its taps are added up. */
struct dx_block {
    int64_t row, rows, group, col, cols;
    const float *packed; /* of the group, from column `col` on */
    float *gathered, *part, *whole;
    int64_t gathered_stride, stride; /* of part and whole */
    int64_t of[BLOCK_ROWS], count;   /* rows of the phase, in the block */
};

static int64_t remainder_of(int64_t at, int64_t stride) {
    return (at % stride + stride) % stride;
}

/* The gradient's rows that tap (r, t) brings to the phase's rows, channels from … from + channels. */
static void gather_tap(const struct conv_backward *job, const struct dx_block *b, int r, int t, int64_t from,
                       int64_t channels) {
    const struct conv_shape *s = &job->s;
    for (int64_t i = 0; i < b->count; i++) {
        int64_t pixel = b->row + b->of[i], n = pixel / (s->h * s->w), h = pixel / s->w % s->h, w = pixel % s->w;
        int64_t y = h + s->pad_top - r * s->dilation_h, x = w + s->pad_left - t * s->dilation_w;
        int64_t p = y / s->stride_h, q = x / s->stride_w;
        float *to = b->gathered + i * b->gathered_stride;
        if (y < 0 || x < 0 || p >= s->p || q >= s->q)
            view_zero(to, channels);
        else
            grad_load_row(&job->dy, ((n * s->p + p) * s->q + q) * s->k + from, to, from, channels);
    }
}

/* Whether any tap reaches the phase; then part holds its sums. */
static bool add_taps(const struct conv_backward *job, const struct dx_block *b, int64_t down, int64_t across) {
    const struct conv_shape *s = &job->s;
    int64_t out = s->k / s->groups, depth = (int64_t)s->r * s->s * out;
    struct matmul m = {.rows = b->count,
                       .cols = b->cols,
                       .a = b->gathered,
                       .lda = b->gathered_stride,
                       .panel_depth = depth,
                       .c = b->part,
                       .ldc = b->stride};
    for (int tap = 0; tap < s->r * s->s; tap++) {
        int r = tap / s->s, t = tap % s->s;
        if ((int64_t)r * s->dilation_h % s->stride_h != down || (int64_t)t * s->dilation_w % s->stride_w != across) continue;
        for (int64_t from = 0; from < out; from += m.depth) {
            m.depth = min_i64(PIECE_DEPTH, out - from);
            gather_tap(job, b, r, t, b->group * out + from, m.depth);
            m.b = b->packed + (tap * out + from) * MM_COLS;
            KERNEL_NAME(matmul)(&m);
            m.accumulate = true;
        }
    }
    return m.accumulate;
}

static void dx_phase(const struct conv_backward *job, struct dx_block *b, int64_t phase) {
    const struct conv_shape *s = &job->s;
    int64_t down = phase / s->stride_w, across = phase % s->stride_w;
    b->count = 0;
    for (int64_t i = 0; i < b->rows; i++) {
        int64_t h = (b->row + i) / s->w % s->h, w = (b->row + i) % s->w;
        bool mine = remainder_of(h + s->pad_top, s->stride_h) == down && remainder_of(w + s->pad_left, s->stride_w) == across;
        if (mine) b->of[b->count++] = i;
    }
    if (!b->count) return;
    bool any = add_taps(job, b, down, across);
    for (int64_t i = 0; i < b->count; i++) {
        float *to = b->whole + b->of[i] * b->stride;
        if (any)
            memcpy(to, b->part + i * b->stride, (size_t)b->cols * sizeof *to);
        else
            view_zero(to, b->cols);
    }
}

static void dx_phases(const struct conv_backward *job, int64_t tile, float *scratch) {
    const struct conv_shape *s = &job->s;
    int64_t in = s->c / s->groups, out = s->k / s->groups, depth = (int64_t)s->r * s->s * out;
    int64_t splits = ceil_div(in, job->col_tile);
    struct dx_block b = {.row = tile / (splits * s->groups) * BLOCK_ROWS,
                         .group = tile / splits % s->groups,
                         .col = tile % splits * job->col_tile,
                         .gathered = scratch,
                         .gathered_stride = tile_stride(min_i64(out, PIECE_DEPTH)),
                         .stride = tile_stride(min_i64(job->col_tile, in))};
    b.rows = min_i64(BLOCK_ROWS, input_rows(s) - b.row);
    b.cols = min_i64(job->col_tile, in - b.col);
    b.packed = job->packed + b.group * matmul_packed(depth, in) + matmul_panel(depth, b.col);
    b.part = scratch + BLOCK_ROWS * b.gathered_stride;
    b.whole = b.part + BLOCK_ROWS * b.stride;
    for (int64_t phase = 0; phase < (int64_t)s->stride_h * s->stride_w; phase++) dx_phase(job, &b, phase);
    /* No depth is left: what follows the sums, of sums that are there. */
    struct matmul m = {.rows = b.rows,
                       .cols = b.cols,
                       .a = scratch,
                       .b = b.packed,
                       .panel_depth = depth,
                       .accumulate = true,
                       .held = b.whole,
                       .ldheld = b.stride};
    end_dx(job, &m, b.row, b.group * in + b.col);
    KERNEL_NAME(matmul)(&m);
    vstream_end();
}

/* One piece of one group's depth, over the rows of a chunk. */
static void dw_unit(const struct conv_backward *job, int64_t chunk, int64_t unit, float *scratch) {
    const struct conv_shape *s = &job->s;
    int64_t in = s->c / s->groups, out = s->k / s->groups, rows = output_rows(s), chunks = conv_chunks(rows);
    struct pieces pieces = pieces_of(s, in);
    int64_t across = ceil_div(in, pieces.step_channels), count = piece_count(&pieces);
    int64_t group = unit / count, piece = unit % count, from = piece % across * pieces.step_channels;
    struct gather g = {.s = s,
                       .tap = piece / across * pieces.step_taps,
                       .channels = min_i64(pieces.step_channels, in - from),
                       .from = group * in + from,
                       .tile = scratch,
                       .stride = tile_stride(pieces_width(&pieces))};
    g.taps = min_i64(pieces.step_taps, pieces.taps - g.tap);
    int64_t begin = chunk_row(rows, chunks, chunk), end = chunk_row(rows, chunks, chunk + 1);
    float *part = job->dw ? dw_part(job, chunk) + (g.tap * in + from) * s->k + group * out : NULL;
    for (g.row = begin; g.row < end; g.row += BLOCK_ROWS) {
        g.rows = min_i64(BLOCK_ROWS, end - g.row);
        struct rows_view dy = load_gradient(job, g.row, g.rows, group * out, out, scratch + BLOCK_ROWS * g.stride);
        if (job->dbias && piece == 0) add_bias(job, chunk, g.row == begin, g.rows, dy, group * out, out);
        if (!job->dw) continue;
        gather_input(&g, &job->in);
        KERNEL_NAME(matmul_transposed)
        (&(struct matmul_transposed){.rows = g.rows,
                                     .c = g.taps * g.channels,
                                     .k = out,
                                     .u = scratch,
                                     .ldu = g.stride,
                                     .d = dy.data,
                                     .ldd = dy.stride,
                                     .w = part,
                                     .ldw = s->k,
                                     .from_zero = g.row == begin});
    }
}

static void dw_run(const struct conv_backward *job, int64_t tile, float *scratch) {
    const struct conv_shape *s = &job->s;
    struct pieces pieces = pieces_of(s, s->c / s->groups);
    int64_t chunks = conv_chunks(output_rows(s)), splits = job->dw_tiles / chunks;
    int64_t units = s->groups * piece_count(&pieces), chunk = tile / splits, split = tile % splits;
    for (int64_t u = units * split / splits; u < units * (split + 1) / splits; u++) dw_unit(job, chunk, u, scratch);
}

void KERNEL_NAME(conv_backward_run)(const struct conv_backward *job, int64_t tile, void *scratch) {
    if (conv_is_pointwise(&job->s))
        pointwise_run(job, tile, scratch);
    else if (tile < job->dx_tiles && has_phases(&job->s))
        dx_phases(job, tile, scratch);
    else if (tile < job->dx_tiles)
        dx_run(job, tile, scratch);
    else
        dw_run(job, tile - job->dx_tiles, scratch);
}

/* ---- the merge of the parts, in index order ---- */

static void merge_parts(const float *parts, int64_t chunks, int64_t size, int64_t begin, int64_t end, float *to) {
    for (int64_t i = begin; i < end; i += VL) {
        int n = (int)min_i64(VL, end - i);
        vf sum = vload_n(parts + i, n);
        for (int64_t k = 1; k < chunks; k++) sum = vadd(sum, vload_n(parts + k * size + i, n));
        vstore_n(to + i, sum, n);
    }
}

void KERNEL_NAME(conv_backward_reduce)(const struct conv_backward *job, int64_t tile) {
    const struct conv_shape *s = &job->s;
    int64_t chunks = conv_chunks(output_rows(s)), size = weight_count(s);
    int64_t begin = tile * REDUCE_TILE;
    if (job->dw && begin < size) {
        merge_parts(job->dw_parts, chunks, size, begin, min_i64(size, begin + REDUCE_TILE), job->dw);
    } else {
        merge_parts(job->dbias_parts, chunks, s->k, 0, s->k, job->dbias);
    }
}
