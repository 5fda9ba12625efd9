/* font.h — a bitmap font of 5 x 7 for the contact sheet.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_FONT_H
#define SK_VERBS_FONT_H

#include <stdint.h>

enum { FONT_WIDTH = 5, FONT_HEIGHT = 7, FONT_ADVANCE = 6 };

/* The rows of an ASCII character from above, the leftmost pixel in bit 4; a box for any other. */
const uint8_t *font_glyph(char c);

#endif
