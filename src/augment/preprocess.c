/* preprocess.c — torchvision's ImageClassification preset, step by step, on 8-bit pictures.
 *
 * An 8-bit value can become only 256 numbers per channel, so the normalisation is a table, made with the
 * three f32 operations torchvision does, in its order; or the vectors that give the same bits, where they do.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

enum { INPUT_SIDE_MAX = 8192 };

struct preprocess preprocess_default(void) {
    return (struct preprocess){
        .resize = 256,
        .filter = RESIZE_BILINEAR,
        .antialias = true,
        .crop_height = 224,
        .crop_width = 224,
        .channels = 3,
        .divisor = 255.0F,
        .mean = {0.485F, 0.456F, 0.406F},
        .std = {0.229F, 0.224F, 0.225F},
        .order = COLOUR_RGB,
        .exif = EXIF_IGNORE,
    };
}

sk_status preprocess_check(const struct preprocess *p) {
    FAIL_IF(p->resize < 0 || p->resize > INPUT_SIDE_MAX, SK_EUSAGE,
            "preprocessing: resize is %d; expected 0 (no resize) to %d pixels", p->resize, INPUT_SIDE_MAX);
    FAIL_IF((int)p->filter < 0 || p->filter >= RESIZE_FILTERS, SK_EUSAGE, "preprocessing: unknown resize filter");
    FAIL_IF(!p->antialias && p->filter == RESIZE_BOX, SK_EUSAGE,
            "preprocessing: the box filter has no form without antialias");
    FAIL_IF(p->by == RESIZE_BY_TF && p->filter == RESIZE_BOX, SK_EUSAGE,
            "preprocessing: tf.image.resize has no box filter here");
    FAIL_IF(!(p->crop_share >= 0 && p->crop_share <= 1), SK_EUSAGE,
            "preprocessing: crop_share is %g; expected 0 (off) to 1", p->crop_share);
    FAIL_IF(p->crop_height < 1 || p->crop_width < 1 || p->crop_height > INPUT_SIDE_MAX ||
                p->crop_width > INPUT_SIDE_MAX,
            SK_EUSAGE, "preprocessing: the crop is %d x %d; expected 1 to %d pixels a side", p->crop_height,
            p->crop_width, INPUT_SIDE_MAX);
    FAIL_IF(p->channels != 1 && p->channels != 3, SK_EUSAGE, "preprocessing: %d channels; expected 1 or 3",
            p->channels);
    FAIL_IF(!isfinite(p->divisor) || p->divisor == 0, SK_EUSAGE,
            "preprocessing: the divisor is %g; expected a finite number other than 0", (double)p->divisor);
    for (int c = 0; c < p->channels; c++) {
        FAIL_IF(!isfinite(p->mean[c]), SK_EUSAGE, "preprocessing: mean[%d] is not finite", c);
        FAIL_IF(!isfinite(p->std[c]) || p->std[c] == 0, SK_EUSAGE,
                "preprocessing: std[%d] is %g; expected a finite number other than 0", c, (double)p->std[c]);
    }
    FAIL_IF(p->order != COLOUR_RGB && p->order != COLOUR_BGR, SK_EUSAGE, "preprocessing: unknown colour order");
    FAIL_IF(p->exif != EXIF_IGNORE && p->exif != EXIF_APPLY, SK_EUSAGE, "preprocessing: unknown exif policy");
    return SK_OK;
}

/* ---- as JSON ------------------------------------------------------------------------------- */

void preprocess_write(const struct preprocess *p, struct json_writer *w, const char *key) {
    jw_object(w, key);
    jw_integer(w, "resize", p->resize);
    jw_bool(w, "squash", p->squash);
    jw_string(w, "filter", resize_filter_name(p->filter));
    jw_bool(w, "antialias", p->antialias);
    if (p->by == RESIZE_BY_TF) jw_string(w, "resize_by", "tf"); /* absent: as versions without it did */
    if (p->crop_share > 0) jw_number(w, "crop_share", p->crop_share);
    jw_array(w, "crop");
    jw_integer(w, NULL, p->crop_height);
    jw_integer(w, NULL, p->crop_width);
    jw_end_array(w);
    jw_integer(w, "channels", p->channels);
    jw_string(w, "order", p->order == COLOUR_BGR ? "bgr" : "rgb");
    jw_float(w, "divisor", p->divisor);
    jw_array(w, "mean");
    for (int c = 0; c < p->channels; c++) jw_float(w, NULL, p->mean[c]);
    jw_end_array(w);
    jw_array(w, "std");
    for (int c = 0; c < p->channels; c++) jw_float(w, NULL, p->std[c]);
    jw_end_array(w);
    jw_string(w, "exif", p->exif == EXIF_APPLY ? "apply" : "ignore");
    jw_end_object(w);
}

