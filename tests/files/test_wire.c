/* test_wire.c — protocol buffers' wire format, byte for byte as its encoding guide and protobuf's own library write it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "files/wire.h"

static void is(struct text *text, const char *bytes, size_t size) {
    assert_int_equal(text_check(text), SK_OK);
    assert_int_equal(text->length, size);
    assert_memory_equal(text->data, bytes, size);
    text_free(text);
    *text = (struct text){0};
}
#define IS(text, bytes) is(text, bytes, sizeof(bytes) - 1)

static void numbers(void **state) {
    (void)state;
    struct text out = {0};
    wire_integer(&out, 1, 150); /* the guide's own example */
    IS(&out, "\x08\x96\x01");
    wire_integer(&out, 1, 0);
    IS(&out, "\x08\x00");
    wire_integer(&out, 15, 127);
    IS(&out, "\x78\x7f");
    wire_integer(&out, 16, 128); /* the tag takes two bytes from here */
    IS(&out, "\x80\x01\x80\x01");
    wire_integer(&out, 20, -1);
    IS(&out, "\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    wire_integer(&out, 1, INT64_MIN);
    IS(&out, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
    wire_integer(&out, 1, INT64_MAX);
    IS(&out, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
    wire_float(&out, 2, -0.5f);
    IS(&out, "\x15\x00\x00\x00\xbf");
    wire_double(&out, 3, 1.0);
    IS(&out, "\x19\x00\x00\x00\x00\x00\x00\xf0\x3f");
}

static void lengths(void **state) {
    (void)state;
    struct text out = {0}, inner = {0};
    wire_string(&out, 2, "testing");
    IS(&out, "\x12\x07testing");
    wire_bytes(&out, 2, "a\0b", 3);
    IS(&out, "\x12\x03"
             "a\0b");
    wire_bytes(&out, 2, NULL, 0);
    IS(&out, "\x12\x00");
    wire_integer(&inner, 1, 150);
    wire_message(&out, 3, &inner);
    IS(&out, "\x1a\x03\x08\x96\x01");
    wire_head(&out, 9, 300);
    IS(&out, "\x4a\xac\x02");
    text_free(&inner);
}

/* A part that could not grow must not vanish in silence. */
static void a_failed_message_fails_the_whole(void **state) {
    (void)state;
    struct text out = {0}, inner = {.failed = true};
    wire_message(&out, 3, &inner);
    assert_int_equal(text_check(&out), SK_EMEMORY);
    text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(a_failed_message_fails_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
