/* test_phash.c — near pictures are found, others are not, and groups equal those of comparing every pair.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "augment/resize.h"
#include "data/phash.h"
#include "data/scene.h"

enum { SIDE = SCENE_SIDE, SCENES = 500 };

static struct phash hash_of(const struct picture *picture) {
    struct scratch scratch = {0};
    struct phash hash;
    assert_int_equal(phash_of(picture, &scratch, &hash), SK_OK);
    scratch_free(&scratch);
    return hash;
}

static void changed_pictures_stay_near(void **state) {
    (void)state;
    for (uint64_t n = 0; n < 20; n++) {
        struct arena arena = {0};
        struct scratch scratch = {0};
        struct picture first = scene(&arena, n, 1), bright = scene(&arena, n, 1.1), small;
        struct phash a = hash_of(&first), b = hash_of(&bright);
        assert_true(phash_near(&a, &a));
        assert_true(phash_near(&a, &b));
        assert_int_equal(resize_picture(&first, NULL, 40, 61, RESIZE_BICUBIC, &scratch, &small), SK_OK);
        b = hash_of(&small);
        assert_in_range(phash_distance(a.bits, b.bits), 0, PHASH_NEAR);
        assert_true(phash_near(&a, &b));
        for (int i = 0; i < SIDE * SIDE * 3; i++) first.pixels[i] = (uint8_t)(first.pixels[i] & ~7U); /* coarse */
        b = hash_of(&first);
        assert_true(phash_near(&a, &b));
        scratch_free(&scratch);
        arena_free(&arena);
    }
}

static void layout_alone_is_not_near(void **state) {
    (void)state;
    struct arena arena = {0};
    struct picture first = scene(&arena, 3, 1), other = scene(&arena, 3, 1);
    for (int i = 0; i < SIDE * SIDE * 3; i++) /* the same slopes of other steepness, as of another thing */
        other.pixels[i] = (uint8_t)(255 * pow(other.pixels[i] / 255.0, 4));
    struct phash a = hash_of(&first), b = hash_of(&other);
    assert_in_range(phash_distance(a.bits, b.bits), 0, PHASH_NEAR);
    assert_false(phash_near(&a, &b));
    for (int i = 0; i < SIDE * SIDE; i++) { /* the same shapes in other colours */
        other.pixels[3 * i] = first.pixels[3 * i + 1];
        other.pixels[3 * i + 1] = first.pixels[3 * i];
        other.pixels[3 * i + 2] = 0;
    }
    b = hash_of(&other);
    assert_false(phash_near(&a, &b));
    for (int i = 0; i < SIDE * SIDE * 3; i++) other.pixels[i] = 200;
    b = hash_of(&other);
    assert_true(b.plain);
    assert_false(phash_near(&b, &b));
    arena_free(&arena);
}

/* 500 scenes, every tenth also darkened: pairs by pieces equal pairs by all comparisons. */
static void pairs_equal_all_comparisons(void **state) {
    (void)state;
    enum { COUNT = SCENES + SCENES / 10 };
    static struct phash hashes[COUNT];
    static const struct phash *at[COUNT];
    static uint32_t first[COUNT], group[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        struct arena arena = {0};
        bool again = i >= SCENES;
        struct picture picture = scene(&arena, again ? (i - SCENES) * 10 : i, again ? 0.93 : 1);
        hashes[i] = hash_of(&picture);
        at[i] = i == 7 ? NULL : &hashes[i]; /* one could not be read */
        arena_free(&arena);
    }
    assert_int_equal(phash_pairs(at, COUNT, first), SK_OK);
    assert_int_equal(phash_group(at, COUNT, group), SK_OK);
    uint32_t found = 0;
    for (uint32_t j = 0; j < COUNT; j++) {
        uint32_t expected = j;
        for (uint32_t i = 0; i < j && expected == j; i++)
            if (at[i] && at[j] && phash_near(at[i], at[j])) expected = i;
        assert_int_equal(first[j], expected);
        assert_int_equal(group[j], first[j] == j ? j : group[first[j]]);
        if (j < SCENES) assert_int_equal(first[j], j); /* no false alarm among 500 */
        found += first[j] != j;
    }
    assert_int_equal(found, SCENES / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_pictures_stay_near),
        cmocka_unit_test(layout_alone_is_not_near),
        cmocka_unit_test(pairs_equal_all_comparisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