static sk_status read_integer(const struct json *json, const char *key, int *out) {
    const struct json *member = json_get(json, key);
    FAIL_IF(!member || member->kind != JSON_NUMBER || !member->is_integer || member->integer < 0 ||
                member->integer > INPUT_SIDE_MAX,
            SK_EFORMAT, "preprocessing: \"%s\" is missing or no integer from 0 to %d", key, INPUT_SIDE_MAX);
    *out = (int)member->integer;
    return SK_OK;
}

static sk_status read_numbers(const struct json *json, const char *key, int count, float *out) {
    const struct json *member = json_get(json, key);
    FAIL_IF(!member || member->kind != JSON_ARRAY || member->count != (size_t)count, SK_EFORMAT,
            "preprocessing: \"%s\" is missing or no list of %d numbers", key, count);
    const struct json *item = member->child;
    for (int i = 0; i < count; i++, item = item->next) {
        FAIL_IF(item->kind != JSON_NUMBER, SK_EFORMAT, "preprocessing: \"%s\" holds something that is no number", key);
        out[i] = (float)item->number;
    }
    return SK_OK;
}

/* One of two words. */
static sk_status read_choice(const struct json *json, const char *key, const char *zero, const char *one, int *out) {
    const char *word = json_string(json, key, "");
    FAIL_IF(strcmp(word, zero) != 0 && strcmp(word, one) != 0, SK_EFORMAT,
            "preprocessing: \"%s\" is \"%.32s\"; expected \"%s\" or \"%s\"", key, word, zero, one);
    *out = strcmp(word, one) == 0;
    return SK_OK;
}

static sk_status read_bool(const struct json *json, const char *key, bool *out) {
    const struct json *member = json_get(json, key);
    FAIL_IF(!member || member->kind != JSON_BOOL, SK_EFORMAT,
            "preprocessing: \"%s\" is missing or neither true nor false", key);
    *out = member->boolean;
    return SK_OK;
}

static sk_status known_members(const struct json *json) {
    static const char *const known[] = {"resize",  "squash", "filter", "antialias", "crop",      "channels",  "order",
                                        "divisor", "mean",   "std",    "exif",      "resize_by", "crop_share"};
    FAIL_IF(!json || json->kind != JSON_OBJECT, SK_EFORMAT, "preprocessing is missing or no JSON object");
    for (const struct json *member = json->child; member; member = member->next) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) found |= strcmp(member->key, known[i]) == 0;
        FAIL_IF(!found, SK_EFORMAT, "preprocessing has an unknown member \"%.64s\": made by a newer version?",
                member->key);
    }
    return SK_OK;
}

