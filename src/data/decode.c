/* decode.c — hands a picture to the decoder of its format, then turns it upright.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/decode.h"

#include "data/decoder.h"
#include "data/signature.h"

static const int64_t pixels_max_default = 178956970;

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

sk_status decode_inspect(const uint8_t *bytes, size_t size, const char *what, const struct decode_options *options,
                         struct scratch *scratch, struct picture *picture, struct decode_traits *traits) {
    struct decode_job job = {
        .bytes = bytes,
        .size = size,
        .what = what,
        .pixels_max = options->pixels_max ? options->pixels_max : pixels_max_default,
        .exif = options->exif,
        .scratch = scratch,
        .picture = picture,
        .traits = traits,
    };
    *traits = (struct decode_traits){.orientation = 1};
    scratch->part = (struct picture_part){0};
    FAIL_IF(size == 0, SK_EFORMAT, "%s: the file is empty", what);
    const struct signature *signature = signature_of(bytes, size);
    FAIL_IF(!signature, SK_EFORMAT, "%s: not a picture (neither JPEG, PNG nor WebP)", what);
    traits->format = signature->name;
    if (!signature->decode) return signature_refuse(signature, what);
    TRY(signature->decode(&job));
    return options->exif == EXIF_APPLY ? exif_turn(traits->orientation, scratch, picture) : SK_OK;
}

sk_status decode_picture(const uint8_t *bytes, size_t size, const char *what, const struct decode_options *options,
                         struct scratch *scratch, struct picture *picture) {
    struct decode_traits traits;
    return decode_inspect(bytes, size, what, options, scratch, picture, &traits);
}
