/* index_build.c — making an index: names to one text, numbers to arrays, all of it to one block.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/crc32c.h"
#include "data/format.h"
#include "data/index_file.h"

static void add_u32(struct text *to, uint32_t value) {
    text_add_n(to, (const char *)&value, sizeof value);
}

/* The name's place in the text; the text begins with "". */
static uint32_t put_name(struct index_build *build, const char *name) {
    if (build->text.length == 0) text_add_n(&build->text, "", 1);
    if (!name[0]) return 0;
    size_t at = build->text.length, length = strlen(name) + 1;
    if (length > UINT32_MAX - at) {
        build->too_long = true;
        return 0;
    }
    text_add_n(&build->text, name, length);
    return (uint32_t)at;
}

void index_class(struct index_build *build, const char *name) {
    add_u32(&build->classes, put_name(build, name));
}

void index_stamp_add(struct index_build *build, const char *path, struct index_stamp stamp) {
    stamp.path = put_name(build, path);
    text_add_n(&build->stamps, (const char *)&stamp, sizeof stamp);
}

uint32_t index_build_count(const struct index_build *build, enum data_part part) {
    return (uint32_t)(build->part[part][INDEX_LABEL].length / 4);
}

void index_group(struct index_build *build, enum data_part part, const char *name) {
    add_u32(&build->part[part][INDEX_FIRST], index_build_count(build, part));
    add_u32(&build->part[part][INDEX_GROUP], put_name(build, name));
}

void index_add(struct index_build *build, enum data_part part, const char *name, int32_t label) {
    struct text *arrays = build->part[part];
    if (index_build_count(build, part) >= DATA_SAMPLES_MAX) {
        build->too_long = true;
        return;
    }
    add_u32(&arrays[INDEX_NAME], put_name(build, name));
    add_u32(&arrays[INDEX_LABEL], (uint32_t)label);
}

void index_add_at(struct index_build *build, enum data_part part, const char *name, int32_t label, uint64_t offset,
                  uint32_t size) {
    index_add(build, part, name, label);
    text_add_n(&build->part[part][INDEX_OFFSET], (const char *)&offset, sizeof offset);
    add_u32(&build->part[part][INDEX_SIZE], size);
}

void index_relabel(struct index_build *build, enum data_part part, uint32_t sample, int32_t label) {
    struct text *labels = &build->part[part][INDEX_LABEL];
    if (!labels->failed && (size_t)sample * 4 < labels->length)
        memcpy(labels->data + (size_t)sample * 4, &label, sizeof label);
}

/* ---- all of it as one block ---- */

static const struct text *section_of(const struct index_build *build, int number) {
    if (number == INDEX_TEXT) return &build->text;
    if (number == INDEX_CLASSES) return &build->classes;
    if (number == INDEX_STAMPS) return &build->stamps;
    return &build->part[(number - INDEX_PART) / INDEX_ARRAYS][(number - INDEX_PART) % INDEX_ARRAYS];
}

void index_seal(uint8_t *bytes, size_t size) {
    uint32_t crc = crc32c(0, bytes + INDEX_HEAD, size - INDEX_HEAD);
    memcpy(bytes + 24, &crc, 4);
}

static void put_head(uint8_t *bytes, size_t size, uint32_t key) {
    uint32_t version = INDEX_VERSION, order = INDEX_ORDER;
    uint64_t all = size;
    memcpy(bytes, INDEX_MAGIC, 8);
    memcpy(bytes + 8, &version, 4);
    memcpy(bytes + 12, &order, 4);
    memcpy(bytes + 16, &all, 8);
    memcpy(bytes + 28, &key, 4);
    index_seal(bytes, size);
}

sk_status index_build_check(const struct index_build *build, const char *what) {
    FAIL_IF(build->too_long, SK_EDATA, "%s: more than %u pictures, or more than 4 GiB of names", what,
            DATA_SAMPLES_MAX);
    for (int s = 0; s < INDEX_SECTIONS; s++)
        FAIL_IF(section_of(build, s)->failed, SK_EMEMORY, "%s: no memory for the list of its pictures", what);
    return SK_OK;
}

static sk_status assemble(struct index_build *build, const char *key, const char *what, struct file_bytes *out) {
    uint32_t key_at = put_name(build, key);
    size_t at = INDEX_HEAD + INDEX_SECTIONS * 16;
    FAIL_IF(build->too_long, SK_EDATA, "%s: more than %u pictures, or more than 4 GiB of names", what,
            DATA_SAMPLES_MAX);
    for (int part = 0; part < DATA_PARTS; part++)
        if (build->part[part][INDEX_GROUP].length)
            add_u32(&build->part[part][INDEX_FIRST], index_build_count(build, (enum data_part)part));
    TRY(index_build_check(build, what));
    for (int s = 0; s < INDEX_SECTIONS; s++) at += (section_of(build, s)->length + 7) & ~(size_t)7;
    uint8_t *bytes = block_new(at);
    if (!bytes) return status_prefix(SK_EMEMORY, "%s", what);
    *out = (struct file_bytes){.data = bytes, .size = at};
    at = INDEX_HEAD + INDEX_SECTIONS * 16;
    for (int s = 0; s < INDEX_SECTIONS; s++) {
        const struct text *from = section_of(build, s);
        uint64_t place[2] = {at, from->length};
        memcpy(bytes + INDEX_HEAD + (size_t)s * 16, place, sizeof place);
        if (from->length) memcpy(bytes + at, from->data, from->length);
        at += (from->length + 7) & ~(size_t)7;
    }
    put_head(bytes, at, key_at);
    return SK_OK;
}

void index_build_free(struct index_build *build) {
    for (int s = 0; s < INDEX_SECTIONS; s++) text_free((struct text *)(uintptr_t)section_of(build, s));
    *build = (struct index_build){0};
}

sk_status index_finish(struct index_build *build, const char *key, const char *what, struct index *index) {
    struct file_bytes bytes = {0};
    *index = (struct index){0};
    sk_status status = assemble(build, key, what, &bytes);
    index_build_free(build);
    TRY(status);
    status = index_parse(bytes.data, bytes.size, what, index);
    index->bytes = bytes;
    if (status != SK_OK) index_free(index);
    return status;
}
