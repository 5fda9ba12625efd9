/* test_tar_walk.c — tar headers built by hand: where a member's name and its size come from, and what is refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/tar_walk.h"

enum { ROOM = 64 * TAR_BLOCK, PREFIX = 345, TYPE = 156, SIZE = 124, SUM = 148 };

struct archive {
    uint8_t bytes[ROOM];
    size_t size;
};

static void sum_up(uint8_t *block) {
    unsigned sum = 0;
    memset(block + SUM, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++) sum += block[i];
    snprintf((char *)block + SUM, 8, "%06o", sum);
}

/* A header and `size` bytes behind it; returns the header, to be changed and summed up again. */
static uint8_t *add(struct archive *a, const char *name, char type, const void *data, size_t size) {
    uint8_t *block = a->bytes + a->size;
    assert_true(a->size + TAR_BLOCK + size <= ROOM);
    assert_true(tar_header(block, name, size));
    block[TYPE] = (uint8_t)type;
    sum_up(block);
    memcpy(block + TAR_BLOCK, data, size);
    a->size += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    return block;
}

/* One member of that name and these bytes, and no more. */
static void holds(const struct archive *a, const char *name, const char *text) {
    struct tar_walk tar = {.bytes = a->bytes, .size = a->size, .what = "a.tar"};
    struct tar_file file;
    bool end = false;
    if (tar_next(&tar, &file, &end) != SK_OK) fail_msg("%s", sk_error());
    assert_false(end);
    assert_string_equal(file.name, name);
    assert_true(file.regular && !file.link);
    assert_int_equal(file.size, strlen(text));
    assert_memory_equal(a->bytes + file.offset, text, strlen(text));
    assert_int_equal(tar_next(&tar, &file, &end), SK_OK);
    assert_true(end);
}

static void refused(const struct archive *a, const char *sentence) {
    struct tar_walk tar = {.bytes = a->bytes, .size = a->size, .what = "a.tar"};
    struct tar_file file;
    bool end = false;
    sk_status status = SK_OK;
    while (status == SK_OK && !end) status = tar_next(&tar, &file, &end);
    assert_int_equal(status, SK_EFORMAT);
    if (!strstr(sk_error(), sentence)) fail_msg("expected \"%s\", got \"%s\"", sentence, sk_error());
}

/* A folder of up to 155 bytes stands apart from the name; neither ends with a NUL where it fills its field. */
static void folders(void **state) {
    (void)state;
    char folder[156], name[101], whole[300];
    struct archive a = {.size = 0};
    memcpy(add(&a, "cat.jpg", '0', "abc", 3) + PREFIX, "photos/n01", 10);
    sum_up(a.bytes);
    holds(&a, "photos/n01/cat.jpg", "abc");
    memset(folder, 'd', 155), folder[155] = 0;
    memset(name, 'f', 100), name[100] = 0;
    a = (struct archive){.size = 0};
    memcpy(add(&a, name, '0', "abcd", 4) + PREFIX, folder, 155);
    sum_up(a.bytes);
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    holds(&a, whole, "abcd");
    /* What stands there in a header of another kind is none. */
    memcpy(a.bytes + 257, "ustar  ", 7);
    sum_up(a.bytes);
    holds(&a, name, "abcd");
    a = (struct archive){.size = 0};
    add(&a, "././dog/1.jpg", '0', "x", 1);
    holds(&a, "dog/1.jpg", "x");
}

