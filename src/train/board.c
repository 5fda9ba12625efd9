/* board.c — TensorBoard's event files: tensorflow.Event messages (core/util/event.proto) as TFRecord records.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/board.h"

#include <time.h>

#include "base/crc32c.h"
#include "files/wire.h"

enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION_LOG = 7 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, SESSION_STATUS = 1, SESSION_START = 1 };

static void add_word(struct text *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(value >> (8 * i) & 255);
        text_add_n(out, &byte, 1);
    }
}

/* Length, its checksum, the message, its checksum; in one write, so that a killed program leaves whole records. */
static sk_status write_event(struct board *board, const struct text *event) {
    struct text record = {0};
    add_word(&record, event->length, 8);
    add_word(&record, text_check(&record) == SK_OK ? crc32c_masked(record.data, 8) : 0, 4);
    text_add_n(&record, event->data, event->length);
    add_word(&record, crc32c_masked(event->data, event->length), 4);
    sk_status status = text_check(&record);
    if (status == SK_OK) status = log_write(&board->file, record.data, record.length);
    text_free(&record);
    return status;
}

static void begin_event(struct text *event, int64_t step) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    wire_double(event, EVENT_WALL_TIME, (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
    if (step) wire_integer(event, EVENT_STEP, step);
}

/* What every file begins with: its version; and where this program began. */
static sk_status write_head(struct board *board, int64_t step) {
    struct text version = {0}, session = {0}, start = {0};
    begin_event(&version, 0);
    wire_string(&version, EVENT_FILE_VERSION, "brain.Event:2");
    begin_event(&start, step);
    wire_integer(&session, SESSION_STATUS, SESSION_START);
    wire_message(&start, EVENT_SESSION_LOG, &session);
    sk_status status = text_check(&version);
    if (status == SK_OK) status = text_check(&start);
    if (status == SK_OK) status = write_event(board, &version);
    if (status == SK_OK) status = write_event(board, &start);
    text_free(&version);
    text_free(&session);
    text_free(&start);
    return status;
}

sk_status board_begin(struct board *board, const char *run, int64_t step) {
    *board = (struct board){.began = step};
    char *name = arena_printf(&board->arena, "events.out.tfevents.%010lld.siskin", (long long)time(NULL));
    board->path = name ? path_join(&board->arena, run, name) : NULL;
    return board->path ? SK_OK : SK_EMEMORY;
}

void board_end(struct board *board) {
    if (board->open) log_close(&board->file);
    arena_free(&board->arena);
    *board = (struct board){0};
}

static sk_status open_file(struct board *board) {
    TRY(log_open(&board->file, board->path, false));
    board->open = true;
    return write_head(board, board->began);
}

sk_status board_write(struct board *board, int64_t step, const struct board_value *values, size_t count) {
    struct text event = {0}, summary = {0};
    if (!board->path) return SK_OK;
    if (!board->open) TRY(open_file(board));
    for (size_t i = 0; i < count; i++) {
        struct text value = {0};
        wire_string(&value, VALUE_TAG, values[i].tag);
        wire_float(&value, VALUE_SIMPLE, (float)values[i].value);
        wire_message(&summary, SUMMARY_VALUE, &value);
        text_free(&value);
    }
    begin_event(&event, step);
    wire_message(&event, EVENT_SUMMARY, &summary);
    sk_status status = text_check(&event);
    if (status == SK_OK) status = write_event(board, &event);
    text_free(&summary);
    text_free(&event);
    return status;
}
