/* matmul.h — the matrix core: C = A·B over packed panels, and the transposed product of weight gradients.
 *
 * B (depth x cols) lies in panels of MM_COLS columns: panel p holds [depth][MM_COLS], zeros beyond the last
 * column. A is read where it lies (row-major, lda). Every element is a chain of fused multiply-adds in the
 * order of depth, from zero or from what C holds, so neither tile size nor instruction set changes a bit.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_MATMUL_H
#define SK_KERNELS_MATMUL_H

#include <math.h>

#include "kernels/act.h"

/* Rows of a register tile; a row count that is a multiple of it wastes nothing. 14 divides 112, 56, 28 and 14. */
enum { MM_ROWS = SIMD_REGISTERS == 16 ? (VL == 1 ? 4 : 6) : (VL == 16 ? 14 : 8), MM_COLS = 2 * VL };

/* C = A·B (or C + A·B), rows x cols; then, while the sums s[i][j] are in registers, in this order:
 * x NULL: c = act(s + bias) + add, or act(s + bias + add) where add_first (f32 throughout, and act a clamp);
 * x given (a gradient): c = (s + add) * act'(scale*x + shift). */
struct matmul {
    int64_t rows, depth, cols;
    const float *a; /* (rows, depth), row stride lda */
    int64_t lda;
    int64_t runs, run_stride; /* a row of A lies in so many equal runs, run_stride apart; 0: in one */
    const float *b;           /* panels; a column range starts at b + matmul_panel(panel depth, first column) */
    int64_t panel_depth;      /* the depth they were packed with where `depth` is a part of it; 0: depth */
    void *c;                  /* (rows, cols), row stride ldc */
    int64_t ldc;
    bool c_bf16;       /* sums are then of rounded numbers */
    bool accumulate;   /* the chains go on from what C holds, */
    const float *held; /* or this does, row stride ldheld, where it is not NULL */
    int64_t ldheld;
    enum act act;
    const float *bias; /* (cols) or NULL */
    const void *add;   /* (rows, cols), row stride ldadd, or NULL */
    int64_t ldadd;
    bool add_bf16, add_first;
    const void *x; /* (rows, cols), row stride ldx, or NULL */
    int64_t ldx;
    bool x_bf16;
    const float *scale, *shift; /* (cols) or NULL: x itself */
    float *sums; /* (2, cols), row stride ldsums, or NULL: over all rows, of c and of c*c (x NULL) or c*x */
    int64_t ldsums;
    bool sums_go_on; /* from what they hold: earlier rows of the block */
    bool stream;     /* C goes past the caches: its address and ldc are multiples of 64 bytes; vstream_end() after it */
};
void KERNEL_NAME(matmul)(const struct matmul *m);

/* Offset of the panel that begins with column `col` (a multiple of MM_COLS). */
static inline int64_t matmul_panel(int64_t depth, int64_t col) {
    return col * depth;
}
/* Floats of the panels of (depth x cols). */
static inline int64_t matmul_packed(int64_t depth, int64_t cols) {
    return (cols + MM_COLS - 1) / MM_COLS * MM_COLS * depth;
}

/* W[i][j] += sum_r U[r][i]·D[r][j], i < c, j < k: chains in the order of r that go on from W. */
struct matmul_transposed {
    int64_t rows, c, k;
    const float *u; /* (rows, c), row stride ldu */
    int64_t ldu;
    const float *d; /* (rows, k), row stride ldd */
    int64_t ldd;
    float *w; /* (c, k), row stride ldw */
    int64_t ldw;
    bool from_zero; /* W is not read: the chains begin at zero */
};
void KERNEL_NAME(matmul_transposed)(const struct matmul_transposed *m);

#endif
