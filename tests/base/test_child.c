/* test_child.c — a child's output, its last words, and what becomes of one that crashes, hangs or grows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/child.h"

static sk_status shell(const char *script, uint8_t **output, size_t *size) {
    const char *const arguments[] = {"/bin/sh", "-c", script, NULL};
    struct child_request request = {
        .arguments = arguments, .what = "it", .seconds = 2, .memory_max = (size_t)1 << 30, .output_max = 1 << 20};
    status_clear();
    return child_run(&request, output, size);
}

static void expect(const char *script, const char *sentence) {
    uint8_t *output = NULL;
    size_t size;
    if (shell(script, &output, &size) == SK_OK) fail_msg("%s succeeded", script);
    assert_null(output);
    if (strncmp(sk_error(), sentence, strlen(sentence)) != 0) fail_msg("%s says \"%s\"", script, sk_error());
}

static void output(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(shell("printf hello; echo aside >&2", &bytes, &size), SK_OK);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "hello", 5);
    block_free(bytes);
    assert_int_equal(shell("head -c 1000000 /dev/zero", &bytes, &size), SK_OK); /* more than a pipe holds */
    assert_int_equal(size, 1000000);
    block_free(bytes);
    assert_int_equal(shell("true", &bytes, &size), SK_OK);
    assert_int_equal(size, 0);
    block_free(bytes);
}

static void failures(void **state) {
    (void)state;
    expect("echo first >&2; echo 'the last line' >&2; exit 3", "it: the last line");
    expect("head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2; exit 1", "it: end");
    expect("exit 3", "it: sh failed with exit code 3 and said nothing");
    expect("kill -SEGV $$", "it: sh crashed on it (signal 11, Segmentation fault)");
    expect("kill -KILL $$", "it: sh was stopped because it took too much time or memory");
    expect("head -c 3000000 /dev/zero", "it: its content grew beyond 1048576 bytes");
    expect("echo x >/tmp/siskin-must-not-exist.$$", "it: "); /* it may write no file */
}

static void hanging(void **state) {
    (void)state;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    expect("sleep 60", "it: reading it took more than 2 s");
    expect("exec sleep 60 >&- 2>&-", "it: sh was stopped because it took too much time or memory");
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_in_range(end.tv_sec - begin.tv_sec, 2, 20);
}

static void finding(void **state) {
    (void)state;
    struct arena arena = {0};
    const char *path;
    assert_int_equal(child_find(&arena, "sh", "SISKIN_NO_SUCH_VARIABLE", &path), SK_OK);
    assert_int_equal(child_find(&arena, "no-such-program", "SISKIN_NO_SUCH_VARIABLE", &path), SK_EIO);
    assert_int_equal(child_find(&arena, "x", "HOME", &path), SK_EIO); /* a folder */
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output),
        cmocka_unit_test(failures),
        cmocka_unit_test(hanging),
        cmocka_unit_test(finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
