/* jpeg_scan.h — our own decoding of the usual JPEG, for parts of pictures; libjpeg has read the header.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_JPEG_SCAN_H
#define SK_DATA_JPEG_SCAN_H

#include <stdio.h>

#include <jpeglib.h>

#include "data/picture.h"

/* Decode `box` to `to` (box->height,box->width,C), C = 3 (RGB) or 1, with the bits that libjpeg-turbo gives. False: this is
 * not for us (an unusual kind, or anything at all wrong with the data), and libjpeg, whose state is untouched, is to
 * decode it. With `to_the_end` all data were gone through, otherwise no more than needed. */
bool jpeg_scan(const struct jpeg_decompress_struct *info, const struct picture_box *box, bool to_the_end,
               struct scratch *scratch, uint8_t *to);

#endif
