/* dataset.c — opens a dataset by its SPEC, divides it in parts, and answers questions about them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/data.h"
#include "data/decode.h"
#include "data/format.h"

static const char fashion_mnist_path[] = "/usr/share/datasets/fashion-mnist";

static const struct {
    const char *name;
    const struct data_format *format;
} formats[] = {
#define FORMAT(name) {#name, &data_format_##name},
#include "data/formats.def"
#undef FORMAT
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static const char spec_help[] =
    "expected fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR, imagenet:DIR, tar:DIR, tfrecord:DIR, a "
    "pattern of shards (train-{0000..0146}.tar) or a folder";

/* "format:path", "fashion-mnist", or a path whose format its content tells. */
sk_status data_find(const char *spec, const struct data_format **format, const char **path) {
    FAIL_IF(!spec || !spec[0], SK_EUSAGE, "no data given; %s", spec_help);
    if (strcmp(spec, "fashion-mnist") == 0) {
        *path = fashion_mnist_path;
        *format = &data_format_idx;
        FAIL_IF(!file_is_folder(*path), SK_EIO,
                "fashion-mnist: there is no folder %s; install Debian's package dataset-fashion-mnist, or give idx:DIR",
                *path);
        return SK_OK;
    }
    for (int i = 0; i < FORMATS; i++) {
        size_t length = strlen(formats[i].name);
        if (strncmp(spec, formats[i].name, length) != 0 || spec[length] != ':') continue;
        *format = formats[i].format;
        *path = spec + length + 1;
        FAIL_IF(!formats[i].format->patterns && !file_is_folder(*path), SK_EIO, "%s: there is no such folder", *path);
        return SK_OK;
    }
    for (int i = 0; i < FORMATS; i++) {
        if (!formats[i].format->patterns || file_is_folder(spec) || !formats[i].format->detect(spec)) continue;
        *format = formats[i].format;
        *path = spec;
        return SK_OK;
    }
    if (!file_is_folder(spec)) {
        const char *words[FORMATS + 1] = {"fashion-mnist"};
        for (int i = 0; i < FORMATS; i++) words[i + 1] = formats[i].name;
        const char *near = nearest_word(spec, words, FORMATS + 1);
        FAIL_IF(near, SK_EUSAGE, "data \"%s\" is neither a known source nor a folder: did you mean %s? %s", spec, near,
                spec_help);
        return status_fail(SK_EUSAGE, "data \"%s\" is neither a known source nor a folder; %s", spec, spec_help);
    }
    *path = spec;
    for (int i = 0; i < FORMATS; i++) {
        if (!formats[i].format->detect(spec)) continue;
        *format = formats[i].format;
        return SK_OK;
    }
    return status_fail(SK_EDATA, "%s: no data found there: neither IDX nor CIFAR files, nor folders of pictures", spec);
}

enum data_place data_place_of(const char *spec) {
    const struct data_format *format = NULL;
    const char *path;
    if (data_find(spec, &format, &path) != SK_OK) status_clear(); /* of another machine: its name may still tell */
    if (!format) return DATA_PLACE_UNKNOWN;
    return format->patterns ? DATA_PLACE_SHARDS : format->fetch ? DATA_PLACE_FILES : DATA_PLACE_MEMORY;
}

static void take_all(struct dataset *dataset, enum data_part part, enum data_part source) {
    dataset->list[part] = (struct data_list){.source = source, .count = dataset->source[source].count};
}

/* Which pictures are train, val and test: see struct data_options. */
static sk_status divide(struct dataset *dataset) {
    const struct data_options *options = &dataset->options;
    double fraction = options->val_fraction, share[DATA_PARTS] = {1, 0, 0};
    bool by_share = options->share[DATA_TRAIN] > 0;
    if (options->lists) return data_read_lists(dataset, options->lists);
    take_all(dataset, DATA_TRAIN, DATA_TRAIN);
    take_all(dataset, DATA_TEST, DATA_TEST);
    if (by_share || fraction == 0) take_all(dataset, DATA_VAL, DATA_VAL);
    if (options->folds > 1) {
        share[DATA_VAL] = 1.0 / options->folds, share[DATA_TRAIN] = 1 - share[DATA_VAL];
    } else if (by_share) {
        for (int part = 0; part < DATA_PARTS; part++)
            share[part] = dataset->source[part].count && part != DATA_TRAIN ? 0 : options->share[part];
    } else if (fraction > 0) {
        share[DATA_TRAIN] = 1 - fraction, share[DATA_VAL] = fraction;
    } else if (fraction == 0 && dataset->source[DATA_VAL].count == 0) {
        if (dataset->source[DATA_TEST].count > 0)
            take_all(dataset, DATA_VAL, DATA_TEST);
        else
            share[DATA_TRAIN] = 0.9, share[DATA_VAL] = 0.1;
    }
    bool whole = share[DATA_VAL] == 0 && share[DATA_TEST] == 0 && options->per_class == 0;
    return whole ? SK_OK : data_split(dataset, share);
}

