/* winograd.c — 3x3 convolutions by Winograd's transforms (per-ISA: compiled once per level).
 *
 * A tile of the job takes some tiles of the output, m x m pixels each, through it all: inputs to points (V), for every panel
 * of output channels weights to points (U) and a matrix product at each point (V·U = M), and from points to outputs. V, U
 * and M stay in L2. Weights are kept as they are and transformed on their way: kept transformed they would take up to four
 * times the memory, and for a few pictures longer to read than to make. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/winograd.h"

#include "kernels/im2col.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum {
    SIDE_MOST = 6,
    POINTS_BYTES = 1 << 20, /* of V */
};

/* ---- how it is laid out ---- */

struct winograd {
    int m, side;
    int64_t down, across, count; /* tiles of an image, and in all */
    int64_t stride, point;       /* floats of V: between rows (tiles), between points */
    int64_t sums, weights;       /* floats of M and U between points; their rows are MM_COLS apart */
};

/* An odd number of lines: points lie in different sets of L1. */
static int64_t odd_lines(int64_t floats) {
    return ((floats + 15) / 16 | 1) * 16;
}

static struct winograd winograd_of(const struct conv_forward *job) {
    struct winograd g = {.m = job->winograd, .side = job->winograd + 2};
    g.down = ceil_div(job->s.p, g.m), g.across = ceil_div(job->s.q, g.m);
    g.count = job->s.n * g.down * g.across;
    g.stride = tile_stride(job->s.c);
    g.point = odd_lines(job->row_tile * g.stride);
    g.sums = odd_lines(job->row_tile * MM_COLS);
    g.weights = odd_lines(job->s.c * MM_COLS);
    return g;
}

/* Threads share out blocks or columns: a block transforms its panels' weights, a range of columns its tiles' inputs, so what
 * there is less of is done twice. */
size_t KERNEL_NAME(winograd_plan)(struct conv_forward *job, int threads) {
    const struct conv_shape *s = &job->s;
    job->row_tile = MM_ROWS;
    struct winograd g = winograd_of(job);
    int64_t points = (int64_t)g.side * g.side, panels = ceil_div(s->k, MM_COLS), splits = 1;
    int64_t most = POINTS_BYTES / (points * g.stride * (int64_t)sizeof(float)) / MM_ROWS * MM_ROWS;
    int64_t blocks = ceil_div(g.count, most < MM_ROWS ? MM_ROWS : most);
    if (blocks < threads && 2 * g.count >= s->k) blocks = threads;
    if (blocks < threads) splits = min_i64(panels, ceil_div(threads, blocks));
    job->row_tile = ceil_div(ceil_div(g.count, blocks), MM_ROWS) * MM_ROWS;
    job->col_tile = ceil_div(panels, splits) * MM_COLS;
    job->tiles = ceil_div(g.count, job->row_tile) * ceil_div(s->k, job->col_tile);
    g = winograd_of(job);
    return (size_t)(points * (g.point + g.sums + g.weights) + tile_stride(s->c)) * sizeof(float);
}

/* ---- weights: U = G·g·Gᵀ ---- */

INLINE void to_weights_2(const vf *x, vf *to) {
    vf half = vset(0.5f), ends = vadd(x[0], x[2]);
    to[0] = x[0];
    to[1] = vmul(half, vadd(ends, x[1]));
    to[2] = vmul(half, vsub(ends, x[1]));
    to[3] = x[2];
}

INLINE void to_weights_4(const vf *x, vf *to) {
    vf sixth = vset(-1.0f / 6), ends = vadd(x[0], x[2]), odd = vmul(vset(1.0f / 12), x[1]);
    vf even = vfma(vset(1.0f / 24), x[0], vmul(vset(1.0f / 6), x[2]));
    to[0] = vmul(vset(0.25f), x[0]);
    to[1] = vmul(sixth, vadd(ends, x[1]));
    to[2] = vmul(sixth, vsub(ends, x[1]));
    to[3] = vadd(even, odd);
    to[4] = vsub(even, odd);
    to[5] = x[2];
}

INLINE void to_weights(int side, const vf *x, vf *to) {
    if (side == 4)
        to_weights_2(x, to);
    else
        to_weights_4(x, to);
}

