/* decoding.h — what the fuzz targets of the picture decoders share: decode, turn, look at every byte.
 *
 * The decoder is called whatever the first bytes say; the pixel cap keeps runs fast.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_FUZZ_DECODING_H
#define SK_TESTS_FUZZ_DECODING_H

#include "data/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A part from the middle, other ones for other sizes of file. */
static inline bool fuzz_part(const struct picture_wish *wish, int height, int width, struct picture_box *box, int to[2]) {
    int share = 2 + (int)(*(const size_t *)wish->context % 3);
    *box = (struct picture_box){height / share / 2, width / share / 2, (height + 1) / 2, (width + 1) / 2};
    to[0] = to[1] = 8;
    return true;
}

static inline void fuzz_once(sk_status (*decode)(struct decode_job *job), const uint8_t *data, size_t size,
                             const struct picture_wish *wish) {
    struct scratch scratch = {.wish = wish};
    struct picture picture = {0};
    struct decode_traits traits = {.orientation = 1};
    struct decode_job job = {.bytes = data,
                             .size = size,
                             .what = "fuzz",
                             .pixels_max = 1 << 18,
                             .scratch = &scratch,
                             .picture = &picture,
                             .traits = &traits};
    if (decode(&job) == SK_OK) {
        if (exif_turn(traits.orientation, &scratch, &picture) != SK_OK) __builtin_trap();
        size_t count = (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels, sum = 0;
        for (size_t i = 0; i < count; i++) sum += picture.pixels[i];
        if (sum > count * 255 || (picture.channels != 1 && picture.channels != 3)) __builtin_trap();
    }
    scratch_free(&scratch);
}

/* As a whole, and parts of it. */
static inline void fuzz_decoder(sk_status (*decode)(struct decode_job *job), const uint8_t *data, size_t size) {
    struct picture_wish wish = {.part = fuzz_part, .context = &size};
    fuzz_once(decode, data, size, NULL);
    fuzz_once(decode, data, size, &wish);
    wish.fast = true;
    fuzz_once(decode, data, size, &wish);
}

#endif
