/* picture_arg.c — opening IMAGE.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/picture_arg.h"

#include <string.h>

#include "base/file.h"
#include "data/decode.h"

sk_status picture_read(const char *path, enum exif_policy exif, struct scratch *scratch, struct picture *picture) {
    struct file_bytes bytes;
    struct decode_options options = {.exif = exif};
    TRY(file_map(path, &bytes));
    sk_status status = decode_picture(bytes.data, bytes.size, path, &options, scratch, picture);
    file_unmap(&bytes);
    return status;
}

sk_status picture_keep(struct arena *arena, const struct picture *picture, struct picture *kept) {
    size_t bytes = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
    *kept = *picture;
    kept->pixels = arena_alloc(arena, bytes);
    if (!kept->pixels) return SK_EMEMORY;
    memcpy(kept->pixels, picture->pixels, bytes);
    return SK_OK;
}
