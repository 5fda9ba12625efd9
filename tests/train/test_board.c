/* test_board.c — TensorBoard's event file: bytes of one event against TensorFlow's, whole records, none before a value.
 *
 * The expected record is what TensorFlow's own writer makes of the same event. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "ok.h"
#include "train/board.h"

#define FOLDER SCRATCH "/board"

static uint32_t word(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The messages of a file's records, checked; returns their number. */
static int records(const uint8_t *bytes, size_t size, const uint8_t **message, size_t *length) {
    int count = 0;
    for (size_t at = 0; at < size; count++) {
        assert_true(size - at >= 16);
        length[count] = word(bytes + at);
        assert_int_equal(word(bytes + at + 4), 0);
        assert_int_equal(word(bytes + at + 8), crc32c_masked(bytes + at, 8));
        message[count] = bytes + at + 12;
        assert_int_equal(word(message[count] + length[count]), crc32c_masked(message[count], length[count]));
        at += 16 + length[count];
    }
    return count;
}

static void events_are_as_tensorflow_writes_them(void **state) {
    (void)state;
    /* step 300; two values. Behind the wall time (9 bytes): field 2, varint 300; field 5: the summary. */
    static const uint8_t expected[] = {0x10, 0xAC, 0x02, 0x2A, 0x24, 0x0A, 0x11, 0x0A, 0x0A, 't',  'r',
                                       'a',  'i',  'n',  '/',  'l',  'o',  's',  's',  0x15, 0x00, 0x00,
                                       0x20, 0x40, 0x0A, 0x0F, 0x0A, 0x08, 'v',  'a',  'l',  '/',  't',
                                       'o',  'p',  '1',  0x15, 0x00, 0x00, 0x4A, 0x42};
    const struct board_value values[] = {{"train/loss", 2.5}, {"val/top1", 50.5}};
    struct arena arena = {0};
    struct board board;
    char **names;
    size_t count, size, length[8];
    const uint8_t *message[8];
    uint8_t *bytes;
    ok(folder_remove(FOLDER));
    ok(folder_make(FOLDER));
    ok(board_begin(&board, FOLDER, 200));
    ok(folder_list(&arena, FOLDER, LIST_FILES, &names, &count));
    assert_int_equal(count, 0);
    ok(board_write(&board, 300, values, 2));
    board_end(&board);
    ok(folder_list(&arena, FOLDER, LIST_FILES, &names, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(names[0], "events.out.tfevents.", 20);
    ok(file_read(&arena, path_join(&arena, FOLDER, names[0]), 1 << 16, &bytes, &size));
    assert_int_equal(records(bytes, size, message, length), 3);
    assert_memory_equal(message[0] + 9,
                        "\x1A\x0D"
                        "brain.Event:2",
                        15);
    assert_memory_equal(message[1] + 9, "\x10\xC8\x01\x3A\x02\x08\x01", 7);
    assert_int_equal(length[2], 9 + sizeof expected);
    assert_memory_equal(message[2] + 9, expected, sizeof expected);
    arena_free(&arena);
}

static void none_writes_nothing(void **state) {
    (void)state;
    struct board none = {0};
    ok(board_write(&none, 1, &(struct board_value){"lr", 1}, 1));
    board_end(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(events_are_as_tensorflow_writes_them),
                                       cmocka_unit_test(none_writes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