static sk_status check_labels(const struct dataset *dataset) {
    for (int part = 0; part < DATA_PARTS; part++) {
        const struct data_source *source = &dataset->source[part];
        for (uint32_t i = 0; i < source->count; i++) {
            FAIL_IF(source->labels[i] < 0 || source->labels[i] >= dataset->class_count, SK_EDATA,
                    "%s: picture %u of %s has label %d; the classes are 0 to %d", dataset->path, i,
                    data_part_name((enum data_part)part), source->labels[i], dataset->class_count - 1);
        }
    }
    return SK_OK;
}

static sk_status open_parts(struct dataset *dataset, const char *spec) {
    double fraction = dataset->options.val_fraction;
    FAIL_IF(!(fraction < 1), SK_EUSAGE, "val fraction is %g; expected a number below 1", fraction);
    const char *path = NULL;
    TRY(data_find(spec, &dataset->format, &path));
    dataset->path = dataset->root = arena_strdup(&dataset->arena, path);
    if (!dataset->path) return SK_EMEMORY;
    TRY(dataset->format->open(dataset, dataset->path));
    TRY(check_labels(dataset));
    TRY(divide(dataset));
    return dataset_shift(dataset, dataset->options.label_offset);
}

sk_status dataset_open(struct dataset **out, const char *spec, const struct data_options *options) {
    *out = NULL;
    struct dataset *dataset = block_new(sizeof *dataset);
    if (!dataset) return SK_EMEMORY;
    if (options) dataset->options = *options;
    sk_status status = open_parts(dataset, spec);
    if (status != SK_OK)
        dataset_free(dataset);
    else
        *out = dataset;
    return status;
}

void dataset_free(struct dataset *dataset) {
    if (!dataset) return;
    for (int part = 0; part < DATA_PARTS; part++) region_free(&dataset->source[part].memory);
    index_free(&dataset->index);
    arena_free(&dataset->arena);
    block_free(dataset);
}

sk_status data_name_classes(struct dataset *dataset, const char *const *names, int count) {
    dataset->class_count = count;
    dataset->class_names = arena_array(&dataset->arena, (size_t)count, sizeof *dataset->class_names);
    if (!dataset->class_names) return SK_EMEMORY;
    for (int i = 0; i < count; i++) {
        dataset->class_names[i] =
            names ? arena_strdup(&dataset->arena, names[i]) : arena_printf(&dataset->arena, "%d", i);
        if (!dataset->class_names[i]) return SK_EMEMORY;
    }
    return SK_OK;
}

sk_status data_take_index(struct dataset *dataset, struct index *index) {
    dataset->index = *index;
    *index = (struct index){0};
    index = &dataset->index;
    for (int part = 0; part < DATA_PARTS; part++) {
        struct index_part *p = &index->part[part];
        dataset->source[part] =
            (struct data_source){.count = p->count, .labels = (int32_t *)(uintptr_t)p->label, .index = p};
    }
    dataset->class_count = (int)index->class_count;
    dataset->class_names = arena_array(&dataset->arena, index->class_count, sizeof *dataset->class_names);
    if (!dataset->class_names) return SK_EMEMORY;
    for (uint32_t c = 0; c < index->class_count; c++)
        dataset->class_names[c] = (char *)(uintptr_t)(index->text + index->class_name[c]);
    return SK_OK;
}

sk_status data_take_build(struct dataset *dataset, struct index_build *build, const struct index_place *place,
                          sk_status status) {
    struct index index;
    if (status != SK_OK) {
        index_build_free(build);
        return status;
    }
    TRY(index_finish(build, place->key, dataset->path, &index));
    index_keep(place, &index);
    return data_take_index(dataset, &index);
}

/* ---- questions ----------------------------------------------------------------------------- */

const char *dataset_format(const struct dataset *dataset) {
    for (int i = 0; i < FORMATS; i++) {
        if (formats[i].format == dataset->format) return formats[i].name;
    }
    return "";
}

const char *data_part_name(enum data_part part) {
    return part == DATA_TRAIN ? "train" : part == DATA_VAL ? "val" : "test";
}

int dataset_classes(const struct dataset *dataset) {
    return dataset->class_count + dataset->shift;
}

