/* mirror.c — pictures of bytes from right to left (per-ISA, libsiskin alone).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

void KERNEL_NAME(mirror_rows)(const uint8_t *from, uint8_t *to, int64_t rows, int64_t width, int64_t channels) {
    for (int64_t row = 0; row < rows; row++, from += width * channels, to += width * channels) {
        int64_t x = 0;
        /* From the right of the source, so that the byte written too much is overwritten by the next five pixels. */
        if (channels == 3)
            for (; x + 6 <= width; x += 5) mirror_five(from + 3 * (width - x - 5) - 1, to + 3 * x);
        for (; x < width; x++)
            for (int64_t c = 0; c < channels; c++) to[x * channels + c] = from[(width - 1 - x) * channels + c];
    }
}
