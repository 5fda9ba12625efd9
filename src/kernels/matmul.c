/* matmul.c — the register tiles of matmul.h (per-ISA: compiled once per level).
 *
 * A tile is MM_ROWS x two vectors: accumulators fill the registers, a step of depth costs two vector loads and
 * one broadcast per row. Row tails are the same code for fewer rows (the row count is a constant in each
 * instance), column tails the same code with masked ends, or with half a vector where that is enough. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul_tile.h"
#include "kernels/stored.h"

/* ---- C = A·B ---- */

/* The sums of a tile: whole vectors of columns, and half a one behind them. */
struct mm_sums {
    vf whole[2][MM_ROWS];
    vh half[MM_ROWS];
};

/* One depth step: row i lies at group i / 3 plus 0, 1 or 2 strides, so that six addresses serve all rows. */
INLINE void mm_step(struct mm_sums *acc, const float *const *a, int64_t lda, int64_t d, const float *b, int rows,
                    int vectors, bool half) {
    vf b0 = vectors > 0 ? vload(b) : vzero(), b1 = vectors > 1 ? vload(b + VL) : vzero();
    vh b2 = half ? vhload(b + vectors * VL) : vhzero();
    UNROLL for (int i = 0; i < rows; i++) {
        float scalar = a[i / 3][(i % 3) * lda + d];
        if (vectors > 0) {
            vf x = vset(scalar);
            acc->whole[0][i] = vfma(x, b0, acc->whole[0][i]);
            if (vectors > 1) acc->whole[1][i] = vfma(x, b1, acc->whole[1][i]);
        }
        if (half) acc->half[i] = vhfma(scalar, b2, acc->half[i]);
    }
}

/* One vector of columns of a tile, at column `at`: what follows the sum. bf16: of all tensors but A and B. */
INLINE void mm_forward(const struct matmul *m, vf *c, int64_t row, int64_t at, int rows, int lanes,
                       enum stored_form form) {
    vf low = vset(act_low(m->act)), high = vset(act_high(m->act));
    if (m->bias) {
        vf bias = vload_lanes(m->bias + at, lanes);
        UNROLL for (int i = 0; i < rows; i++) c[i] = vadd(c[i], bias);
    }
    if (m->act == ACT_HARDSWISH && !m->add_first) {
        UNROLL for (int i = 0; i < rows; i++) c[i] = act_value_of(ACT_HARDSWISH, c[i]);
    } else if (m->act == ACT_RELU && !m->add_first) {
        UNROLL for (int i = 0; i < rows; i++) c[i] = vmax(low, c[i]); /* the clamp, whose upper end is infinite */
    } else if (m->act != ACT_NONE && !m->add_first) {
        UNROLL for (int i = 0; i < rows; i++) c[i] = vclamp(c[i], low, high);
    }
    if (m->add) {
        UNROLL for (int i = 0; i < rows; i++) c[i] =
            vadd(c[i], stored_load(m->add, form != STORED_F32, (row + i) * m->ldadd + at, lanes));
    }
    if (m->act != ACT_NONE && m->add_first) {
        UNROLL for (int i = 0; i < rows; i++) c[i] = vclamp(c[i], low, high);
    }
    UNROLL for (int i = 0; i < rows; i++) c[i] = stored_round_as(c[i], form);
    if (!m->sums) return;
    float *sums = m->sums + at;
    bool first = row == 0 && !m->sums_go_on;
    vf sum = first ? vzero() : vload_lanes(sums, lanes),
       square = first ? vzero() : vload_lanes(sums + m->ldsums, lanes);
    UNROLL for (int i = 0; i < rows; i++) {
        sum = vadd(sum, c[i]);
        square = vfma(c[i], c[i], square);
    }
    vstore_lanes(sums, sum, lanes);
    vstore_lanes(sums + m->ldsums, square, lanes);
}

