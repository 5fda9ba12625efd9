/* heat.c — enlarging a map and colouring a picture by it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/heat.h"

/* The two neighbours of a pixel's centre on one axis, and the second one's share. */
struct neighbours {
    int64_t first, second;
    float share;
};

static struct neighbours neighbours_of(int64_t at, int64_t large, int64_t small) {
    float place = ((float)at + 0.5f) * (float)small / (float)large - 0.5f;
    if (place < 0) place = 0;
    int64_t first = (int64_t)place;
    if (first > small - 1) first = small - 1;
    int64_t second = first + 1 < small ? first + 1 : first;
    return (struct neighbours){first, second, place - (float)first};
}

float *heat_enlarge(struct arena *arena, const float *map, int64_t height, int64_t width,
                    const struct picture *picture) {
    float *heat = arena_array(arena, (size_t)picture->height * (size_t)picture->width, sizeof *heat);
    for (int y = 0; heat && y < picture->height; y++) {
        struct neighbours down = neighbours_of(y, picture->height, height);
        const float *above = map + down.first * width, *below = map + down.second * width;
        for (int x = 0; x < picture->width; x++) {
            struct neighbours across = neighbours_of(x, picture->width, width);
            float top = above[across.first] + (above[across.second] - above[across.first]) * across.share;
            float bottom = below[across.first] + (below[across.second] - below[across.first]) * across.share;
            heat[(int64_t)y * picture->width + x] = top + (bottom - top) * down.share;
        }
    }
    return heat;
}

/* Blue, cyan, yellow, red, with straight lines between. */
static void colour_of(float heat, float colour[3]) {
    static const float stops[][3] = {{0, 0, 160},   {0, 110, 255}, {0, 230, 230},
                                     {255, 235, 0}, {255, 90, 0},  {200, 0, 0}};
    enum { LAST = sizeof stops / sizeof *stops - 1 };
    float at = (heat < 0 ? 0 : heat > 1 ? 1 : heat) * (float)LAST;
    int stop = (int)at < LAST ? (int)at : LAST - 1;
    for (int c = 0; c < 3; c++) colour[c] = stops[stop][c] + (stops[stop + 1][c] - stops[stop][c]) * (at - (float)stop);
}

sk_status heat_overlay(struct arena *arena, const float *heat, const struct picture *picture, struct picture *result) {
    size_t count = (size_t)picture->height * (size_t)picture->width;
    *result = (struct picture){.height = picture->height, .width = picture->width, .channels = 3};
    result->pixels = arena_array(arena, count, 3);
    if (!result->pixels) return SK_EMEMORY;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = picture->pixels + i * (size_t)picture->channels;
        float colour[3];
        colour_of(heat[i], colour);
        for (int c = 0; c < 3; c++)
            result->pixels[i * 3 + (size_t)c] =
                (uint8_t)(0.5f * colour[c] + 0.5f * (float)from[picture->channels == 3 ? c : 0] + 0.5f);
    }
    return SK_OK;
}