sk_status dataset_shift(struct dataset *dataset, int offset) {
    FAIL_IF(offset < 0 || offset > 1000, SK_EUSAGE, "label offset %d; expected 0 to 1000", offset);
    dataset->shift = 0;
    dataset->shifted_names = arena_array(&dataset->arena, (size_t)offset + 1, sizeof *dataset->shifted_names);
    if (!dataset->shifted_names) return SK_EMEMORY;
    for (int i = 0; i < offset; i++) {
        char *name = i == 0 ? arena_strdup(&dataset->arena, "background")
                            : arena_printf(&dataset->arena, "background %d", i + 1);
        if (!name) return SK_EMEMORY;
        dataset->shifted_names[i] = name;
    }
    dataset->shift = offset;
    return SK_OK;
}

const char *dataset_class_name(const struct dataset *dataset, int class_index) {
    if (class_index >= 0 && class_index < dataset->shift) return dataset->shifted_names[class_index];
    class_index -= dataset->shift;
    return class_index >= 0 && class_index < dataset->class_count ? dataset->class_names[class_index] : "";
}

int dataset_channels(const struct dataset *dataset) {
    return dataset->channels;
}

int dataset_height(const struct dataset *dataset) {
    return dataset->height;
}

int dataset_width(const struct dataset *dataset) {
    return dataset->width;
}

uint32_t dataset_count(const struct dataset *dataset, enum data_part part) {
    return dataset->list[part].count;
}

bool dataset_was_split(const struct dataset *dataset) {
    return dataset->split;
}

uint32_t dataset_near_duplicates(const struct dataset *dataset) {
    return dataset->near_duplicates;
}

bool dataset_same_part(const struct dataset *dataset, enum data_part a, enum data_part b) {
    const struct data_list *x = &dataset->list[a], *y = &dataset->list[b];
    return x->source == y->source && x->count == y->count && !x->samples && !y->samples;
}

static uint32_t sample_of(const struct data_list *list, uint32_t index) {
    return list->samples ? list->samples[index] : index;
}

int32_t dataset_label(const struct dataset *dataset, enum data_part part, uint32_t index) {
    const struct data_list *list = &dataset->list[part];
    return dataset->source[list->source].labels[sample_of(list, index)] + dataset->shift;
}

const char *dataset_name(const struct dataset *dataset, enum data_part part, uint32_t index, char *text, size_t size) {
    const struct data_list *list = &dataset->list[part];
    const struct data_source *source = &dataset->source[list->source];
    uint32_t sample = sample_of(list, index);
    if (source->index)
        index_name(source->index, sample, text, size);
    else
        snprintf(text, size, "%s/%u", data_part_name(list->source), sample);
    return text;
}

bool dataset_is_sharded(const struct dataset *dataset) {
    bool sharded = false;
    for (int part = 0; part < DATA_PARTS; part++) sharded = sharded || dataset->index.part[part].offset;
    return sharded;
}

uint32_t dataset_shard(const struct dataset *dataset, enum data_part part, uint32_t index) {
    const struct data_list *list = &dataset->list[part];
    const struct index_part *source = dataset->source[list->source].index;
    return source ? index_group_of(source, sample_of(list, index)) : 0;
}

bool dataset_is_encoded(const struct dataset *dataset) {
    return dataset->format->fetch != NULL;
}

sk_status dataset_fetch(const struct dataset *dataset, enum data_part part, uint32_t index, struct scratch *scratch,
                        struct encoded *encoded) {
    const struct data_list *list = &dataset->list[part];
    FAIL_IF(index >= list->count || !dataset->format->fetch, SK_EINTERNAL, "%s: the file of picture %u of %u asked for",
            data_part_name(part), index, list->count);
    return dataset->format->fetch(dataset, list->source, sample_of(list, index), scratch, encoded);
}

sk_status data_read_source(const struct dataset *dataset, enum data_part source, uint32_t sample,
                           struct scratch *scratch, struct picture *picture) {
    struct encoded encoded;
    TRY(dataset->format->fetch(dataset, source, sample, scratch, &encoded));
    struct decode_options options = {.exif = dataset->options.exif};
    return decode_picture(encoded.bytes, encoded.size, encoded.what, &options, scratch, picture);
}

sk_status dataset_read(const struct dataset *dataset, enum data_part part, uint32_t index, struct scratch *scratch,
                       struct picture *picture) {
    const struct data_list *list = &dataset->list[part];
    FAIL_IF(index >= list->count, SK_EINTERNAL, "%s: picture %u of %u asked for", data_part_name(part), index,
            list->count);
    uint32_t sample = sample_of(list, index);
    if (scratch) scratch->part = (struct picture_part){0};
    if (dataset->format->fetch) return data_read_source(dataset, list->source, sample, scratch, picture);
    size_t bytes = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    *picture = (struct picture){
        .pixels = (uint8_t *)(uintptr_t)dataset->source[list->source].pixels + (size_t)sample * bytes,
        .height = dataset->height,
        .width = dataset->width,
        .channels = dataset->channels,
    };
    return SK_OK;
}