INLINE void mm_gradient(const struct matmul *m, vf *c, int64_t row, int64_t at, int rows, int lanes,
                        enum stored_form form) {
    float *sums = m->sums + at;
    bool first = !m->sums || (row == 0 && !m->sums_go_on);
    vf sum = first ? vzero() : vload_lanes(sums, lanes),
       product = first ? vzero() : vload_lanes(sums + m->ldsums, lanes);
    vf scale = m->scale ? vload_lanes(m->scale + at, lanes) : vset(1.0f);
    vf shift = m->scale ? vload_lanes(m->shift + at, lanes) : vzero();
    vf low = m->act == ACT_NONE ? vset(-INFINITY) : vzero(), high = vset(act_high(m->act));
    UNROLL for (int i = 0; i < rows; i++) {
        vf x = stored_load(m->x, form != STORED_F32, (row + i) * m->ldx + at, lanes);
        if (m->add) c[i] = vadd(c[i], stored_load(m->add, form != STORED_F32, (row + i) * m->ldadd + at, lanes));
        if (m->act != ACT_NONE) c[i] = vkeep_between(c[i], vfma(scale, x, shift), low, high);
        c[i] = stored_round_as(c[i], form);
        sum = vadd(sum, c[i]);
        product = vfma(c[i], x, product);
    }
    if (!m->sums) return;
    vstore_lanes(sums, sum, lanes);
    vstore_lanes(sums + m->ldsums, product, lanes);
}

/* Whole vectors of columns, rounded: two are a line of bf16 a row. */
INLINE void mm_store_lines(const struct matmul *m, struct mm_sums *acc, int64_t row, int64_t col, int rows, int vectors,
                           bool native) {
    uint16_t *to = (uint16_t *)m->c + row * m->ldc + col;
    if (vectors == 1) {
        UNROLL for (int i = 0; i < rows; i++) vstore_bf16(to + i * m->ldc, acc->whole[0][i]);
    } else if (m->stream) {
        UNROLL for (int i = 0; i < rows; i++)
            stored_lines(to + i * m->ldc, acc->whole[0][i], acc->whole[1][i], true, native);
    } else {
        UNROLL for (int i = 0; i < rows; i++)
            stored_lines(to + i * m->ldc, acc->whole[0][i], acc->whole[1][i], false, native);
    }
}

/* The first layer of most networks, 3x3 over three colours: runs of nine, written out. The rows' distance stays a variable:
 * were it known, compilers would keep what two rows share, and spill it. */
enum { MM_WINDOW_RUN = 9, MM_WINDOWS = VL > 1 };
INLINE bool mm_is_window(const struct matmul *m) {
    return MM_WINDOWS && m->runs > 0 && m->depth == m->runs * MM_WINDOW_RUN;
}

/* All steps. */
INLINE void mm_chains(const struct matmul *m, struct mm_sums *acc, const float *const *a, const float *b, int rows,
                      int vectors, bool half, bool window) {
    int64_t runs = m->runs ? m->runs : 1, length = m->depth / runs;
    for (int64_t run = 0; run < runs; run++) {
        int64_t at = run * m->run_stride;
        if (window) {
            UNROLL for (int d = 0; d < MM_WINDOW_RUN; d++)
                mm_step(acc, a, m->lda, at + d, b + d * MM_COLS, rows, vectors, false);
            b += MM_WINDOW_RUN * MM_COLS;
            continue;
        }
        for (int64_t d = at; d < at + length; d++, b += MM_COLS) mm_step(acc, a, m->lda, d, b, rows, vectors, half);
    }
}

/* `vectors` whole vectors of columns, and half a one; the first of lanes0 lanes, the second of lanes1. form: of C and
 * what its end reads; as bf16 there are one or two whole vectors. */
