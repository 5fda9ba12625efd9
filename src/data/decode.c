/* decode.c — finds a picture's format by its first bytes and hands it to that decoder; then turns it upright.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/decode.h"

#include <string.h>

#include "data/decoder.h"

static const int64_t pixels_max_default = 178956970;

/* What files begin with. Formats that are not read are here for the sentence's sake. */
static const struct {
    const char *name;
    size_t at, length;
    const char *bytes;
    sk_status (*decode)(struct decode_job *job);
} signatures[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff", decode_jpeg},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n", decode_png},
    {"WebP", 8, 4, "WEBP", decode_webp},
    {"GIF", 0, 4, "GIF8", NULL},
    {"BMP", 0, 2, "BM", NULL},
    {"TIFF", 0, 4, "II*\0", NULL},
    {"TIFF", 0, 4, "MM\0*", NULL},
    {"PNM", 0, 2, "P5", NULL},
    {"PNM", 0, 2, "P6", NULL},
    {"HEIF or AVIF", 4, 4, "ftyp", NULL},
    {"JPEG 2000", 4, 4, "jP  ", NULL},
};

sk_status decode_take(struct decode_job *job, uint32_t height, uint32_t width, int channels, int bytes_per_pixel) {
    FAIL_IF(height == 0 || width == 0 || height > UINT16_MAX || width > UINT16_MAX, SK_EFORMAT,
            "%s: a picture of %u x %u pixels; expected 1 to 65535 a side", job->what, height, width);
    FAIL_IF((int64_t)height * width > job->pixels_max, SK_EDATA,
            "%s: a picture of %u x %u pixels; at most %lld are read: make it smaller", job->what, height, width,
            (long long)job->pixels_max);
    size_t bytes = (size_t)height * width * (size_t)bytes_per_pixel;
    uint8_t *pixels = scratch_reserve(job->scratch, SCRATCH_DECODE, bytes);
    if (!pixels) return status_prefix(SK_EMEMORY, "%s", job->what);
    *job->picture =
        (struct picture){.pixels = pixels, .height = (int)height, .width = (int)width, .channels = channels};
    return SK_OK;
}

sk_status decode_picture(const uint8_t *bytes, size_t size, const char *what, const struct decode_options *options,
                         struct scratch *scratch, struct picture *picture) {
    struct decode_job job = {
        .bytes = bytes,
        .size = size,
        .what = what,
        .pixels_max = options->pixels_max ? options->pixels_max : pixels_max_default,
        .scratch = scratch,
        .picture = picture,
        .want_orientation = options->exif == EXIF_APPLY,
        .orientation = 1,
    };
    FAIL_IF(size == 0, SK_EFORMAT, "%s: the file is empty", what);
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        size_t at = signatures[i].at, length = signatures[i].length;
        if (size < at + length || memcmp(bytes + at, signatures[i].bytes, length) != 0) continue;
        FAIL_IF(!signatures[i].decode, SK_EFORMAT,
                "%s: this is a %s picture; only JPEG, PNG and WebP are read: convert it", what, signatures[i].name);
        TRY(signatures[i].decode(&job));
        return exif_turn(job.orientation, scratch, picture);
    }
    return status_fail(SK_EFORMAT, "%s: not a picture (neither JPEG, PNG nor WebP)", what);
}
