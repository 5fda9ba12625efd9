/* tf_example.c — tf.train.Example by its wire format: Features {1: map entries {1: key, 2: Feature}}.
 *
 * A Feature holds one list: bytes 1, floats 2, whole numbers 3 (packed or not); the first item of each is what counts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/tf_example.h"

#include <string.h>

#include "base/crc32c.h"
#include "files/wire_read.h"

enum { BYTES_LIST = 1, INT64_LIST = 3 };

struct feature {
    struct tf_bytes key, bytes;
    bool has_integer;
    int64_t integer;
};

/* The list's first item, and whether there are more. */
static bool read_list(const struct wire_field *list, struct feature *feature, bool *more) {
    struct wire_reader reader = wire_read(list->bytes, list->size);
    struct wire_field item;
    while (wire_next(&reader, &item)) {
        if (item.number != 1) continue;
        if (list->number == BYTES_LIST && item.type == WIRE_LENGTH) {
            *more = *more || feature->bytes.bytes;
            if (!feature->bytes.bytes) feature->bytes = (struct tf_bytes){item.bytes, item.size};
        } else if (list->number == INT64_LIST && item.type == WIRE_VARINT) {
            *more = *more || feature->has_integer;
            if (!feature->has_integer) feature->integer = (int64_t)item.integer;
            feature->has_integer = true;
        } else if (list->number == INT64_LIST && item.type == WIRE_LENGTH) {
            struct wire_reader packed = wire_read(item.bytes, item.size);
            uint64_t value;
            if (item.size == 0) continue;
            if (!wire_read_varint(&packed, &value)) return false;
            *more = *more || feature->has_integer || packed.at < packed.end;
            if (!feature->has_integer) feature->integer = (int64_t)value;
            feature->has_integer = true;
        }
    }
    return !reader.broken;
}

static bool read_feature(const struct wire_field *value, struct feature *feature, bool *more) {
    struct wire_reader reader = wire_read(value->bytes, value->size);
    struct wire_field list;
    while (wire_next(&reader, &list))
        if (list.type == WIRE_LENGTH && !read_list(&list, feature, more)) return false;
    return !reader.broken;
}

static bool read_entry(const struct wire_field *entry, struct feature *feature, bool *more) {
    struct wire_reader reader = wire_read(entry->bytes, entry->size);
    struct wire_field field;
    *feature = (struct feature){0};
    while (wire_next(&reader, &field)) {
        if (field.type != WIRE_LENGTH) continue;
        if (field.number == 1) feature->key = (struct tf_bytes){field.bytes, field.size};
        if (field.number == 2 && !read_feature(&field, feature, more)) return false;
    }
    return !reader.broken;
}

static bool is_called(const struct feature *feature, const char *name) {
    return feature->key.bytes && feature->key.size == strlen(name) &&
           memcmp(feature->key.bytes, name, feature->key.size) == 0;
}

static void take(struct tf_example *example, const struct feature *f) {
    bool classic = is_called(f, "image/class/label");
    if (is_called(f, "image") || is_called(f, "image/encoded")) example->image = f->bytes;
    if (is_called(f, "file_name") || is_called(f, "image/filename")) example->name = f->bytes;
    if (is_called(f, "image/class/synset")) example->synset = f->bytes;
    if (!classic && !is_called(f, "label")) return;
    example->has_label = f->has_integer;
    example->label = f->integer;
    example->classic = classic;
    example->word = f->bytes;
}

static bool is_single(const struct feature *f) {
    return is_called(f, "image") || is_called(f, "image/encoded") || is_called(f, "label") ||
           is_called(f, "image/class/label");
}

sk_status tf_example_parse(const uint8_t *bytes, size_t size, const char *what, struct tf_example *example) {
    struct wire_reader all = wire_read(bytes, size), features;
    struct wire_field field, entry;
    *example = (struct tf_example){0};
    while (wire_next(&all, &field)) {
        if (field.number != 1 || field.type != WIRE_LENGTH) continue;
        features = wire_read(field.bytes, field.size);
        while (wire_next(&features, &entry)) {
            struct feature feature;
            bool more = false;
            if (entry.number != 1 || entry.type != WIRE_LENGTH) continue;
            if (!read_entry(&entry, &feature, &more)) features.broken = true;
            if (features.broken) break;
            FAIL_IF(more && is_single(&feature), SK_EDATA, "%s: feature \"%.*s\" has several values; expected one",
                    what, (int)feature.key.size, (const char *)feature.key.bytes);
            take(example, &feature);
        }
        all.broken = all.broken || features.broken;
    }
    FAIL_IF(all.broken, SK_EFORMAT, "%s: no tf.train.Example: the message is broken", what);
    FAIL_IF(!example->image.bytes || example->image.size == 0, SK_EDATA,
            "%s: no picture in it: expected a feature \"image\" or \"image/encoded\" of bytes", what);
    return SK_OK;
}

static uint32_t read_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

sk_status record_length(const uint8_t *head, const char *what, uint64_t *length) {
    *length = (uint64_t)read_u32(head + 4) << 32 | read_u32(head);
    FAIL_IF(read_u32(head + 8) != crc32c_masked(head, 8), SK_EFORMAT,
            "%s: no TFRecord, or a damaged one: the checksum of a record's length is wrong", what);
    return SK_OK;
}

sk_status record_check(const uint8_t *data, size_t size, const char *what) {
    FAIL_IF(read_u32(data + size) != crc32c_masked(data, size), SK_EFORMAT,
            "%s: damaged: the checksum of the record's data is wrong", what);
    return SK_OK;
}