INLINE void mm_tile(const struct matmul *m, int64_t row, int64_t col, int rows, int vectors, bool half, int lanes0,
                    int lanes1, enum stored_form form, bool window) {
    struct mm_sums acc;
    const float *a[6], *b = m->b + matmul_panel(m->panel_depth ? m->panel_depth : m->depth, col);
    float *c = form != STORED_F32 ? NULL : (float *)m->c + row * m->ldc + col;
    int64_t lda = m->lda, ldc = m->ldc, ldheld = m->held ? m->ldheld : ldc;
    const float *held = m->held ? m->held + row * ldheld + col : c;
    UNROLL for (int i = 0; i < rows; i += 3) a[i / 3] = m->a + (row + i) * lda;
    UNROLL for (int v = 0; v < vectors; v++) {
        int lanes = v ? lanes1 : lanes0;
        UNROLL for (int i = 0; i < rows; i++) acc.whole[v][i] =
            m->accumulate ? vload_lanes(held + i * ldheld + v * VL, lanes) : vzero();
    }
    if (half) {
        int lanes = vectors ? lanes1 : lanes0;
        UNROLL for (int i = 0; i < rows; i++) acc.half[i] =
            m->accumulate ? vhload_n(held + i * ldheld + vectors * VL, lanes) : vhzero();
    }
    mm_chains(m, &acc, a, b, rows, vectors, half, window);
    if (half) {
        UNROLL for (int i = 0; i < rows; i++) acc.whole[vectors][i] = vwiden(acc.half[i]);
    }
    UNROLL for (int v = 0; v < vectors + half; v++) {
        int lanes = v ? lanes1 : lanes0;
        if (m->x)
            mm_gradient(m, acc.whole[v], row, col + v * VL, rows, lanes, form);
        else
            mm_forward(m, acc.whole[v], row, col + v * VL, rows, lanes, form);
        if (form != STORED_F32) continue;
        if (m->stream && lanes == VL) {
            UNROLL for (int i = 0; i < rows; i++) vstream(c + i * ldc + v * VL, acc.whole[v][i]);
        } else {
            UNROLL for (int i = 0; i < rows; i++) vstore_lanes(c + i * ldc + v * VL, acc.whole[v][i], lanes);
        }
    }
    if (form != STORED_F32) mm_store_lines(m, &acc, row, col, rows, vectors, form == STORED_NATIVE);
}

/* Whole rows of a window, and one or two whole vectors of columns. */
#define MM_WINDOW_INSTANCE(name, vectors)                                                                              \
    static __attribute__((noinline, no_sanitize("undefined"))) void name(const struct matmul *m, int64_t row,          \
                                                                         int64_t col) {                                \
        mm_tile(m, row, col, MM_ROWS, vectors, false, VL, VL, STORED_F32, true);                                       \
    }
MM_WINDOW_INSTANCE(mm_window, 2)
MM_WINDOW_INSTANCE(mm_window_one, 1)

/* An instance per number of rows, empty beyond MM_ROWS; noinline keeps the register allocation of each apart. Only the
 * whole tile has a form per column tail, which keeps compiling short. */
#define MM_INSTANCE(rows)                                                                                              \
    static __attribute__((noinline, no_sanitize("undefined"))) void mm_##rows(const struct matmul *m, int64_t row,     \
                                                                              int64_t col) {                           \
        int64_t left = m->cols - col;                                                                                  \
        if (rows > MM_ROWS) return;                                                                                    \
        if (rows == MM_ROWS && mm_is_window(m) && (left == VL || left >= 2 * VL)) {                                    \
            (left == VL ? mm_window_one : mm_window)(m, row, col);                                                     \
            return;                                                                                                    \
        }                                                                                                              \
        if (rows == MM_ROWS && left >= 2 * VL)                                                                         \
            mm_tile(m, row, col, rows, 2, false, VL, VL, STORED_F32, false);                                           \
        else if (rows == MM_ROWS && left <= HL)                                                                        \
            mm_tile(m, row, col, rows, 0, true, (int)left, 0, STORED_F32, false);                                      \
        else if (rows == MM_ROWS && left <= VL)                                                                        \
            mm_tile(m, row, col, rows, 1, false, (int)left, 0, STORED_F32, false);                                     \
        else if (rows == MM_ROWS && left - VL <= HL)                                                                   \
            mm_tile(m, row, col, rows, 1, true, VL, (int)(left - VL), STORED_F32, false);                              \
        else                                                                                                           \
            mm_tile(m, row, col, rows, 2, false, lanes_of(left), lanes_of(left - VL), STORED_F32, false);              \
    }
