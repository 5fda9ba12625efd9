/* matmul_transposed.c — register tiles of weight gradients, W += Uᵀ·D (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/matmul_tile.h"

enum { MT_ROWS = SIMD_REGISTERS == 32 ? 8 : 4 };

INLINE void mt_tile(const struct matmul_transposed *m, int64_t row, int64_t col, int rows, int vectors, int lanes0,
                    int lanes1) {
    vf acc[2][MT_ROWS];
    const float *u = m->u + row, *d = m->d + col;
    float *w = m->w + row * m->ldw + col;
    int64_t ldu = m->ldu, ldd = m->ldd, ldw = m->ldw, depth = m->rows;
    UNROLL for (int v = 0; v < vectors; v++) {
        int lanes = v ? lanes1 : lanes0;
        UNROLL for (int i = 0; i < rows; i++) acc[v][i] =
            m->from_zero ? vzero() : vload_lanes(w + i * ldw + v * VL, lanes);
    }
    for (int64_t r = 0; r < depth; r++, u += ldu, d += ldd) {
        vf d0 = vload_lanes(d, lanes0), d1 = vectors > 1 ? vload_lanes(d + VL, lanes1) : vzero();
        UNROLL for (int i = 0; i < rows; i++) {
            vf x = vset(u[i]);
            acc[0][i] = vfma(x, d0, acc[0][i]);
            if (vectors > 1) acc[1][i] = vfma(x, d1, acc[1][i]);
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        int lanes = v ? lanes1 : lanes0;
        UNROLL for (int i = 0; i < rows; i++) vstore_lanes(w + i * ldw + v * VL, acc[v][i], lanes);
    }
}

#define MT_INSTANCE(rows)                                                                                              \
    static __attribute__((noinline, no_sanitize("undefined"))) void mt_##rows(const struct matmul_transposed *m,       \
                                                                              int64_t row, int64_t col) {              \
        int64_t left = m->k - col;                                                                                     \
        if (rows > MT_ROWS) return;                                                                                    \
        if (rows == MT_ROWS && left >= 2 * VL)                                                                         \
            mt_tile(m, row, col, rows, 2, VL, VL);                                                                     \
        else if (rows == MT_ROWS && left == VL)                                                                        \
            mt_tile(m, row, col, rows, 1, VL, 0);                                                                      \
        else                                                                                                           \
            mt_tile(m, row, col, rows, 2, lanes_of(left), lanes_of(left - VL));                                        \
    }
MT_INSTANCE(1)
MT_INSTANCE(2)
MT_INSTANCE(3)
MT_INSTANCE(4)
MT_INSTANCE(5)
MT_INSTANCE(6)
MT_INSTANCE(7)
MT_INSTANCE(8)

static void (*const mt_rows[])(const struct matmul_transposed *m, int64_t row, int64_t col) = {mt_1, mt_2, mt_3, mt_4,
                                                                                               mt_5, mt_6, mt_7, mt_8};

void KERNEL_NAME(matmul_transposed)(const struct matmul_transposed *m) {
    for (int64_t col = 0; col < m->k; col += MM_COLS) {
        for (int64_t row = 0; row < m->c; row += MT_ROWS) {
            int64_t rows = m->c - row < MT_ROWS ? m->c - row : MT_ROWS;
            mt_rows[rows - 1](m, row, col);
        }
    }
}