sk_status preprocess_read(const struct json *json, struct preprocess *p) {
    TRY(known_members(json));
    struct preprocess read = {0};
    TRY(read_integer(json, "resize", &read.resize));
    const char *filter = json_string(json, "filter", "");
    FAIL_IF(!resize_filter_by_name(filter, &read.filter), SK_EFORMAT,
            "preprocessing: \"filter\" is \"%.32s\"; expected box, bilinear, bicubic or nearest", filter);
    TRY(read_bool(json, "antialias", &read.antialias));
    if (json_get(json, "squash")) TRY(read_bool(json, "squash", &read.squash)); /* files of version 0.1 lack it */
    int by = 0;
    if (json_get(json, "resize_by")) TRY(read_choice(json, "resize_by", "pillow", "tf", &by));
    read.by = by ? RESIZE_BY_TF : RESIZE_BY_PILLOW;
    const struct json *share = json_get(json, "crop_share");
    FAIL_IF(share && share->kind != JSON_NUMBER, SK_EFORMAT, "preprocessing: \"crop_share\" is no number");
    read.crop_share = share ? share->number : 0;
    float crop[2] = {0};
    TRY(read_numbers(json, "crop", 2, crop));
    for (int i = 0; i < 2; i++) {
        FAIL_IF(!(crop[i] >= 1 && crop[i] <= INPUT_SIDE_MAX && crop[i] == floorf(crop[i])), SK_EFORMAT,
                "preprocessing: \"crop\" holds %g; expected a whole number from 1 to %d", (double)crop[i],
                INPUT_SIDE_MAX);
    }
    read.crop_height = (int)crop[0];
    read.crop_width = (int)crop[1];
    TRY(read_integer(json, "channels", &read.channels));
    FAIL_IF(read.channels != 1 && read.channels != 3, SK_EFORMAT, "preprocessing: %d channels; expected 1 or 3",
            read.channels);
    int order, exif;
    TRY(read_choice(json, "order", "rgb", "bgr", &order));
    TRY(read_choice(json, "exif", "ignore", "apply", &exif));
    read.order = order ? COLOUR_BGR : COLOUR_RGB;
    read.exif = exif ? EXIF_APPLY : EXIF_IGNORE;
    const struct json *divisor = json_get(json, "divisor");
    FAIL_IF(!divisor || divisor->kind != JSON_NUMBER, SK_EFORMAT, "preprocessing: \"divisor\" is missing or no number");
    read.divisor = (float)divisor->number;
    TRY(read_numbers(json, "mean", read.channels, read.mean));
    TRY(read_numbers(json, "std", read.channels, read.std));
    TRY(preprocess_check(&read));
    *p = read;
    return SK_OK;
}

/* ---- the steps ----------------------------------------------------------------------------- */

void preprocess_scale(struct preprocess *p, int height, int width) {
    p->resize = (int)((int64_t)p->resize * height / p->crop_height);
    p->crop_height = height;
    p->crop_width = width;
}

void preprocess_resized(const struct preprocess *p, int height, int width, int *new_height, int *new_width) {
    *new_height = height;
    *new_width = width;
    if (p->resize == 0) return;
    if (p->squash) {
        int64_t across = ((int64_t)p->resize * p->crop_width + p->crop_height / 2) / p->crop_height;
        *new_height = p->resize;
        *new_width = across > INT32_MAX ? INT32_MAX : (int)across; /* refused by the resize */
        return;
    }
    int64_t shorter = height < width ? height : width, longer = height < width ? width : height;
    int64_t new_longer = (int64_t)p->resize * longer / shorter;
    if (new_longer > INT32_MAX) new_longer = INT32_MAX; /* refused by the resize */
    *new_height = height < width ? p->resize : (int)new_longer;
    *new_width = height < width ? (int)new_longer : p->resize;
    if (height == width) *new_width = p->resize;
}

/* Grey to RGB: the value three times. RGB to grey: ITU-R 601-2 in 16-bit fixed point, as Pillow's "L". */
sk_status preprocess_colour(const struct preprocess *p, const struct picture *source, struct scratch *scratch,
                            struct picture *result) {
    const struct picture from = *source;
    FAIL_IF(from.channels != 1 && from.channels != 3, SK_EINTERNAL,
            "preprocessing: a picture has %d channels; expected 1 or 3", from.channels);
    *result = from;
    if (from.channels == p->channels) return SK_OK;
    size_t count = (size_t)from.height * (size_t)from.width;
    uint8_t *out = scratch_reserve(scratch, SCRATCH_COLOUR, count * (size_t)p->channels);
    if (!out) return SK_EMEMORY;
    result->pixels = out;
    result->channels = p->channels;
    const uint8_t *in = from.pixels;
    if (p->channels == 3) {
        for (size_t i = 0; i < count; i++, out += 3) out[0] = out[1] = out[2] = in[i];
    } else {
        for (size_t i = 0; i < count; i++, in += 3) {
            out[i] = (uint8_t)((in[0] * 19595U + in[1] * 38470U + in[2] * 7471U + 0x8000U) >> 16);
        }
    }
    return SK_OK;
}

