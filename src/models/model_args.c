/* model_args.c — a model's arguments: their bounds, and their form in files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "models/model.h"
#include "ops/attrs.h"

/* ---- bounds ---- */

static sk_status check_shape(const struct model_args *args) {
    FAIL_IF(args->num_classes < 1 || args->num_classes > 1000000, SK_EUSAGE, "a model of %lld classes is not possible",
            (long long)args->num_classes);
    FAIL_IF(args->height < 1 || args->width < 1 || args->height > 16384 || args->width > 16384, SK_EUSAGE,
            "an input of %lld x %lld pixels is not possible", (long long)args->height, (long long)args->width);
    FAIL_IF(args->in_channels < 1 || args->in_channels > 64, SK_EUSAGE, "%lld input channels are not possible",
            (long long)args->in_channels);
    FAIL_IF(!(args->width_mult > 0 && args->width_mult <= 16), SK_EUSAGE, "a width multiplier of %g is not possible",
            args->width_mult);
    FAIL_IF(!(args->depth_mult > 0 && args->depth_mult <= 16), SK_EUSAGE, "a depth multiplier of %g is not possible",
            args->depth_mult);
    FAIL_IF(args->round_nearest < 1 || args->round_nearest > 256, SK_EUSAGE,
            "rounding channels to %lld is not possible", (long long)args->round_nearest);
    return SK_OK;
}

static sk_status check_rates(const struct model_args *args) {
    FAIL_IF(!(args->norm_eps >= 0 && args->norm_eps <= 1) || !(args->norm_momentum >= 0 && args->norm_momentum <= 1),
            SK_EUSAGE, "batch-norm's eps %g and momentum %g must lie in [0, 1]", args->norm_eps, args->norm_momentum);
    FAIL_IF(!(args->dropout >= 0 && args->dropout < 1) || !(args->stochastic_depth >= 0 && args->stochastic_depth < 1),
            SK_EUSAGE, "dropout %g and stochastic depth %g must lie in [0, 1)", args->dropout, args->stochastic_depth);
    FAIL_IF(!(args->layer_scale >= -16 && args->layer_scale <= 16), SK_EUSAGE, "a layer scale of %g is not possible",
            args->layer_scale);
    FAIL_IF(args->head_count < 0 || args->head_count > MODEL_HEAD, SK_EUSAGE, "%lld hidden layers; at most %d",
            (long long)args->head_count, MODEL_HEAD);
    for (int64_t i = 0; i < args->head_count; i++)
        FAIL_IF(args->head_hidden[i] < 1 || args->head_hidden[i] > 65536, SK_EUSAGE,
                "a hidden layer of %lld numbers is not possible", (long long)args->head_hidden[i]);
    FAIL_IF(!(args->head_dropout >= 0 && args->head_dropout < 1) || args->head_activation >= ACT_COUNT, SK_EUSAGE,
            "a head with dropout %g and activation %d is not possible", args->head_dropout, (int)args->head_activation);
    FAIL_IF(args->activation >= ACT_COUNT, SK_EUSAGE, "there is no activation %d", (int)args->activation);
    return SK_OK;
}

