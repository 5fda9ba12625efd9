/* index.c — reading an index: every place in it is checked before anything points there.
 *
 *     0  "SISKINIX", version u32, byte order u32 (0x01020304 in the writer's order), bytes of all u64
 *    24  CRC-32C of all that follows byte 64 u32, key u32 (place in the text), then zeros
 *    64  SECTIONS of (offset u64, bytes u64): text, classes, stamps, then the arrays of each part
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/index.h"

#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "data/format.h"
#include "data/index_file.h"

/* One section as an array of items, inside the file and aligned. */
struct sections {
    const uint8_t *bytes;
    size_t size;
    const char *what;
};

static sk_status section(const struct sections *s, int number, size_t item, const void **data, size_t *count) {
    uint64_t at, bytes;
    memcpy(&at, s->bytes + INDEX_HEAD + (size_t)number * 16, 8);
    memcpy(&bytes, s->bytes + INDEX_HEAD + (size_t)number * 16 + 8, 8);
    FAIL_IF(at > s->size || bytes > s->size - at || at % 8 || bytes % item, SK_EFORMAT,
            "%s: section %d (bytes %llu at %llu) does not lie in the %zu bytes of the file", s->what, number,
            (unsigned long long)bytes, (unsigned long long)at, s->size);
    *data = bytes ? s->bytes + at : NULL;
    *count = (size_t)(bytes / item);
    return SK_OK;
}

static sk_status check_head(const struct sections *s) {
    uint32_t version, order, crc;
    uint64_t bytes;
    FAIL_IF(s->size < INDEX_HEAD + INDEX_SECTIONS * 16 || memcmp(s->bytes, INDEX_MAGIC, 8) != 0, SK_EFORMAT,
            "%s: no index of pictures", s->what);
    memcpy(&version, s->bytes + 8, 4);
    memcpy(&order, s->bytes + 12, 4);
    memcpy(&bytes, s->bytes + 16, 8);
    memcpy(&crc, s->bytes + 24, 4);
    FAIL_IF(order != INDEX_ORDER, SK_EFORMAT, "%s: written on a machine of another byte order", s->what);
    FAIL_IF(version != INDEX_VERSION, SK_EFORMAT, "%s: version %u of the index; this siskin reads version %d", s->what,
            version, INDEX_VERSION);
    FAIL_IF(bytes != s->size, SK_EFORMAT, "%s: %zu bytes of %llu: cut short", s->what, s->size,
            (unsigned long long)bytes);
    FAIL_IF(crc != crc32c(0, s->bytes + INDEX_HEAD, s->size - INDEX_HEAD), SK_EFORMAT,
            "%s: its checksum is wrong: the file is damaged", s->what);
    return SK_OK;
}

static bool all_below(const uint32_t *items, size_t count, size_t limit) {
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) most = items[i] > most ? items[i] : most;
    return count == 0 || most < limit;
}

/* Arrays of one part agree in length, groups rise, names lie in the text, labels among the classes. */
static sk_status read_part(const struct sections *s, const struct index *index, size_t text_bytes, int number,
                           struct index_part *part) {
    size_t count[INDEX_ARRAYS];
    const void *data[INDEX_ARRAYS];
    static const size_t item[INDEX_ARRAYS] = {4, 4, 4, 4, 8, 4};
    for (int a = 0; a < INDEX_ARRAYS; a++)
        TRY(section(s, INDEX_PART + number * INDEX_ARRAYS + a, item[a], &data[a], &count[a]));
    size_t pictures = count[INDEX_NAME], groups = count[INDEX_GROUP];
    bool placed = count[INDEX_OFFSET] > 0;
    bool agree = count[INDEX_LABEL] == pictures && count[INDEX_OFFSET] == (placed ? pictures : 0) &&
                 count[INDEX_SIZE] == count[INDEX_OFFSET] && count[INDEX_FIRST] == (groups ? groups + 1 : 0) &&
                 (groups > 0) == (pictures > 0) && pictures <= DATA_SAMPLES_MAX;
    const uint32_t *first = data[INDEX_FIRST];
    const int32_t *label = data[INDEX_LABEL];
    agree = agree && (!groups || (first[0] == 0 && first[groups] == pictures));
    for (size_t g = 0; agree && g < groups; g++) agree = first[g] <= first[g + 1];
    agree =
        agree && all_below(data[INDEX_GROUP], groups, text_bytes) && all_below(data[INDEX_NAME], pictures, text_bytes);
    int32_t wrong = 0; /* labels as unsigned: negative ones are large */
    for (size_t i = 0; agree && i < pictures; i++) wrong |= (uint32_t)label[i] >= index->class_count;
    FAIL_IF(!agree || wrong, SK_EFORMAT, "%s: what it says of %s contradicts itself", s->what,
            data_part_name((enum data_part)number));
    *part = (struct index_part){(uint32_t)pictures, (uint32_t)groups, first,
                                data[INDEX_GROUP],  data[INDEX_NAME], label,
                                data[INDEX_OFFSET], data[INDEX_SIZE], index->text};
    return SK_OK;
}

sk_status index_parse(const uint8_t *bytes, size_t size, const char *what, struct index *index) {
    struct sections s = {bytes, size, what};
    const void *text, *classes, *stamps;
    size_t text_bytes, class_count, stamp_count;
    uint32_t key;
    *index = (struct index){0};
    TRY(check_head(&s));
    TRY(section(&s, INDEX_TEXT, 1, &text, &text_bytes));
    TRY(section(&s, INDEX_CLASSES, 4, &classes, &class_count));
    TRY(section(&s, INDEX_STAMPS, sizeof(struct index_stamp), &stamps, &stamp_count));
    index->text = text;
    index->class_name = classes;
    index->stamp = stamps;
    FAIL_IF(text_bytes == 0 || index->text[text_bytes - 1] != 0, SK_EFORMAT, "%s: its names have no end", what);
    memcpy(&key, bytes + 28, 4);
    bool inside = class_count <= DATA_CLASSES_MAX && stamp_count <= DATA_SAMPLES_MAX && key < text_bytes &&
                  all_below(classes, class_count, text_bytes);
    for (size_t i = 0; inside && i < stamp_count; i++) inside = index->stamp[i].path < text_bytes;
    FAIL_IF(!inside, SK_EFORMAT, "%s: names outside the file", what);
    index->key = index->text + key;
    index->class_count = (uint32_t)class_count;
    index->stamp_count = (uint32_t)stamp_count;
    for (int part = 0; part < DATA_PARTS; part++) TRY(read_part(&s, index, text_bytes, part, &index->part[part]));
    return SK_OK;
}

void index_free(struct index *index) {
    file_unmap(&index->bytes);
    *index = (struct index){0};
}

uint32_t index_group_of(const struct index_part *part, uint32_t sample) {
    uint32_t low = 0, high = part->groups; /* first[low] <= sample < first[high] */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (part->first[middle] <= sample)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void index_name(const struct index_part *part, uint32_t sample, char *text, size_t size) {
    const char *group = part->text + part->group[index_group_of(part, sample)];
    snprintf(text, size, "%s%s%s", group, group[0] ? "/" : "", part->text + part->name[sample]);
}
