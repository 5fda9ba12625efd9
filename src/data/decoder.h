/* decoder.h — what decode.c asks of the decoder of one picture format.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_DECODER_H
#define SK_DATA_DECODER_H

#include <stdbool.h>

#include "data/decode.h"

struct decode_job {
    const uint8_t *bytes;
    size_t size;
    const char *what;
    int64_t pixels_max;
    enum exif_policy exif; /* whether the picture will be turned afterwards */
    struct scratch *scratch;
    struct picture *picture;      /* out */
    struct decode_traits *traits; /* out, all but the format; what is not known is left alone */
};

sk_status decode_jpeg(struct decode_job *job);
sk_status decode_png(struct decode_job *job);
sk_status decode_webp(struct decode_job *job);

/* Check the size against the cap and take the pixels' memory (bytes_per_pixel may exceed the channels). */
sk_status decode_take(struct decode_job *job, uint32_t height, uint32_t width, int channels, int bytes_per_pixel);

/* The orientation in an EXIF block, which begins with its TIFF header; 0 where there is none. */
int exif_orientation(const uint8_t *tiff, size_t size);
/* Turn a picture upright, into SCRATCH_TURN. */
sk_status exif_turn(int orientation, struct scratch *scratch, struct picture *picture);

#endif