MM_INSTANCE(1)
MM_INSTANCE(2)
MM_INSTANCE(3)
MM_INSTANCE(4)
MM_INSTANCE(5)
MM_INSTANCE(6)
MM_INSTANCE(7)
MM_INSTANCE(8)
MM_INSTANCE(9)
MM_INSTANCE(10)
MM_INSTANCE(11)
MM_INSTANCE(12)
MM_INSTANCE(13)
MM_INSTANCE(14)

static void (*const mm_rows[])(const struct matmul *m, int64_t row, int64_t col) = {
    mm_1, mm_2, mm_3, mm_4, mm_5, mm_6, mm_7, mm_8, mm_9, mm_10, mm_11, mm_12, mm_13, mm_14};

/* Tiles of SiLU, which inference has most of, go from registers to C. What else is smooth goes by a buffer. */
static bool mm_is_silu(const struct matmul *m) {
    return VL > 1 && m->act == ACT_SILU && !m->accumulate && !m->add && !m->x && !m->sums && !m->c_bf16 && !m->stream;
}
INLINE void mm_silu_tile(const struct matmul *m, int64_t row, int64_t col, int rows, int vectors, bool window) {
    struct mm_sums acc;
    const float *a[6], *b = m->b + matmul_panel(m->panel_depth ? m->panel_depth : m->depth, col);
    float *c = (float *)m->c + row * m->ldc + col;
    UNROLL for (int i = 0; i < rows; i += 3) a[i / 3] = m->a + (row + i) * m->lda;
    UNROLL for (int i = 0; i < rows; i++) acc.whole[0][i] = acc.whole[1][i] = vzero();
    mm_chains(m, &acc, a, b, rows, vectors, false, window);
    UNROLL for (int v = 0; v < vectors; v++) {
        vf bias = m->bias ? vload(m->bias + col + v * VL) : vzero();
        UNROLL for (int i = 0; i < rows; i++)
            vstore(c + i * m->ldc + v * VL, act_value_of(ACT_SILU, vadd(acc.whole[v][i], bias)));
    }
}
#define MM_SILU_INSTANCE(name, rows, vectors, window)                                                                  \
    static __attribute__((noinline, no_sanitize("undefined"))) void name(const struct matmul *m, int64_t row,          \
                                                                         int64_t col) {                                \
        mm_silu_tile(m, row, col, rows, vectors, window);                                                              \
    }
MM_SILU_INSTANCE(mm_silu, MM_ROWS, 2, false)
MM_SILU_INSTANCE(mm_silu_window, MM_ROWS, 2, true)
MM_SILU_INSTANCE(mm_silu_one, MM_ROWS, 1, false)
MM_SILU_INSTANCE(mm_silu_half, MM_ROWS / 2, 2, false) /* the rest of a map of 7 x 7 */

/* Whether it was one of these. */
static bool mm_silu_made(const struct matmul *m, int64_t row, int64_t col, int rows, int cols) {
    if (rows == MM_ROWS && cols == MM_COLS)
        (mm_is_window(m) ? mm_silu_window : mm_silu)(m, row, col);
    else if (rows == MM_ROWS && cols == VL)
        mm_silu_one(m, row, col);
    else if (rows == MM_ROWS / 2 && cols == MM_COLS)
        mm_silu_half(m, row, col);
    else
        return false;
    return true;
}

/* All that a tile's end reads and writes is bf16: whole tiles go from registers to lines. With 16 registers the buffer
 * serves as well, and keeps inference's program small. */
enum { MM_STORED = SIMD_REGISTERS == 32 };
static bool mm_is_stored(const struct matmul *m) {
    return MM_STORED && act_is_clamp(m->act) && m->c_bf16 && (!m->x || m->x_bf16) && (!m->add || m->add_bf16);
}
/* What the next tile writes and reads, on its way while this one is computed. (__builtin_prefetch: C has no other word
 * for it.) */
