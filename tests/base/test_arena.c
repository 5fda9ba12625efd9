/* test_arena.c — arenas, regions and blocks, with every allocation failing in turn.
 *
 * This test fails allocations. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "shim/failing.h"

static void allocations_are_zeroed_aligned_apart(void **state) {
    (void)state;
    struct arena arena = {0};
    unsigned char *last = NULL;
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *p = arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
        memset(p, 0xee, size);
        assert_ptr_not_equal(p, last);
        last = p;
    }
    unsigned char *large = arena_alloc(&arena, 5 << 20);
    assert_non_null(large);
    assert_int_equal(large[(5 << 20) - 1], 0);
    assert_true(arena.bytes >= 5 << 20);
    arena_free(&arena);
    assert_null(arena.head);
    assert_non_null(arena_alloc(&arena, 1)); /* usable again */
    arena_free(&arena);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    struct arena arena = {0};
    status_clear();
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_true(strstr(sk_error(), "memory") != NULL);
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(arena_strndup(&arena, "x", SIZE_MAX));
    struct region region;
    assert_int_equal(region_new(&region, SIZE_MAX - 8), SK_EMEMORY);
    assert_null(region.data);
    arena_free(&arena);
}

static void arrays_grow_and_keep(void **state) {
    (void)state;
    struct arena arena = {0};
    size_t capacity = 0;
    int *items = NULL;
    for (int i = 0; i < 1000; i++) {
        items = arena_grow(&arena, items, &capacity, (size_t)i + 1, sizeof *items);
        assert_non_null(items);
        items[i] = i;
    }
    assert_true(capacity >= 1000 && capacity < 2100);
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], i);
    arena_free(&arena);
}

static void texts(void **state) {
    (void)state;
    struct arena arena = {0};
    assert_string_equal(arena_strdup(&arena, "abc"), "abc");
    assert_string_equal(arena_strndup(&arena, "abcdef", 2), "ab");
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 42), "x-42");
    arena_free(&arena);
}

static void regions_are_zeroed_and_aligned(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 5000001};
    for (size_t i = 0; i < 4; i++) {
        struct region region;
        assert_int_equal(region_new(&region, sizes[i]), SK_OK);
        assert_int_equal((uintptr_t)region.data % (sizes[i] < 2 << 20 ? 64 << 10 : 2 << 20), 0);
        assert_int_equal(region.bytes, sizes[i]);
        const unsigned char *bytes = region.data;
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(bytes[k], 0);
        region_free(&region);
        assert_null(region.data);
    }
}

static void every_failure_is_said(void **state) {
    (void)state;
    struct arena arena = {0};
    fail_allocation(1);
    status_clear();
    assert_null(arena_alloc(&arena, 10));
    assert_string_equal(sk_error(), "cannot get 10 bytes of memory");
    struct region region;
    fail_allocation(1);
    assert_int_equal(region_new(&region, 10), SK_EMEMORY);
    fail_allocation(1);
    assert_null(block_new(3));
    char *block = block_new(3);
    block[0] = 'k';
    fail_allocation(1);
    assert_null(block_resize(block, 1 << 20));
    assert_int_equal(block[0], 'k'); /* still there */
    block_free(block);
    fail_allocation(0);
    arena_free(&arena);
}

/* Parse and write with the n-th allocation failing, for every n that occurs. */
static void json_survives_any_failure(void **state) {
    (void)state;
    static const char text[] = "{\"a\": [1, 2.5, \"x\"], \"b\": {\"c\": null, \"d\": true}}";
    bool failed = true;
    for (long n = 1; failed; n++) {
        struct arena arena = {0};
        struct json *json = NULL;
        fail_allocation(n);
        sk_status status = json_parse(&arena, text, sizeof text - 1, "text", &json);
        struct json_writer w = {0};
        jw_object(&w, NULL);
        for (int i = 0; i < 100; i++) jw_number(&w, "key", 1.0 / 3);
        jw_end_object(&w);
        failed = allocation_failed();
        fail_allocation(0);
        assert_int_equal(status != SK_OK || text_check(&w.text) != SK_OK, failed);
        if (status != SK_OK) assert_int_equal(status, SK_EMEMORY);
        text_free(&w.text);
        arena_free(&arena);
        assert_true(n < 1000);
    }
}

/* Whole pages inside the part read as zero, what lies around them stays. */
static void a_dropped_part_is_gone(void **state) {
    (void)state;
    const size_t bytes = 6 << 20, begin = 100, size = 4 << 20, page = 64 << 10;
    struct region region;
    assert_int_equal(region_new(&region, bytes), SK_OK);
    unsigned char *data = region.data;
    memset(data, 7, bytes);
    region_drop(data + begin, size);
    for (size_t i = 0; i < begin; i++) assert_int_equal(data[i], 7);
    for (size_t i = begin + size; i < bytes; i++) assert_int_equal(data[i], 7);
    for (size_t i = page; i < size - page; i++) assert_int_equal(data[i], 0);
    region_drop(data + 1, 10); /* no whole page: nothing */
    assert_int_equal(data[1], 7);
    region_free(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_aligned_apart),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(arrays_grow_and_keep),
        cmocka_unit_test(texts),
        cmocka_unit_test(regions_are_zeroed_and_aligned),
        cmocka_unit_test(a_dropped_part_is_gone),
        cmocka_unit_test(every_failure_is_said),
        cmocka_unit_test(json_survives_any_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
