/* data.h — labelled pictures from any source format: opened by a SPEC, in parts train, val and test.
 *
 * SPEC is `fashion-mnist` (where Debian's package dataset-fashion-mnist installs it), `idx:DIR`,
 * `cifar10:DIR`, `cifar100:DIR`, `folder:DIR`, `imagenet:DIR`, `tar:` and `tfrecord:` with a folder or a pattern, or
 * just a path, whose format is then found by its content. Everything about a dataset is checked when it is opened,
 * except encoded pictures, which are decoded when read. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_DATA_H
#define SK_DATA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/picture.h"

struct dataset;

enum data_part { DATA_TRAIN, DATA_VAL, DATA_TEST, DATA_PARTS };

/* How to open: zeros mean the defaults. */
struct data_options {
    /* 0: the source's own val part, else its test part serves as val too, else a tenth of each class of train.
     * > 0 (and < 1): this share of each class of train, whatever else there is. < 0: no val part. */
    double val_fraction;
    /* Not all 0: instead of val_fraction, train is divided by these shares; a part that the source has itself, and one
     * whose share is 0, is not taken from it. */
    double share[DATA_PARTS];
    int fold, folds; /* folds > 1: train is divided into so many parts, and part `fold` (from 1) is val instead of all that */
    uint32_t per_class;   /* at most so many pictures of each class of train, drawn by the seed; 0: all */
    bool near_duplicates; /* pictures that look alike go into one part (sources of single files alone) */
    const char *lists;    /* a folder that dataset_write_lists wrote: says the parts instead of all that; or NULL */
    uint64_t seed;        /* of the split (RNG_SPLIT) */
    enum exif_policy exif;
    int label_offset;        /* empty classes before the data's own; see dataset_shift */
    const char *index_cache; /* where the index of a large source is kept: NULL or "auto", "off", or a folder */
    size_t read_ahead; /* bytes that are asked of the disk beyond each picture of a shard; 0 where order is random */
};

sk_status dataset_open(struct dataset **dataset, const char *spec, const struct data_options *options);
void dataset_free(struct dataset *dataset); /* NULL is fine */

/* Where a SPEC's pictures lie, by its words and names of files alone; UNKNOWN where neither tells. */
enum data_place { DATA_PLACE_UNKNOWN, DATA_PLACE_MEMORY, DATA_PLACE_FILES, DATA_PLACE_SHARDS };
enum data_place data_place_of(const char *spec);

const char *dataset_format(const struct dataset *dataset); /* "idx", "cifar10", "folder", … */
const char *data_part_name(enum data_part part);           /* "train", "val", "test" */

/* Classes are the same for all parts. */
int dataset_classes(const struct dataset *dataset);
const char *dataset_class_name(const struct dataset *dataset, int class_index);

/* Put so many classes without pictures before the others: labels and class numbers rise by it. The first is called
 * "background", as TF's class 0 of ImageNet. */
sk_status dataset_shift(struct dataset *dataset, int offset);

/* What read gives: channels 1 or 3; height = width = 0 where pictures differ in size. */
int dataset_channels(const struct dataset *dataset);
int dataset_height(const struct dataset *dataset);
int dataset_width(const struct dataset *dataset);

/* Pictures of a part are numbered 0 … count-1, in an order that depends on the source and the split alone. */
uint32_t dataset_count(const struct dataset *dataset, enum data_part part); /* 0 where there is no such part */
int32_t dataset_label(const struct dataset *dataset, enum data_part part, uint32_t index);
/* True where train was divided by the seed: the run then keeps the lists of names. */
bool dataset_was_split(const struct dataset *dataset);
/* Pictures that looked like one before them when train was divided. */
uint32_t dataset_near_duplicates(const struct dataset *dataset);
/* True where two parts are the same pictures (test serves as val, too). */
bool dataset_same_part(const struct dataset *dataset, enum data_part a, enum data_part b);
/* The names of all parts, one file a part: FOLDER/train.txt, val.txt, test.txt. */
sk_status dataset_write_lists(const struct dataset *dataset, const char *folder);
/* The picture's name inside the source ("cat/7.jpg"), or its number there in text[size]; returns text. */
const char *dataset_name(const struct dataset *dataset, enum data_part part, uint32_t index, char *text, size_t size);

/* Where pictures lie in shards (tar, TFRecord): the shard of each, whose numbers rise with the pictures'. */
bool dataset_is_sharded(const struct dataset *dataset);
uint32_t dataset_shard(const struct dataset *dataset, enum data_part part, uint32_t index);

/* A picture's file as it is; the bytes lie in the scratch. */
enum { ENCODED_WHAT = 4400 };
struct encoded {
    const uint8_t *bytes;
    size_t size;
    char what[ENCODED_WHAT]; /* names it in sentences */
};
/* True where dataset_fetch has bytes to give; otherwise all pixels lie in memory. */
bool dataset_is_encoded(const struct dataset *dataset);
sk_status dataset_fetch(const struct dataset *dataset, enum data_part part, uint32_t index, struct scratch *scratch,
                        struct encoded *encoded);

/* Read one picture; safe from many threads, each with its own scratch. The pixels lie in the scratch or in the
 * dataset itself: never write to them. */
sk_status dataset_read(const struct dataset *dataset, enum data_part part, uint32_t index, struct scratch *scratch,
                       struct picture *picture);

#endif