INLINE void mm_ahead(const struct matmul *m, int64_t row, int64_t col) {
    if (row + MM_ROWS > m->rows) return;
    for (int i = 0; i < MM_ROWS; i++) {
        const uint16_t *c = (const uint16_t *)m->c + (row + i) * m->ldc + col;
        const uint16_t *x = (const uint16_t *)m->x + (row + i) * m->ldx + col;
        if (!m->stream) __builtin_prefetch(c, 1, 3), __builtin_prefetch(c + MM_COLS - 1, 1, 3);
        if (m->x) __builtin_prefetch(x, 0, 3), __builtin_prefetch(x + MM_COLS - 1, 0, 3);
    }
}
#define MM_STORED_INSTANCE(name, vectors, form)                                                                        \
    static __attribute__((noinline, no_sanitize("undefined"))) void name(const struct matmul *m, int64_t row,          \
                                                                         int64_t col) {                                \
        if (!MM_STORED || (form == STORED_NATIVE && !SIMD_CONVERTS)) return;                                           \
        mm_ahead(m, row + MM_ROWS, col);                                                                               \
        mm_tile(m, row, col, MM_ROWS, vectors, false, VL, VL, form, false);                                            \
    }
MM_STORED_INSTANCE(mm_stored, 2, STORED_BF16)
MM_STORED_INSTANCE(mm_stored_one, 1, STORED_BF16)
MM_STORED_INSTANCE(mm_native, 2, STORED_NATIVE)
MM_STORED_INSTANCE(mm_native_one, 1, STORED_NATIVE)

/* ---- the same where a tile's end is more: an activation that is no clamp, or tails of bf16. Sums go to a buffer in
 * L1, and from there on ---- */

struct mm_finish {
    const struct matmul *m;
    struct matmul product; /* one tile of it, into c */
    int64_t row, col;
    int rows, cols;
    /* rows MM_COLS apart; v: what a gradient's slope is taken at */
    _Alignas(64) float c[MM_ROWS * MM_COLS], v[MM_ROWS * MM_COLS];
};

static void mm_finish_open(struct mm_finish *f, const struct matmul *m) {
    f->m = m;
    f->product = *m;
    f->product.panel_depth = m->panel_depth ? m->panel_depth : m->depth;
    f->product.c = f->c, f->product.ldc = MM_COLS, f->product.c_bf16 = false;
    f->product.act = ACT_NONE, f->product.add = f->product.x = NULL, f->product.sums = NULL, f->product.stream = false;
}

/* A register tile without what follows the sum, but for a forward product's bias. */
static void mm_product(struct mm_finish *f) {
    const struct matmul *m = f->m;
    struct matmul *part = &f->product;
    part->rows = f->rows, part->cols = f->cols, part->a = m->a + f->row * m->lda;
    part->b = m->b + matmul_panel(part->panel_depth, f->col);
    part->bias = m->bias && !m->x ? m->bias + f->col : NULL;
    part->ldheld = m->held ? m->ldheld : m->ldc;
    if (m->accumulate) part->held = (m->held ? m->held : (const float *)m->c) + f->row * part->ldheld + f->col;
    mm_rows[f->rows - 1](part, 0, 0);
}

/* Gradient: what the slope is taken at, and what it is multiplied with. */
static void mm_before_slopes(struct mm_finish *f) {
    const struct matmul *m = f->m;
    for (int j = 0; j < f->cols; j += VL) {
        int64_t at = f->col + j;
        int lanes = lanes_of(f->cols - j);
        vf scale = m->scale ? vload_lanes(m->scale + at, lanes) : vset(1.0f);
        vf shift = m->scale ? vload_lanes(m->shift + at, lanes) : vzero();
        for (int i = 0; i < f->rows; i++) {
            float *c = f->c + i * MM_COLS + j;
            vf x = stored_load(m->x, m->x_bf16, (f->row + i) * m->ldx + at, lanes);
            vstore(f->v + i * MM_COLS + j, vfma(scale, x, shift));
            if (!m->add) continue;
            vstore(c, vadd(vload(c), stored_load(m->add, m->add_bf16, (f->row + i) * m->ldadd + at, lanes)));
        }
    }
}