/* Along one side: where to read, where to write, how many. Offsets of a cut are rounded half to even, as Python's
 * round() does; padding puts the odd pixel behind. */
struct centre {
    int from, to, count;
};

static struct centre centre_side(int have, int want) {
    if (have < want) return (struct centre){.from = 0, .to = (want - have) / 2, .count = have};
    int spare = have - want, from = spare / 2;
    if (spare % 2 == 1 && from % 2 == 1) from++;
    return (struct centre){.from = from, .to = 0, .count = want};
}

void preprocess_centre(const struct picture *source, int height, int width, uint8_t *target) {
    struct centre down = centre_side(source->height, height), across = centre_side(source->width, width);
    size_t channels = (size_t)source->channels;
    if (down.count < height || across.count < width) memset(target, 0, (size_t)height * (size_t)width * channels);
    for (int y = 0; y < down.count; y++) {
        const uint8_t *from =
            source->pixels + ((size_t)(down.from + y) * (size_t)source->width + (size_t)across.from) * channels;
        uint8_t *to = target + ((size_t)(down.to + y) * (size_t)width + (size_t)across.to) * channels;
        memcpy(to, from, (size_t)across.count * channels);
    }
}

static void by_kernel(const struct normalise_table *table, enum isa isa, const uint8_t *from, int64_t count,
                      float *to) {
    struct normalise_job job = {
        .count = count, .channels = table->channels, .from = from, .to = to, .divisor = table->divisor};
    memcpy(job.mean, table->mean, sizeof job.mean);
    memcpy(job.std, table->std, sizeof job.std);
    kernels_run_of(isa)->normalise_bytes(&job);
}

/* All that a byte can become, to the bit. At the plain level, whose bits are those of the others. */
static bool kernel_agrees(const struct normalise_table *table) {
    uint8_t bytes[PREPROCESS_CHANNELS];
    float numbers[PREPROCESS_CHANNELS];
    for (int value = 0; value < 256; value++) {
        memset(bytes, value, sizeof bytes);
        by_kernel(table, ISA_PLAIN, bytes, table->channels, numbers);
        for (int c = 0; c < table->channels; c++)
            if (memcmp(&numbers[c], &table->value[c * 256 + value], sizeof numbers[c]) != 0) return false;
    }
    return true;
}

void normalise_prepare(const struct preprocess *p, struct normalise_table *table) {
    table->channels = p->channels;
    table->reverse = p->order == COLOUR_BGR && p->channels == 3;
    for (int c = 0; c < p->channels; c++) {
        for (int value = 0; value < 256; value++) {
            float x = (float)value / p->divisor;
            x = x - p->mean[c];
            table->value[c * 256 + value] = x / p->std[c];
        }
    }
    table->divisor = p->divisor;
    memcpy(table->mean, p->mean, sizeof table->mean);
    memcpy(table->std, p->std, sizeof table->std);
    table->by_kernel = !table->reverse && kernel_agrees(table);
}

void normalise_picture(const struct normalise_table *table, const struct picture *picture, float *input) {
    size_t count = (size_t)picture->height * (size_t)picture->width;
    const uint8_t *in = picture->pixels;
    enum isa isa;
    /* The plain level computes fused sums in many steps. */
    if (table->by_kernel && cpu_isa(&isa) == SK_OK && isa != ISA_PLAIN) {
        by_kernel(table, isa, in, (int64_t)count * table->channels, input);
        return;
    }
    const float *first = table->value, *second = first + 256, *third = second + 256;
    if (table->channels == 1) {
        for (size_t i = 0; i < count; i++) input[i] = first[in[i]];
        return;
    }
    size_t red = table->reverse ? 2 : 0;
    for (size_t i = 0; i < count; i++, in += 3, input += 3) {
        input[0] = first[in[red]];
        input[1] = second[in[1]];
        input[2] = third[in[2 - red]];
    }
}

void normalise_numbers(const struct preprocess *p, const float *numbers, float *input) {
    size_t count = (size_t)p->crop_height * (size_t)p->crop_width, channels = (size_t)p->channels;
    bool reverse = p->order == COLOUR_BGR && channels == 3;
    for (size_t i = 0; i < count; i++, numbers += channels, input += channels)
        for (size_t c = 0; c < channels; c++) {
            float x = numbers[reverse ? 2 - c : c] / p->divisor;
            x = x - p->mean[c];
            input[c] = x / p->std[c];
        }
}

