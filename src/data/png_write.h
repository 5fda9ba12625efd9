/* png_write.h — a picture as a PNG file, for contact sheets and overlays.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_PNG_WRITE_H
#define SK_DATA_PNG_WRITE_H

#include "base/text.h"
#include "data/picture.h"

/* Append the PNG's bytes (grey, RGB or RGBA) to `out`, which may hold zero bytes; text_free it. */
sk_status encode_png(const struct picture *picture, struct text *out);
/* The same to a file, atomically. */
sk_status save_png(const struct picture *picture, const char *path);

#endif