static void long_names(void **state) {
    (void)state;
    struct archive a = {.size = 0};
    add(&a, "./PaxHeaders/x", 'x', "22 path=pax/owl/7.jpg\n11 mtime=1\n", 33);
    memcpy(add(&a, "cut", '0', "abc", 3) + PREFIX, "wrong", 5);
    sum_up(a.bytes + 2 * TAR_BLOCK);
    holds(&a, "pax/owl/7.jpg", "abc");
    a = (struct archive){.size = 0};
    add(&a, "././@LongLink", 'L', "gnu/owl/8.jpg", 14);
    add(&a, "cut", '0', "abcde", 5);
    holds(&a, "gnu/owl/8.jpg", "abcde");
    /* A size in the extended header is the one that counts. */
    a = (struct archive){.size = 0};
    add(&a, "x", 'x', "10 size=4\n", 10);
    uint8_t *block = add(&a, "y.jpg", '0', "abcd", 4);
    memset(block + SIZE, '0', 11);
    sum_up(block);
    holds(&a, "y.jpg", "abcd");
    /* It belongs to the member behind it alone. */
    a = (struct archive){.size = 0};
    add(&a, "x", 'x', "12 path=one\n", 12);
    add(&a, "cut", '0', "1", 1);
    size_t second = a.size;
    add(&a, "two", '0', "22", 2);
    struct archive rest = {.size = a.size - second};
    memcpy(rest.bytes, a.bytes + second, rest.size);
    holds(&rest, "two", "22");
    struct tar_walk tar = {.bytes = a.bytes, .size = a.size, .what = "a.tar"};
    struct tar_file file;
    bool end;
    assert_int_equal(tar_next(&tar, &file, &end), SK_OK);
    assert_string_equal(file.name, "one");
    assert_int_equal(tar_next(&tar, &file, &end), SK_OK);
    assert_string_equal(file.name, "two");
}

/* GNU's sizes in base 256 go beyond 8 GiB; the sum of such a header must hold, too. */
static void large_sizes(void **state) {
    (void)state;
    static uint8_t block[TAR_BLOCK];
    struct tar_walk tar = {.bytes = block, .size = sizeof block, .what = "a.tar"};
    struct tar_file file;
    bool end;
    assert_true(tar_header(block, "huge.jpg", (uint64_t)10 << 30));
    assert_true(tar_is_header(block, sizeof block));
    assert_int_equal(tar_next(&tar, &file, &end), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "\"huge.jpg\" has 10737418240 bytes at byte 512"));
    assert_false(tar_header(block, "", 1));
}

static void broken(void **state) {
    (void)state;
    struct archive a = {.size = 0};
    add(&a, "one.jpg", '0', "abc", 3)[0] = 'O';
    refused(&a, "no tar header at byte 0: its checksum is wrong");
    a = (struct archive){.size = 0};
    add(&a, "one.jpg", '0', "abc", 3);
    a.size = TAR_BLOCK + 2;
    refused(&a, "\"one.jpg\" has 3 bytes at byte 512");
    a.size = TAR_BLOCK - 1;
    refused(&a, "ends within a header, at byte 0");
    a = (struct archive){.size = 0};
    add(&a, "x", 'x', "99 path=one\n", 12);
    refused(&a, "a broken pax header at byte 0");
    a = (struct archive){.size = 0};
    add(&a, "x", 'x', "12 path=one\n", 12);
    refused(&a, "ends behind a pax header");
    a = (struct archive){.size = 0};
    add(&a, "x", 'S', "", 0);
    refused(&a, "a sparse file at byte 0");
    a = (struct archive){.size = 0};
    add(&a, "x", '0', "", 0)[SIZE] = '9';
    sum_up(a.bytes);
    refused(&a, "the header at byte 0 has a broken size");
}

/* Folders and links may state a size, and have no bytes. */
static void others(void **state) {
    (void)state;
    static const char types[] = {'5', '1', '2'};
    for (size_t i = 0; i < sizeof types; i++) {
        struct archive a = {.size = 0};
        uint8_t *block = add(&a, types[i] == '5' ? "dir/" : "link.jpg", types[i], "", 0);
        block[SIZE + 10] = '7';
        sum_up(block);
        add(&a, "next.jpg", '0', "n", 1);
        struct tar_walk tar = {.bytes = a.bytes, .size = a.size, .what = "a.tar"};
        struct tar_file file;
        bool end;
        assert_int_equal(tar_next(&tar, &file, &end), SK_OK);
        assert_true(!file.regular && file.size == 0 && file.link == (types[i] != '5'));
        assert_int_equal(tar_next(&tar, &file, &end), SK_OK);
        assert_string_equal(file.name, "next.jpg");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(folders), cmocka_unit_test(long_names),
                                       cmocka_unit_test(large_sizes), cmocka_unit_test(broken),
                                       cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