struct picture_box preprocess_middle(int height, int width, double share) {
    float side = (float)share * (float)(height < width ? height : width);
    struct picture_box box = {.top = (int)(((float)height - side) / 2), .left = (int)(((float)width - side) / 2)};
    box.height = box.width = side < 1 ? 1 : (int)side;
    return box;
}

/* One resize of a middle square, as TF's frameworks evaluate; or of the whole. */
static sk_status resize_middle(const struct preprocess *p, const struct picture *source, struct scratch *scratch,
                               struct picture *result) {
    struct picture_box box = resize_whole(source, scratch);
    struct picture_resize to = {p->crop_height, p->crop_width, p->filter, p->antialias};
    if (p->crop_share > 0)
        box = preprocess_middle(box.height, box.width, p->crop_share);
    else
        preprocess_resized(p, source->height, source->width, &to.height, &to.width);
    return resize_by(p->by, source, &box, &to, scratch, result);
}

/* The centre of numbers, as preprocess_centre does it with pixels. */
static sk_status centre_numbers(const struct preprocess *p, const struct picture *from, struct scratch *scratch) {
    struct centre down = centre_side(from->height, p->crop_height), across = centre_side(from->width, p->crop_width);
    size_t channels = (size_t)from->channels, width = (size_t)p->crop_width;
    float *to = scratch_reserve(scratch, SCRATCH_PASS, (size_t)p->crop_height * width * channels * sizeof *to);
    if (!to) return SK_EMEMORY;
    memset(to, 0, (size_t)p->crop_height * width * channels * sizeof *to);
    for (int y = 0; y < down.count; y++)
        memcpy(to + ((size_t)(down.to + y) * width + (size_t)across.to) * channels,
               scratch->numbers + ((size_t)(down.from + y) * (size_t)from->width + (size_t)across.from) * channels,
               (size_t)across.count * channels * sizeof *to);
    scratch->numbers = to;
    return SK_OK;
}

sk_status preprocess_geometry(const struct preprocess *p, const struct picture *picture, struct scratch *scratch,
                              struct picture *result) {
    int height, width;
    preprocess_resized(p, picture->height, picture->width, &height, &width);
    /* To grey first, as frameworks do: that rounds, so it does not commute with the resize. Grey to RGB does, so it
     * waits until the picture is small. */
    struct picture step = *picture;
    scratch->numbers = NULL;
    if (p->channels == 1 || p->by == RESIZE_BY_TF) TRY(preprocess_colour(p, picture, scratch, &step));
    if (p->by == RESIZE_BY_TF || p->crop_share > 0)
        TRY(resize_middle(p, &step, scratch, result));
    else if (p->antialias)
        TRY(resize_picture(&step, NULL, height, width, p->filter, scratch, result));
    else
        TRY(resize_plain(&step, height, width, p->filter, scratch, result));
    if (result->height != p->crop_height || result->width != p->crop_width) {
        if (scratch->numbers) TRY(centre_numbers(p, result, scratch));
        size_t bytes = (size_t)p->crop_height * (size_t)p->crop_width * (size_t)result->channels;
        uint8_t *crop = scratch_reserve(scratch, SCRATCH_CROP, bytes);
        if (!crop) return SK_EMEMORY;
        preprocess_centre(result, p->crop_height, p->crop_width, crop);
        result->pixels = crop;
        result->height = p->crop_height;
        result->width = p->crop_width;
    }
    return preprocess_colour(p, result, scratch, result);
}

sk_status preprocess_apply(const struct preprocess *p, const struct picture *picture, struct scratch *scratch,
                           float *input) {
    struct picture ready;
    TRY(preprocess_geometry(p, picture, scratch, &ready));
    struct normalise_table table;
    normalise_prepare(p, &table);
    if (scratch->numbers)
        normalise_numbers(p, scratch->numbers, input);
    else
        normalise_picture(&table, &ready, input);
    return SK_OK;
}