/* An argument that the family does not use and that does not have its default. */
static sk_status check_uses(const struct model_family *family, const struct model_args *args) {
    struct model_args own;
    TRY(model_defaults(args->name, &own));
    const struct {
        unsigned use;
        const char *name;
        bool differs;
    } rows[] = {
#define ROW(use, field) {use, #field, args->field != own.field}
        ROW(USES_DEPTH_MULT, depth_mult),
        ROW(USES_SAME_PADDING, same_padding),
        ROW(USES_WRAP_PADDING, wrap_padding),
        ROW(USES_REDUCED_TAIL, reduced_tail),
        ROW(USES_DILATED, dilated),
        ROW(USES_MINIMAL, minimal),
        ROW(USES_FIXED_HEAD, fixed_head),
        ROW(USES_DROPOUT, dropout),
        ROW(USES_LAYER_SCALE, layer_scale),
        ROW(USES_BATCH_NORM, norm_momentum),
        ROW(USES_BATCH_NORM, norm_unbiased),
        {USES_ROWS, "blocks", args->row_count},
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        FAIL_IF(rows[i].differs && !(family->uses & rows[i].use), SK_EUSAGE,
                "a %s has no use for %s, which must keep its default", args->name, rows[i].name);
    return SK_OK;
}

void model_args_imagenet(struct model_args *args) {
    args->num_classes = 1000;
    args->height = args->width = 224;
    args->in_channels = 3;
    args->round_nearest = 8;
    args->width_mult = args->depth_mult = 1;
    args->stem_stride = 2;
    args->norm_eps = 1e-5;
    args->norm_momentum = 0.1;
    args->norm_unbiased = true;
}

sk_status model_args_check(const struct model_family *family, const struct model_args *args) {
    TRY(check_uses(family, args));
    TRY(check_shape(args));
    TRY(check_rates(args));
    FAIL_IF(args->stem_stride < 1 || args->stem_stride > 4, SK_EUSAGE, "a stem stride of %lld is not 1 to 4",
            (long long)args->stem_stride);
    FAIL_IF(args->stages < 1 || args->stages > MODEL_STAGES, SK_EUSAGE, "%lld strides; expected 1 to %d",
            (long long)args->stages, MODEL_STAGES);
    for (int i = 0; i < args->stages; i++)
        FAIL_IF(args->strides[i] < 1 || args->strides[i] > 4, SK_EUSAGE, "stage %d has stride %lld, not 1 to 4", i + 1,
                (long long)args->strides[i]);
    FAIL_IF(args->row_count && args->row_count != args->stages, SK_EUSAGE, "%lld blocks, but %lld strides",
            (long long)args->row_count, (long long)args->stages);
    return SK_OK;
}

/* ---- rows ---- */

static const struct {
    const char *word;
    enum act act;
} short_words[] = {{"RE", ACT_RELU}, {"HS", ACT_HARDSWISH}};
enum { SHORT_WORDS = sizeof short_words / sizeof *short_words };

static const char *act_word(enum act act) {
    for (int i = 0; i < SHORT_WORDS; i++)
        if (short_words[i].act == act) return short_words[i].word;
    return act_name(act);
}

static bool find_act(const char *word, int64_t *act) {
    for (int i = 0; i < SHORT_WORDS; i++)
        if (strcmp(short_words[i].word, word) == 0) return *act = short_words[i].act, true;
    for (int i = 0; i < ACT_COUNT; i++)
        if (strcmp(act_name((enum act)i), word) == 0) return *act = i, true;
    return false;
}

static bool item_is_act(const struct model_row *row, int i) {
    return i == ROW_ACT && row->count > ROW_ACT;
}

void model_row_print(const struct model_row *row, struct text *text) {
    for (int i = 0; i < row->count; i++) {
        text_add(text, i ? ", " : "[");
        if (item_is_act(row, i))
            text_add(text, act_word((enum act)row->item[i]));
        else
            text_addf(text, "%lld", (long long)row->item[i]);
    }
    text_add(text, "]");
}

sk_status model_row_parse(const char *text, struct model_row *row) {
    char word[32];
    *row = (struct model_row){0};
    size_t length = strlen(text);
    FAIL_IF(length < 2 || text[0] != '[' || text[length - 1] != ']', SK_EUSAGE,
            "found '%.60s', expected a block's row such as [3, 16, 16, 0, RE, 1]", text);
    for (const char *at = text + 1; at < text + length;) {
        at += strspn(at, " ");
        size_t item = strcspn(at, ",]"), end = item;
        while (end > 0 && at[end - 1] == ' ') end--;
        FAIL_IF(row->count == MODEL_ROW || end >= sizeof word, SK_EUSAGE,
                "found '%.60s', expected a row of at most %d short items", text, MODEL_ROW);
        snprintf(word, sizeof word, "%.*s", (int)end, at);
        int64_t *to = &row->item[row->count++];
        bool act = row->count == ROW_ACT + 1;
        FAIL_IF(act ? !find_act(word, to) : !parse_i64(word, to), SK_EUSAGE, "found '%.60s': item %d '%s' is no %s",
                text, row->count, word, act ? "activation (RE, HS, relu6, silu, …)" : "whole number");
        at += item + 1;
    }
    return SK_OK;
}

void model_args_rows(struct model_args *args, const struct model_row *rows, int64_t count) {
    args->row_count = args->stages = count;
    for (int64_t i = 0; i < count; i++) {
        args->rows[i] = rows[i];
        args->strides[i] = rows[i].item[rows[i].count > ROW_ACT ? ROW_ACT + 1 : ROW_ACT - 1];
    }
}

/* ---- JSON ---- */

static void write_row(const struct model_row *row, struct json_writer *writer) {
    jw_array(writer, NULL);
    for (int i = 0; i < row->count; i++) {
        if (item_is_act(row, i))
            jw_string(writer, NULL, act_word((enum act)row->item[i]));
        else
            jw_integer(writer, NULL, row->item[i]);
    }
    jw_end_array(writer);
}

void model_args_write(const struct model_args *args, struct json_writer *writer) {
    jw_string(writer, "name", args->name);
#define X(field) jw_integer(writer, #field, args->field);
    MODEL_INTEGERS(X)
#undef X
#define X(field) jw_number(writer, #field, args->field);
    MODEL_NUMBERS(X)
#undef X
#define X(field) jw_bool(writer, #field, args->field);
    MODEL_SWITCHES(X)
#undef X
    if (args->activation != ACT_NONE) jw_string(writer, "activation", act_name(args->activation));
    jw_array(writer, "strides");
    for (int64_t i = 0; i < args->stages; i++) jw_integer(writer, NULL, args->strides[i]);
    jw_end_array(writer);
    if (args->row_count) {
        jw_array(writer, "blocks");
        for (int64_t i = 0; i < args->row_count; i++) write_row(&args->rows[i], writer);
        jw_end_array(writer);
    }
    if (!args->head_count) return;
    jw_array(writer, "head_hidden");
    for (int64_t i = 0; i < args->head_count; i++) jw_integer(writer, NULL, args->head_hidden[i]);
    jw_end_array(writer);
    jw_string(writer, "head_activation", act_name(args->head_activation));
    jw_number(writer, "head_dropout", args->head_dropout);
}

static sk_status read_strides(const struct json *json, const char *what, struct model_args *args) {
    FAIL_IF(json->kind != JSON_ARRAY || json->count > MODEL_STAGES, SK_EFORMAT,
            "%s: strides must be a list of at most %d integers", what, MODEL_STAGES);
    args->stages = 0;
    for (const struct json *item = json->child; item; item = item->next) {
        FAIL_IF(!item->is_integer, SK_EFORMAT, "%s: strides must be integers", what);
        args->strides[args->stages++] = item->integer;
    }
    return SK_OK;
}

static sk_status read_row(const struct json *json, const char *what, struct model_row *row) {
    FAIL_IF(json->kind != JSON_ARRAY || json->count < 1 || json->count > MODEL_ROW, SK_EFORMAT,
            "%s: each of blocks must be a list of 1 to %d items", what, MODEL_ROW);
    row->count = (int)json->count;
    int i = 0;
    for (const struct json *item = json->child; item; item = item->next, i++) {
        bool act = item_is_act(row, i);
        FAIL_IF(act ? item->kind != JSON_STRING || !find_act(item->string, &row->item[i]) : !item->is_integer,
                SK_EFORMAT, "%s: blocks: item %d of a row must be %s", what, i + 1,
                act ? "an activation" : "an integer");
        if (!act) row->item[i] = item->integer;
    }
    return SK_OK;
}

static sk_status read_rows(const struct json *json, const char *what, struct model_args *args) {
    FAIL_IF(json->kind != JSON_ARRAY || json->count > MODEL_STAGES, SK_EFORMAT,
            "%s: blocks must be a list of at most %d rows", what, MODEL_STAGES);
    args->row_count = 0;
    for (const struct json *item = json->child; item; item = item->next)
        TRY(read_row(item, what, &args->rows[args->row_count++]));
    return SK_OK;
}

static sk_status read_activation(const struct json *json, const char *what, enum act *to) {
    int64_t act;
    FAIL_IF(json->kind != JSON_STRING || !find_act(json->string, &act), SK_EFORMAT, "%s: %s must be an activation's name",
            what, json->key);
    *to = (enum act)act;
    return SK_OK;
}

static sk_status read_head(const struct json *json, const char *what, struct model_args *args) {
    FAIL_IF(json->kind != JSON_ARRAY || json->count > MODEL_HEAD, SK_EFORMAT,
            "%s: head_hidden must be a list of at most %d integers", what, MODEL_HEAD);
    args->head_count = 0;
    for (const struct json *item = json->child; item; item = item->next) {
        FAIL_IF(!item->is_integer, SK_EFORMAT, "%s: head_hidden must be integers", what);
        args->head_hidden[args->head_count++] = item->integer;
    }
    return SK_OK;
}

static sk_status read_head_dropout(const struct json *json, const char *what, struct model_args *args) {
    FAIL_IF(json->kind != JSON_NUMBER, SK_EFORMAT, "%s: head_dropout must be a number", what);
    args->head_dropout = json->number;
    return SK_OK;
}

static sk_status read_member(const struct json *member, const char *what, struct model_args *args) {
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(!member->is_integer, SK_EFORMAT, "%s: " #field " must be an integer", what);                           \
        args->field = member->integer;                                                                                 \
        return SK_OK;                                                                                                  \
    }
    MODEL_INTEGERS(X)
#undef X
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(member->kind != JSON_NUMBER, SK_EFORMAT, "%s: " #field " must be a number", what);                     \
        args->field = member->number;                                                                                  \
        return SK_OK;                                                                                                  \
    }
    MODEL_NUMBERS(X)
#undef X
#define X(field)                                                                                                       \
    if (strcmp(member->key, #field) == 0) {                                                                            \
        FAIL_IF(member->kind != JSON_BOOL, SK_EFORMAT, "%s: " #field " must be true or false", what);                  \
        args->field = member->boolean;                                                                                 \
        return SK_OK;                                                                                                  \
    }
    MODEL_SWITCHES(X)
#undef X
    if (strcmp(member->key, "strides") == 0) return read_strides(member, what, args);
    if (strcmp(member->key, "blocks") == 0) return read_rows(member, what, args);
    if (strcmp(member->key, "activation") == 0) return read_activation(member, what, &args->activation);
    if (strcmp(member->key, "head_hidden") == 0) return read_head(member, what, args);
    if (strcmp(member->key, "head_activation") == 0) return read_activation(member, what, &args->head_activation);
    if (strcmp(member->key, "head_dropout") == 0) return read_head_dropout(member, what, args);
    if (strcmp(member->key, "name") == 0) return SK_OK;
    return status_fail(SK_EFORMAT, "%s: the model has an argument %s that this siskin does not know", what,
                       member->key);
}

sk_status model_args_read(const struct json *json, const char *what, struct model_args *args) {
    const char *name = json_string(json, "name", NULL);
    FAIL_IF(!name, SK_EFORMAT, "%s: the model's arguments do not name the architecture", what);
    TRY(model_defaults(name, args));
    for (const struct json *member = json->child; member; member = member->next) TRY(read_member(member, what, args));
    return SK_OK;
}