/* What one vector of columns needs while the rows of a tile pass by. */
struct mm_lane {
    int64_t at;
    int lanes;
    vf low, high, scale, shift, sum, product;
};

INLINE void mm_lane_open(const struct mm_finish *f, struct mm_lane *k, int j) {
    const struct matmul *m = f->m;
    bool first = !m->sums || (f->row == 0 && !m->sums_go_on);
    k->at = f->col + j, k->lanes = lanes_of(f->cols - j);
    k->low = vset(act_low(m->act)), k->high = vset(act_high(m->act));
    k->scale = m->scale ? vload_lanes(m->scale + k->at, k->lanes) : vset(1.0f);
    k->shift = m->scale ? vload_lanes(m->shift + k->at, k->lanes) : vzero();
    k->sum = first ? vzero() : vload_lanes(m->sums + k->at, k->lanes);
    k->product = first ? vzero() : vload_lanes(m->sums + m->ldsums + k->at, k->lanes);
}

INLINE void mm_lane_close(const struct mm_finish *f, const struct mm_lane *k) {
    if (!f->m->sums) return;
    vstore_lanes(f->m->sums + k->at, k->sum, k->lanes);
    vstore_lanes(f->m->sums + f->m->ldsums + k->at, k->product, k->lanes);
}

/* One vector of a row: as in mm_forward and mm_gradient; behind a smooth activation its value or slope is in already. */
INLINE vf mm_end(const struct mm_finish *f, struct mm_lane *k, int i, bool gradient, bool smooth, bool x_bf16,
                 bool c_bf16) {
    const struct matmul *m = f->m;
    vf c = vload(f->c + i * MM_COLS + (k->at - f->col)), x = c;
    bool add = m->add && !(gradient && smooth);
    if (gradient) x = stored_load(m->x, x_bf16, (f->row + i) * m->ldx + k->at, k->lanes);
    if (!gradient && !smooth) c = vclamp(c, k->low, k->high);
    if (add) c = vadd(c, stored_load(m->add, m->add_bf16, (f->row + i) * m->ldadd + k->at, k->lanes));
    if (gradient && !smooth && m->act != ACT_NONE) c = vkeep_between(c, vfma(k->scale, x, k->shift), vzero(), k->high);
    c = stored_round(c, c_bf16);
    k->sum = vadd(k->sum, c);
    k->product = vfma(c, gradient ? x : c, k->product);
    return c;
}

INLINE void mm_put(const struct matmul *m, int64_t row, const struct mm_lane *k, vf c, bool c_bf16) {
    if (m->stream && !c_bf16 && k->lanes == VL)
        vstream((float *)m->c + row * m->ldc + k->at, c);
    else
        stored_store(m->c, c_bf16, row * m->ldc + k->at, c, k->lanes);
}

/* Two vectors of columns at once, so that bf16 leaves by whole lines. */
INLINE void mm_tile_end(const struct mm_finish *f, bool gradient, bool smooth, bool x_bf16, bool c_bf16) {
    const struct matmul *m = f->m;
    struct mm_lane a, b;
    bool two = f->cols > VL;
    mm_lane_open(f, &a, 0);
    mm_lane_open(f, &b, two ? VL : 0);
    for (int i = 0; i < f->rows; i++) {
        vf ca = mm_end(f, &a, i, gradient, smooth, x_bf16, c_bf16);
        if (!two) {
            mm_put(m, f->row + i, &a, ca, c_bf16);
            continue;
        }
        vf cb = mm_end(f, &b, i, gradient, smooth, x_bf16, c_bf16);
        if (c_bf16 && b.lanes == VL) {
            uint16_t *to = (uint16_t *)m->c + (f->row + i) * m->ldc + a.at;
            stored_lines(to, ca, cb, m->stream, false);
            continue;
        }
        mm_put(m, f->row + i, &a, ca, c_bf16);
        mm_put(m, f->row + i, &b, cb, c_bf16);
    }
    mm_lane_close(f, &a);
    if (two) mm_lane_close(f, &b);
}