/* A panel [tap][c][MM_COLS] to [point][c][MM_COLS], points `point` floats apart. */
INLINE void weights_of(int side, const float *from, int64_t channels, float *to, int64_t point) {
    int64_t tap = channels * MM_COLS;
    for (int64_t j = 0; j < tap; j += VL) {
        vf half[SIDE_MOST * 3], made[SIDE_MOST];
        UNROLL for (int t = 0; t < 3; t++) {
            const vf x[3] = {vload(from + j + t * tap), vload(from + j + (3 + t) * tap), vload(from + j + (6 + t) * tap)};
            to_weights(side, x, made);
            UNROLL for (int i = 0; i < side; i++) half[i * 3 + t] = made[i];
        }
        UNROLL for (int i = 0; i < side; i++) {
            to_weights(side, half + i * 3, made);
            UNROLL for (int k = 0; k < side; k++) vstore(to + (i * side + k) * point + j, made[k]);
        }
    }
}

/* ---- from pixels to points: V = Bᵀ·x·B ---- */

INLINE void to_points_2(const vf *x, vf *to) {
    to[0] = vsub(x[0], x[2]);
    to[1] = vadd(x[1], x[2]);
    to[2] = vsub(x[2], x[1]);
    to[3] = vsub(x[1], x[3]);
}

INLINE void to_points_4(const vf *x, vf *to) {
    vf x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4];
    vf four = vset(4.0f), two = vset(2.0f), five = vset(-5.0f);
    vf even = vfma(vset(-4.0f), x2, x4), odd = vfma(vset(-4.0f), x1, x3);
    vf even2 = vsub(x4, x2), odd2 = vmul(two, vsub(x3, x1));
    to[0] = vfma(four, x[0], vfma(five, x2, x4));
    to[1] = vadd(even, odd);
    to[2] = vsub(even, odd);
    to[3] = vadd(even2, odd2);
    to[4] = vsub(even2, odd2);
    to[5] = vfma(four, x1, vfma(five, x3, x[5]));
}

INLINE void to_points(int side, const vf *x, vf *to) {
    if (side == 4)
        to_points_2(x, to);
    else
        to_points_4(x, to);
}

/* One vector of channels of a tile whose pixels lie at from[]. */
INLINE void points_of(int side, const float *const *from, int64_t c, int lanes, float *to, int64_t point) {
    vf half[SIDE_MOST * SIDE_MOST], x[SIDE_MOST], made[SIDE_MOST];
    UNROLL for (int j = 0; j < side; j++) {
        UNROLL for (int i = 0; i < side; i++) {
            const float *at = from[i * side + j] + c;
            x[i] = lanes == VL ? vload(at) : vload_n(at, lanes);
        }
        to_points(side, x, made);
        UNROLL for (int i = 0; i < side; i++) half[i * side + j] = made[i];
    }
    UNROLL for (int i = 0; i < side; i++) {
        to_points(side, half + i * side, made);
        UNROLL for (int j = 0; j < side; j++) {
            float *at = to + (i * side + j) * point + c;
            if (lanes == VL)
                vstore(at, made[j]);
            else
                vstore_n(at, made[j], lanes);
        }
    }
}

/* Output tile number `tile`: its image and first output pixel. */
struct place {
    int64_t n, p, q;
};
static struct place place_of(const struct winograd *g, int64_t tile) {
    return (struct place){tile / (g->down * g->across), tile / g->across % g->down * g->m, tile % g->across * g->m};
}

INLINE void input_tile(const struct conv_forward *job, const struct winograd *g, int side, int64_t tile,
                       const float *zeros, float *to) {
    const struct conv_shape *s = &job->s;
    struct place at = place_of(g, tile);
    const float *from[SIDE_MOST * SIDE_MOST], *x = (const float *)job->in.x + at.n * s->h * s->w * s->c;
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            int64_t h = at.p - s->pad_top + i, w = at.q - s->pad_left + j;
            bool inside = h >= 0 && h < s->h && w >= 0 && w < s->w;
            from[i * side + j] = inside ? x + (h * s->w + w) * s->c : zeros;
        }
    int64_t c = 0;
    for (; c + VL <= s->c; c += VL) points_of(side, from, c, VL, to, g->point);
    if (c < s->c) points_of(side, from, c, (int)(s->c - c), to, g->point);
}

/* ---- from points to pixels: y = Aᵀ·M·A ---- */

INLINE void to_pixels_2(const vf *x, vf *to) {
    to[0] = vadd(vadd(x[0], x[1]), x[2]);
    to[1] = vsub(vsub(x[1], x[2]), x[3]);
}

INLINE void to_pixels_4(const vf *x, vf *to) {
    vf sum = vadd(x[1], x[2]), minus = vsub(x[1], x[2]);
    vf sum2 = vadd(x[3], x[4]), minus2 = vsub(x[3], x[4]);
    to[0] = vadd(vadd(x[0], sum), sum2);
    to[1] = vfma(vset(2.0f), minus2, minus);
    to[2] = vfma(vset(4.0f), sum2, sum);
    to[3] = vadd(vfma(vset(8.0f), minus2, minus), x[5]);
}

