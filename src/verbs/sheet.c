/* sheet.c — drawing the contact sheet.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/sheet.h"

#include <string.h>

#include "augment/resize.h"
#include "data/png_write.h"
#include "verbs/font.h"

enum {
    SIDE = 192,
    GAP = 12,
    CELL_WIDTH = SIDE + GAP,
};

/* How the text below the pictures looks. */
struct layout {
    int zoom;  /* of the font */
    int lines; /* below each picture */
};

static int line_height(const struct layout *layout) {
    return FONT_HEIGHT * layout->zoom + 4;
}

static int cell_height(const struct layout *layout) {
    return SIDE + GAP + layout->lines * line_height(layout);
}

static void put_pixel(struct picture *sheet, int y, int x, const uint8_t colour[3]) {
    if (y < 0 || x < 0 || y >= sheet->height || x >= sheet->width) return;
    memcpy(sheet->pixels + ((size_t)y * (size_t)sheet->width + (size_t)x) * 3, colour, 3);
}

/* What does not fit the cell is cut. */
struct place {
    int top, left, zoom;
};
static void put_text(struct picture *sheet, const struct place *place, const char *text, const uint8_t colour[3]) {
    int zoom = place->zoom, room = SIDE / (zoom * FONT_ADVANCE);
    for (int i = 0; text[i] && i < room; i++) {
        const uint8_t *rows = font_glyph(text[i]);
        for (int y = 0; y < FONT_HEIGHT * zoom; y++)
            for (int x = 0; x < FONT_WIDTH * zoom; x++)
                if (rows[y / zoom] >> (FONT_WIDTH - 1 - x / zoom) & 1)
                    put_pixel(sheet, place->top + y, place->left + i * zoom * FONT_ADVANCE + x, colour);
    }
}

/* Small pictures are enlarged by a whole factor, so that their pixels stay what they are; large ones shrunk. */
static sk_status put_picture(struct picture *sheet, int top, int left, const struct picture *source) {
    struct scratch scratch = {0};
    struct picture shown;
    int longer = source->height > source->width ? source->height : source->width;
    int zoom = SIDE / longer;
    int height = zoom ? source->height * zoom : (int)((int64_t)source->height * SIDE / longer);
    int width = zoom ? source->width * zoom : (int)((int64_t)source->width * SIDE / longer);
    height = height < 1 ? 1 : height, width = width < 1 ? 1 : width;
    sk_status status =
        resize_picture(source, NULL, height, width, zoom ? RESIZE_NEAREST : RESIZE_BILINEAR, &scratch, &shown);
    for (int y = 0; status == SK_OK && y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *from = shown.pixels + ((size_t)y * (size_t)width + (size_t)x) * (size_t)shown.channels;
            const uint8_t grey[3] = {from[0], from[0], from[0]};
            put_pixel(sheet, top + (SIDE - height) / 2 + y, left + (SIDE - width) / 2 + x,
                      shown.channels == 1 ? grey : from);
        }
    scratch_free(&scratch);
    return status;
}

static sk_status draw(struct picture *sheet, const struct layout *layout, const struct sheet_cell *cells,
                      size_t count) {
    static const uint8_t black[3] = {20, 20, 20}, red[3] = {190, 20, 20};
    memset(sheet->pixels, 255, (size_t)sheet->height * (size_t)sheet->width * 3);
    for (size_t i = 0; i < count; i++) {
        int top = GAP + (int)(i / SHEET_COLUMNS) * cell_height(layout),
            left = GAP + (int)(i % SHEET_COLUMNS) * CELL_WIDTH;
        TRY(put_picture(sheet, top, left, &cells[i].picture));
        for (int l = 0; l < layout->lines; l++) {
            struct place place = {top + SIDE + 4 + l * line_height(layout), left, layout->zoom};
            if (cells[i].lines[l]) put_text(sheet, &place, cells[i].lines[l], l == 0 && cells[i].mark ? red : black);
        }
    }
    return SK_OK;
}

static sk_status write_sheet(const char *path, const struct layout *layout, const struct sheet_cell *cells,
                             size_t count) {
    int columns = count < SHEET_COLUMNS ? (int)count : SHEET_COLUMNS,
        rows = (int)((count + SHEET_COLUMNS - 1) / SHEET_COLUMNS);
    struct picture sheet = {
        .height = GAP + rows * cell_height(layout), .width = GAP + columns * CELL_WIDTH, .channels = 3};
    struct region pixels;
    TRY(region_new(&pixels, (size_t)sheet.height * (size_t)sheet.width * 3));
    sheet.pixels = pixels.data;
    sk_status status = draw(&sheet, layout, cells, count);
    if (status == SK_OK) status = save_png(&sheet, path);
    region_free(&pixels);
    return status;
}

sk_status sheet_write(const char *path, const struct sheet_cell *cells, size_t count) {
    return write_sheet(path, &(struct layout){2, SHEET_LINES}, cells, count);
}

sk_status sheet_write_small(const char *path, const struct sheet_cell *cells, size_t count) {
    struct layout layout = {1, 1};
    for (size_t i = 0; i < count; i++)
        for (int l = layout.lines; l < SHEET_LINES_MOST && cells[i].lines[l]; l++) layout.lines = l + 1;
    return write_sheet(path, &layout, cells, count);
}