static void mm_ends(const struct mm_finish *f, bool smooth) {
    const struct matmul *m = f->m;
    if (m->x)
        mm_tile_end(f, true, smooth, m->x_bf16, m->c_bf16);
    else
        mm_tile_end(f, false, smooth, false, m->c_bf16);
}

static void mm_through_buffer(const struct matmul *m) {
    struct mm_finish f = {0};
    bool smooth = !act_is_clamp(m->act), stored = mm_is_stored(m);
    bool native = stored_form_of(stored) == STORED_NATIVE;
    void (*const ends[])(const struct matmul *m, int64_t row, int64_t col) = {native ? mm_native_one : mm_stored_one,
                                                                              native ? mm_native : mm_stored};
    mm_finish_open(&f, m);
    for (int64_t col = 0; col < m->cols; col += MM_COLS) {
        for (int64_t row = 0; row < m->rows; row += MM_ROWS) {
            f.row = row, f.rows = (int)(m->rows - row < MM_ROWS ? m->rows - row : MM_ROWS);
            f.col = col, f.cols = (int)(m->cols - col < MM_COLS ? m->cols - col : MM_COLS);
            if (stored && f.rows == MM_ROWS && f.cols % VL == 0) {
                ends[f.cols / VL - 1](m, row, col);
                continue;
            }
            mm_product(&f);
            if (smooth && m->x) {
                mm_before_slopes(&f);
                KERNEL_NAME(act_slopes)(m->act, f.c, f.v, (int64_t)f.rows * MM_COLS);
            } else if (smooth) {
                KERNEL_NAME(act_values)(m->act, f.c, f.c, (int64_t)f.rows * MM_COLS);
            }
            mm_ends(&f, smooth);
        }
    }
}

static void mm_silus(const struct matmul *m) {
    for (int64_t col = 0; col < m->cols; col += MM_COLS) {
        int64_t cols = m->cols - col < MM_COLS ? m->cols - col : MM_COLS;
        for (int64_t row = 0; row < m->rows; row += MM_ROWS) {
            int64_t rows = m->rows - row < MM_ROWS ? m->rows - row : MM_ROWS;
            if (mm_silu_made(m, row, col, (int)rows, (int)cols)) continue;
            struct matmul part = *m;
            part.rows = rows, part.cols = cols, part.a = m->a + row * m->lda;
            part.panel_depth = m->panel_depth ? m->panel_depth : m->depth;
            part.b = m->b + matmul_panel(part.panel_depth, col);
            part.bias = m->bias ? m->bias + col : NULL;
            part.c = (float *)m->c + row * m->ldc + col;
            mm_through_buffer(&part);
        }
    }
}

/* What a tile's end adds is on its way while its sums are formed. */
INLINE void mm_ahead_add(const struct matmul *m, int64_t row, int64_t rows, int64_t col) {
    const float *add = (const float *)m->add + row * m->ldadd + col;
    for (int64_t i = 0; i < rows; i++, add += m->ldadd) {
        __builtin_prefetch(add, 0, 3);
        if (col + VL < m->cols) __builtin_prefetch(add + VL, 0, 3);
    }
}

/* A panel of B stays in L1 while all rows of A pass by. */
void KERNEL_NAME(matmul)(const struct matmul *m) {
    if (mm_is_silu(m)) {
        mm_silus(m);
        return;
    }
    bool in_registers = act_is_clamp(m->act) || (m->act == ACT_HARDSWISH && !m->x);
    if (!in_registers || m->c_bf16 || m->x_bf16 || m->add_bf16) {
        mm_through_buffer(m);
        return;
    }
    for (int64_t col = 0; col < m->cols; col += MM_COLS) {
        for (int64_t row = 0; row < m->rows; row += MM_ROWS) {
            int64_t rows = m->rows - row < MM_ROWS ? m->rows - row : MM_ROWS;
            if (m->add && !m->x) mm_ahead_add(m, row, rows, col);
            mm_rows[rows - 1](m, row, col);
        }
    }
}