INLINE void to_pixels(int side, const vf *x, vf *to) {
    if (side == 4)
        to_pixels_2(x, to);
    else
        to_pixels_4(x, to);
}

/* What follows the sums, at element `at` of y. */
INLINE void finish(const struct conv_forward *job, vf sum, vf bias, int64_t at, int lanes) {
    vf low = vset(act_low(job->act)), high = vset(act_high(job->act));
    float *y = (float *)job->y + at;
    sum = vadd(sum, bias);
    if (job->act != ACT_NONE && !job->add_first) sum = vclamp(sum, low, high);
    if (job->add) sum = vadd(sum, lanes == VL ? vload(job->add + at) : vload_n(job->add + at, lanes));
    if (job->act != ACT_NONE && job->add_first) sum = vclamp(sum, low, high);
    if (lanes == VL)
        vstore(y, sum);
    else
        vstore_n(y, sum, lanes);
}

/* One vector of output channels k … of the output tile at `place`; from: its sums. */
INLINE void pixels_of(const struct conv_forward *job, const struct winograd *g, int side, struct place place, int64_t k,
                      int lanes, const float *from) {
    const struct conv_shape *s = &job->s;
    vf half[SIDE_MOST * SIDE_MOST], x[SIDE_MOST], made[SIDE_MOST];
    int m = side - 2;
    UNROLL for (int j = 0; j < side; j++) {
        UNROLL for (int i = 0; i < side; i++) x[i] = vload(from + (i * side + j) * g->sums);
        to_pixels(side, x, made);
        UNROLL for (int i = 0; i < m; i++) half[i * side + j] = made[i];
    }
    vf bias = !job->bias ? vzero() : lanes == VL ? vload(job->bias + k) : vload_n(job->bias + k, lanes);
    UNROLL for (int i = 0; i < m; i++) {
        to_pixels(side, half + i * side, made);
        int64_t p = place.p + i, at = ((place.n * s->p + p) * s->q + place.q) * s->k + k;
        if (p >= s->p) break;
        UNROLL for (int j = 0; j < m; j++)
            if (place.q + j < s->q) finish(job, made[j], bias, at + j * s->k, lanes);
    }
}

INLINE void output_tile(const struct conv_forward *job, const struct winograd *g, int side, int64_t tile, int64_t col,
                        const float *from) {
    struct place place = place_of(g, tile);
    for (int v = 0; v < 2; v++) {
        int64_t k = col + v * VL, left = job->s.k - k;
        if (left >= VL)
            pixels_of(job, g, side, place, k, VL, from + v * VL);
        else if (left > 0)
            pixels_of(job, g, side, place, k, (int)left, from + v * VL);
    }
}

/* ---- a tile of the job ---- */

INLINE void run_block(const struct conv_forward *job, const struct winograd *g, int side, int64_t first, int64_t rows,
                      int64_t cols[2], float *scratch) {
    int64_t points = (int64_t)side * side, c = job->s.c;
    float *values = scratch, *sums = values + points * g->point, *weights = sums + points * g->sums;
    float *zeros = weights + points * g->weights;
    view_zero(zeros, c);
    for (int64_t i = 0; i < rows; i++) input_tile(job, g, side, first + i, zeros, values + i * g->stride);
    for (int64_t col = cols[0]; col < cols[1]; col += MM_COLS) {
        weights_of(side, job->packed + matmul_panel(9 * c, col), c, weights, g->weights);
        for (int64_t e = 0; e < points; e++) {
            struct matmul m = {.rows = rows,
                               .depth = c,
                               .cols = MM_COLS,
                               .a = values + e * g->point,
                               .lda = g->stride,
                               .b = weights + e * g->weights,
                               .c = sums + e * g->sums,
                               .ldc = MM_COLS};
            KERNEL_NAME(matmul)(&m);
        }
        for (int64_t i = 0; i < rows; i++) output_tile(job, g, side, first + i, col, sums + i * MM_COLS);
    }
}

void KERNEL_NAME(winograd_run)(const struct conv_forward *job, int64_t tile, void *scratch) {
    struct winograd g = winograd_of(job);
    int64_t splits = ceil_div(job->s.k, job->col_tile), first = tile / splits * job->row_tile;
    int64_t rows = min_i64(job->row_tile, g.count - first), col = tile % splits * job->col_tile;
    int64_t cols[2] = {col, min_i64(job->s.k, col + job->col_tile)};
    if (g.side == 4)
        run_block(job, &g, 4, first, rows, cols, scratch);
    else
        run_block(job, &g, 6, first, rows, cols, scratch);
}
