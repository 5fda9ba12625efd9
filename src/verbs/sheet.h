/* sheet.h — a contact sheet: pictures with a few lines of text below each, as one PNG.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_SHEET_H
#define SK_VERBS_SHEET_H

#include <stdbool.h>

#include "data/picture.h"

enum { SHEET_LINES = 4, SHEET_COLUMNS = 5, SHEET_LINES_MOST = 14 };

struct sheet_cell {
    struct picture picture;              /* shown scaled into a square */
    const char *lines[SHEET_LINES_MOST]; /* sheet_write shows the first SHEET_LINES */
    bool mark;                           /* the first line in red: a wrong prediction */
};

sk_status sheet_write(const char *path, const struct sheet_cell *cells, size_t count);
/* The same with letters of half the size, and as many lines as any cell has. */
sk_status sheet_write_small(const char *path, const struct sheet_cell *cells, size_t count);

#endif
