/* decode_webp.c — WebP stills, lossy and lossless, by libwebp; alpha is dropped.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <webp/decode.h>

#include "data/decoder.h"

static const char *status_text(VP8StatusCode code) {
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: return "no memory";
    case VP8_STATUS_BITSTREAM_ERROR: return "damaged data";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "a feature libwebp does not know";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return "the data end before the picture is complete";
    default: return "libwebp refuses it";
    }
}

static bool ends_early(VP8StatusCode code) {
    return code == VP8_STATUS_SUSPENDED || code == VP8_STATUS_NOT_ENOUGH_DATA;
}

/* RIFF chunks after "RIFF" size "WEBP": name, little-endian size, content, a byte of padding after an odd size. */
static int find_orientation(const uint8_t *bytes, size_t size) {
    size_t at = 12;
    while (at <= size && size - at >= 8) {
        size_t length =
            bytes[at + 4] | (size_t)bytes[at + 5] << 8 | (size_t)bytes[at + 6] << 16 | (size_t)bytes[at + 7] << 24;
        const uint8_t *content = bytes + at + 8;
        if (length > size - at - 8) return 0;
        if (memcmp(bytes + at, "EXIF", 4) == 0) {
            bool marked = length >= 6 && memcmp(content, "Exif\0", 6) == 0; /* some writers keep JPEG's mark */
            return exif_orientation(content + (marked ? 6 : 0), length - (marked ? 6 : 0));
        }
        at += 8 + length + (length & 1);
    }
    return 0;
}

sk_status decode_webp(struct decode_job *job) {
    WebPDecoderConfig config;
    FAIL_IF(!WebPInitDecoderConfig(&config), SK_EINTERNAL, "%s: libwebp has another version than it was built for",
            job->what);
    VP8StatusCode code = WebPGetFeatures(job->bytes, job->size, &config.input);
    job->traits->truncated = ends_early(code);
    FAIL_IF(code != VP8_STATUS_OK, SK_EFORMAT, "%s: broken WebP: %s", job->what, status_text(code));
    job->traits->alpha = config.input.has_alpha;
    FAIL_IF(config.input.has_animation, SK_EFORMAT, "%s: an animated WebP; only stills are read", job->what);
    TRY(decode_take(job, (uint32_t)config.input.height, (uint32_t)config.input.width, 3, 3));
    size_t stride = (size_t)config.input.width * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = job->picture->pixels;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (size_t)config.input.height;
    code = WebPDecode(job->bytes, job->size, &config);
    WebPFreeDecBuffer(&config.output);
    job->traits->truncated = ends_early(code);
    FAIL_IF(code != VP8_STATUS_OK, code == VP8_STATUS_OUT_OF_MEMORY ? SK_EMEMORY : SK_EFORMAT, "%s: broken WebP: %s",
            job->what, status_text(code));
    int found = find_orientation(job->bytes, job->size);
    if (found) job->traits->orientation = found;
    return SK_OK;
}
