/* test_sha256.c — the standard's own examples, and every way to cut the bytes into pieces.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

static const char *digest_of(const void *bytes, size_t size, char text[SHA256_TEXT]) {
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, bytes, size);
    sha256_end(&hash, text);
    return text;
}

/* NIST's example values for SHA-256: one block, two blocks, none, and a million times 'a'. */
static void standard(void **state) {
    (void)state;
    char text[SHA256_TEXT];
    static const char *const known[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "s"
         "tu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_string_equal(digest_of(known[i][0], strlen(known[i][0]), text), known[i][1]);
    struct sha256 hash;
    char thousand[1000];
    memset(thousand, 'a', sizeof thousand);
    sha256_begin(&hash);
    for (int i = 0; i < 1000; i++) sha256_add(&hash, thousand, sizeof thousand);
    sha256_end(&hash, text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every length around the block's borders, in pieces of every size: the same as at once. */
static void pieces(void **state) {
    (void)state;
    uint8_t bytes[200];
    char whole[SHA256_TEXT], cut[SHA256_TEXT], last[SHA256_TEXT] = "";
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        digest_of(bytes, size, whole);
        assert_string_not_equal(whole, last);
        memcpy(last, whole, sizeof last);
        for (size_t piece = 1; piece <= 130; piece++) {
            struct sha256 hash;
            sha256_begin(&hash);
            for (size_t at = 0; at < size; at += piece)
                sha256_add(&hash, bytes + at, size - at < piece ? size - at : piece);
            sha256_end(&hash, cut);
            assert_string_equal(cut, whole);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(standard), cmocka_unit_test(pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
