/* exif.c — the orientation tag, and turning a picture by it.
 *
 * EXIF is a TIFF file inside a picture file; tag 0x0112 of its first directory says how the camera was held
 * (JEITA CP-3451). Anything odd counts as no orientation, as everywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/decoder.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

static uint32_t number(const uint8_t *bytes, size_t length, bool little) {
    uint32_t value = 0;
    for (size_t i = 0; i < length; i++) value = value << 8 | bytes[little ? length - 1 - i : i];
    return value;
}

int exif_orientation(const uint8_t *tiff, size_t size) {
    if (size < 10) return 0;
    bool little = memcmp(tiff, "II*\0", 4) == 0;
    if (!little && memcmp(tiff, "MM\0*", 4) != 0) return 0;
    size_t directory = number(tiff + 4, 4, little);
    if (directory > size - 2) return 0;
    size_t entries = number(tiff + directory, 2, little), at = directory + 2;
    for (; entries > 0 && size - at >= ENTRY_BYTES; entries--, at += ENTRY_BYTES) {
        const uint8_t *entry = tiff + at;
        if (number(entry, 2, little) != TAG_ORIENTATION) continue;
        if (number(entry + 2, 2, little) != TYPE_SHORT || number(entry + 4, 4, little) != 1) return 0;
        uint32_t value = number(entry + 8, 2, little);
        return value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}

sk_status exif_turn(int orientation, struct scratch *scratch, struct picture *picture) {
    if (orientation < 2 || orientation > 8) return SK_OK;
    int height = picture->height, width = picture->width;
    size_t channels = (size_t)picture->channels;
    uint8_t *out = scratch_reserve(scratch, SCRATCH_TURN, (size_t)height * (size_t)width * channels);
    if (!out) return SK_EMEMORY;
    /* Steps through the source while the result is walked: rows and columns exchanged from 5 on; from the right in
     * 2, 3, 7, 8; from below in 3, 4, 6, 7. */
    bool transposed = orientation >= 5;
    ptrdiff_t across = (ptrdiff_t)channels, down = (ptrdiff_t)channels * width;
    const uint8_t *first = picture->pixels;
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
        first += across * (width - 1);
        across = -across;
    }
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
        first += down * (height - 1);
        down = -down;
    }
    struct picture turned = {
        .pixels = out,
        .height = transposed ? width : height,
        .width = transposed ? height : width,
        .channels = picture->channels,
    };
    ptrdiff_t step_x = transposed ? down : across, step_y = transposed ? across : down;
    for (int y = 0; y < turned.height; y++) {
        for (int x = 0; x < turned.width; x++, out += channels) memcpy(out, first + y * step_y + x * step_x, channels);
    }
    *picture = turned;
    return SK_OK;
}
