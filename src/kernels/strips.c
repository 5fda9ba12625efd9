/* strips.c — the grids of the depthwise kernels' partial sums: functions of the shape alone.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/strips.h"

int64_t strip_rows(int64_t width) {
    return width >= BLOCK_ROWS ? 1 : BLOCK_ROWS / (width > 0 ? width : 1);
}

int64_t strip_count(int64_t n, int64_t height, int64_t width) {
    int64_t rows = strip_rows(width);
    return n * ((height + rows - 1) / rows);
}

/* Large maps in up to 4 bands of about 3136 pixels, and at most 16 groups of images. */
struct depthwise_grid depthwise_grid(const struct conv_shape *s) {
    struct depthwise_grid grid;
    int64_t bands = s->p * s->q / 3136;
    bands = bands < 1 ? 1 : bands > 4 ? 4 : bands;
    bands = bands > s->p ? s->p : bands;
    grid.images = (s->n + 15) / 16;
    grid.rows = (s->p + bands - 1) / bands;
    grid.bands = (s->p + grid.rows - 1) / grid.rows;
    grid.chunks = (s->n + grid.images - 1) / grid.images * grid.bands;
    return grid;
}

int64_t depthwise_chunks(const struct conv_shape *s) {
    return depthwise_grid(s).chunks;
}
