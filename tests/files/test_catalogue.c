/* test_catalogue.c — published weight files: every row is sound, and is found by digest, file name and entry.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "files/published.h"

static void rows(void **state) {
    (void)state;
    size_t count, digests = 0, torchvision = 0;
    const struct published *table = published_table(&count);
    assert_int_equal(count, 150);
    for (size_t i = 0; i < count; i++) {
        const struct published *p = &table[i];
        char digest[PUBLISHED_DIGITS + 1];
        assert_true(p->crop >= 160 && p->crop <= 600 && p->resize >= p->crop && p->resize < 2 * p->crop);
        assert_true(p->squash ? p->resize == p->crop : true);
        assert_true(strcmp(p->filter, "bilinear") == 0 || strcmp(p->filter, "bicubic") == 0);
        for (int c = 0; c < 3; c++) assert_true(p->std[c] > 0.2F && p->std[c] <= 1 && p->mean[c] < 1);
        assert_true(p->acc1 == 0 || (p->acc1 > 60 && p->acc5 > p->acc1 && p->acc5 < 100));
        assert_true(p->parameters > 1500000 && p->licence[0] && p->recipe[0]);
        assert_ptr_equal(published_by_entry(p->model, p->entry), p);
        if (strcmp(p->source, "torchvision") == 0) {
            torchvision++;
            assert_true(p->acc1 > 0 && published_digest(p, digest));
        }
        if (!published_digest(p, digest)) {
            assert_null(published_by_file(p->file));
            continue;
        }
        digests++;
        assert_ptr_equal(published_by_digest(digest), p); /* so no two rows share a digest */
        assert_ptr_equal(published_by_file(p->file), p);
    }
    assert_int_equal(torchvision, 26);
    assert_true(digests > 110);
}

/* Numbers that torchvision's documentation gives. */
static void known(void **state) {
    (void)state;
    const struct published *one = published_by_entry("mobilenet_v2", "IMAGENET1K_V1"),
                           *two = published_by_entry("mobilenet_v2", "IMAGENET1K_V2");
    assert_true(one->resize == 256 && two->resize == 232 && one->crop == 224 && two->crop == 224);
    assert_true(one->acc1 == 71.878 && two->acc1 == 72.154);
    assert_string_equal(two->file, "mobilenet_v2-7ebf99e0.pth");
    assert_ptr_equal(published_by_digest("7ebf99e0e8d2dd0ea3b25b1ee8e1ea1c6b7f2a2b0f2a4a1c3d4e5f60718293a4"), two);
    assert_null(published_by_digest("7ebf99e1e8d2dd0ea3b25b1ee8e1ea1c6b7f2a2b0f2a4a1c3d4e5f60718293a4"));
    assert_null(published_by_digest(""));
    assert_null(published_by_entry("mobilenet_v2", "IMAGENET1K_V3"));
    assert_string_equal(published_by_entry(NULL, "tf_efficientnet_b3.ns_jft_in1k")->model, "efficientnet_b3");
}

static void classes(void **state) {
    (void)state;
    const char *const *names = imagenet_class_names(), *const *synsets = imagenet_class_synsets();
    assert_string_equal(names[0], "tench");
    assert_string_equal(names[281], "tabby");
    assert_string_equal(names[999], "toilet tissue");
    for (int i = 0; i < IMAGENET_CLASSES; i++) {
        assert_true(names[i][0] && strlen(synsets[i]) == 9 && synsets[i][0] == 'n');
        assert_true(utf8_valid(names[i], strlen(names[i])));
        if (i > 0) assert_true(strcmp(synsets[i - 1], synsets[i]) < 0); /* the order of every classifier */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(known), cmocka_unit_test(classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
