/* scene.h — pictures of a few random waves: as many as wanted, none like another.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TESTS_DATA_SCENE_H
#define SK_TESTS_DATA_SCENE_H

#include <math.h>

#include "base/rng.h"
#include "data/picture.h"

enum { SCENE_SIDE = 48 };

/* A scene of a few random waves in three colours, each its own. */
static inline struct picture scene(struct arena *arena, uint64_t number, double brightness) {
    struct picture picture = {arena_alloc(arena, SCENE_SIDE * SCENE_SIDE * 3), SCENE_SIDE, SCENE_SIDE, 3};
    struct rng rng = rng_at(1, RNG_TEST, 0, number);
    double wave[6][4];
    for (int w = 0; w < 6; w++) {
        for (int k = 0; k < 2; k++) wave[w][k] = 12 * (rng_double(&rng) - 0.5) / SCENE_SIDE;
        wave[w][2] = rng_double(&rng);
        wave[w][3] = 40 * rng_double(&rng);
    }
    for (int i = 0; picture.pixels && i < SCENE_SIDE * SCENE_SIDE * 3; i++) {
        double value = 128;
        for (int w = 0; w < 6; w++)
            value += wave[w][3] * sin(2 * 3.14159265 *
                                      (wave[w][0] * (i / 3 % SCENE_SIDE) + wave[w][1] * (i / 3 / SCENE_SIDE) +
                                       wave[w][2] + 0.1 * (i % 3)));
        value *= brightness;
        picture.pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    return picture;
}

#endif
