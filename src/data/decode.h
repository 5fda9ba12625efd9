/* decode.h — JPEG, PNG and WebP from memory to 8-bit grey or RGB, as Pillow's convert("RGB") gives them.
 *
 * The content tells the format, never the name. A grey picture stays grey (1 channel), everything else
 * becomes RGB; alpha is dropped, palettes looked up, CMYK converted by Pillow's formula.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_DECODE_H
#define SK_DATA_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/picture.h"

/* Zeros mean the defaults. */
struct decode_options {
    enum exif_policy exif;
    int64_t pixels_max; /* refuse larger pictures; 0 = 178,956,970, Pillow's limit */
};

/* What a picture was like in its file, before it became grey or RGB. */
struct decode_traits {
    const char *format;      /* "JPEG"; NULL where no known one */
    int orientation;         /* EXIF's 1 … 8, also where it is not applied */
    bool grey;               /* one channel, with or without alpha */
    bool cmyk, alpha, deep;  /* inks; transparency, which is dropped; more than 8 bits a channel */
    bool damaged, truncated; /* decoded although libjpeg warned; the data end too early */
};

/* `what` names the picture in sentences. The pixels lie in the scratch. Truncated or broken files are errors; what
 * libjpeg only warns of (Pillow is silent) is decoded and counted in scratch->damaged. */
sk_status decode_picture(const uint8_t *bytes, size_t size, const char *what, const struct decode_options *options,
                         struct scratch *scratch, struct picture *picture);

/* The same, and what it was like; known as far as the decoder came. */
sk_status decode_inspect(const uint8_t *bytes, size_t size, const char *what, const struct decode_options *options,
                         struct scratch *scratch, struct picture *picture, struct decode_traits *traits);

#endif
