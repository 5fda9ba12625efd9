/* fuzz_tfrecord.c — records and the examples in them, also examples alone, whose sums nobody can guess.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/tf_example.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sum;

static void look_at(struct tf_bytes bytes, const uint8_t *data, size_t size) {
    if (!bytes.bytes) return;
    if (bytes.bytes < data || bytes.size > (size_t)(data + size - bytes.bytes)) __builtin_trap();
    if (bytes.size) sum += bytes.bytes[0] + bytes.bytes[bytes.size - 1];
}

static void parse(const uint8_t *data, size_t size) {
    struct tf_example example;
    if (tf_example_parse(data, size, "fuzz", &example) != SK_OK) return;
    look_at(example.image, data, size);
    look_at(example.name, data, size);
    look_at(example.synset, data, size);
    look_at(example.word, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t length;
    parse(data, size);
    for (size_t at = 0; size - at >= RECORD_HEAD + RECORD_TAIL;) {
        size_t left = size - at - RECORD_HEAD - RECORD_TAIL;
        if (record_length(data + at, "fuzz", &length) != SK_OK || length > left) break;
        if (record_check(data + at + RECORD_HEAD, (size_t)length, "fuzz") == SK_OK)
            parse(data + at + RECORD_HEAD, (size_t)length);
        at += RECORD_HEAD + (size_t)length + RECORD_TAIL;
    }
    return 0;
}
