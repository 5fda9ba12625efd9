/* png_write.c — writes a picture as PNG by libpng's simplified interface, which needs no setjmp.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/png_write.h"

#include <string.h>

#include <png.h>

#include "base/file.h"

sk_status encode_png(const struct picture *picture, struct text *out) {
    FAIL_IF(picture->height < 1 || picture->width < 1, SK_EINTERNAL, "PNG: a picture of %dx%d pixels", picture->height,
            picture->width);
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = (png_uint_32)picture->width,
        .height = (png_uint_32)picture->height,
        .format = picture->channels == 1   ? PNG_FORMAT_GRAY
                  : picture->channels == 3 ? PNG_FORMAT_RGB
                                           : PNG_FORMAT_RGBA,
    };
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *bytes = block_new(size);
    if (!bytes) return SK_EMEMORY;
    int done = png_image_write_to_memory(&image, bytes, &size, 0, picture->pixels, 0, NULL);
    if (done) text_add_n(out, bytes, size);
    block_free(bytes);
    FAIL_IF(!done, SK_EINTERNAL, "PNG: %s", image.message);
    return text_check(out);
}

sk_status save_png(const struct picture *picture, const char *path) {
    struct text png = {0};
    sk_status status = encode_png(picture, &png);
    if (status == SK_OK) status = file_replace(path, png.data, png.length);
    text_free(&png);
    return status;
}
