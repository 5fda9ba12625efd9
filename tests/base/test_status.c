/* test_status.c — sentences, their prefixes, threads, exit codes. SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static void sentence_is_kept_and_prefixed(void **state) {
    (void)state;
    assert_int_equal(status_fail(SK_EIO, "%s: byte %d", "x.npy", 7), SK_EIO);
    assert_string_equal(sk_error(), "x.npy: byte 7");
    assert_int_equal(status_prefix(SK_EFORMAT, "recipe %d", 3), SK_EFORMAT);
    assert_string_equal(sk_error(), "recipe 3: x.npy: byte 7");
    /* The old sentence as an argument of the new one. */
    status_fail(SK_EIO, "again: %s", sk_error());
    assert_string_equal(sk_error(), "again: recipe 3: x.npy: byte 7");
    status_clear();
    assert_string_equal(sk_error(), "");
}

static void long_sentences_are_cut(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    status_fail(SK_EIO, "%s", text);
    assert_int_equal(strlen(sk_error()), 1023);
    status_prefix(SK_EIO, "%s", "where");
    assert_int_equal(strlen(sk_error()), 1023);
    assert_memory_equal(sk_error(), "where: aaa", 10);
    status_prefix(SK_EIO, "%s", text);
    assert_int_equal(strlen(sk_error()), 1023);
}

static void *fail_elsewhere(void *arg) {
    status_fail(SK_EIO, "another thread's");
    return arg;
}

static void sentences_belong_to_threads(void **state) {
    (void)state;
    status_fail(SK_EIO, "mine");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(sk_error(), "mine");
}

static sk_status middle(int *reached, sk_status inner) {
    TRY(inner);
    *reached = 1;
    FAIL_IF(*reached, SK_EGATE, "the gate");
    return SK_OK;
}

static void try_and_fail_if_return(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(middle(&reached, SK_EDATA), SK_EDATA);
    assert_int_equal(reached, 0);
    assert_int_equal(middle(&reached, SK_OK), SK_EGATE);
    assert_string_equal(sk_error(), "the gate");
}

static void exit_codes(void **state) {
    (void)state;
    static const int codes[][2] = {{SK_OK, 0},     {SK_EUSAGE, 2},         {SK_EIO, 1},      {SK_EFORMAT, 1},
                                   {SK_ESHAPE, 1}, {SK_EMEMORY, 1},        {SK_EDATA, 1},    {SK_EDIVERGED, 3},
                                   {SK_EGATE, 4},  {SK_EINTERRUPTED, 130}, {SK_EINTERNAL, 1}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_int_equal(sk_exit_code((sk_status)codes[i][0]), codes[i][1]);
    }
    assert_string_equal(sk_version(), "0.1.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_is_kept_and_prefixed),
        cmocka_unit_test(long_sentences_are_cut),
        cmocka_unit_test(sentences_belong_to_threads),
        cmocka_unit_test(try_and_fail_if_return),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
