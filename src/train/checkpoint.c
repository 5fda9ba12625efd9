/* checkpoint.c — saving, finding and loading a run's complete state.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "files/weights.h"

static const char KEY[] = "siskin.checkpoint", STATE[] = "state.safetensors", PREFIX[] = "step-", OLD[] = ".old-";

static uint32_t block_crc(const void *data, size_t bytes) {
    uLong crc = crc32(0, NULL, 0);
    const uint8_t *at = data;
    for (size_t left = bytes; left > 0;) {
        uInt part = left < 1u << 30 ? (uInt)left : 1u << 30;
        crc = crc32(crc, at, part);
        at += part, left -= part;
    }
    return (uint32_t)crc;
}

/* ---- saving ---- */

/* The integers once, for writing and reading. */
#define CHECKPOINT_INTEGERS(X)                                                                                         \
    X(position.step)                                                                                                   \
    X(position.micro_step)                                                                                             \
    X(position.gathered) X(epoch) X(batch) X(right) X(images) X(corrupt) X(line_right) X(line_images) X(log_bytes)     \
        X(best_epoch) X(best_ema_epoch) X(train_images) X(val_images) X(seed) X(plateau.fed) X(plateau.better)         \
            X(plateau.waited) X(plateau.cooling)
#define CHECKPOINT_NUMBERS(X)                                                                                          \
    X(loss_sum) X(line_loss) X(lr) X(seconds) X(best_top1) X(best_ema_top1) X(plateau.best) X(plateau.lr)

static void write_metadata(const struct checkpoint *c, const struct trainer_block *blocks, int count,
                           struct json_writer *w) {
    jw_object(w, NULL);
#define X(field) jw_integer(w, #field, c->field);
    CHECKPOINT_INTEGERS(X)
#undef X
#define X(field) jw_number(w, #field, c->field);
    CHECKPOINT_NUMBERS(X)
#undef X
    jw_string(w, "level", c->level);
    jw_string(w, "precision", c->precision);
    jw_object(w, "crc");
    for (int i = 0; i < count; i++)
        jw_integer(w, blocks[i].name, block_crc(blocks[i].data, (size_t)blocks[i].count * dtype_size(blocks[i].dtype)));
    jw_end_object(w);
    jw_end_object(w);
}

static sk_status write_state(const char *path, const struct checkpoint *c, struct trainer *trainer) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    struct tensor tensors[TRAINER_BLOCKS];
    int count = trainer_blocks(trainer, blocks);
    for (int i = 0; i < count; i++)
        tensors[i] = (struct tensor){blocks[i].name, blocks[i].dtype, {1, {blocks[i].count}}, blocks[i].data};
    struct json_writer w = {0};
    write_metadata(c, blocks, count, &w);
    sk_status status = text_check(&w.text);
    if (status == SK_OK) {
        struct weights_pair pair = {KEY, w.text.data};
        struct weights weights = {.tensors = tensors, .count = (size_t)count, .metadata = &pair, .metadata_count = 1};
        status = safetensors_save(path, &weights);
    }
    text_free(&w.text);
    return status;
}

/* Checkpoints are hidden by another name before they are removed, so that no half one has a checkpoint's name. */
static sk_status hide_checkpoint(struct arena *arena, const char *folder, int64_t step, char **old) {
    char *from = arena_printf(arena, "%s/%s%lld", folder, PREFIX, (long long)step);
    *old = arena_printf(arena, "%s/%s%lld", folder, OLD, (long long)step);
    if (!from || !*old) return SK_EMEMORY;
    TRY(folder_remove(*old));
    return file_exists(from) ? file_rename(from, *old) : SK_OK;
}

static sk_status remove_checkpoint(struct arena *arena, const char *folder, int64_t step) {
    char *old;
    TRY(hide_checkpoint(arena, folder, step, &old));
    return folder_remove(old);
}

static sk_status save(struct arena *arena, const char *run, const struct checkpoint *c, struct trainer *trainer) {
    char *folder = path_join(arena, run, "checkpoints");
    char *hidden = arena_printf(arena, "%s/.%s%lld", folder ? folder : "", PREFIX, (long long)c->position.step);
    char *final = arena_printf(arena, "%s/%s%lld", folder ? folder : "", PREFIX, (long long)c->position.step);
    char *path = hidden ? path_join(arena, hidden, STATE) : NULL;
    char *old = NULL;
    if (!folder || !final || !path) return SK_EMEMORY;
    TRY(folder_remove(hidden));
    TRY(folder_make(hidden));
    sk_status status = write_state(path, c, trainer);
    /* There may be one of this step: of an earlier batch of its accumulation, or damaged and left aside. */
    if (status == SK_OK) status = hide_checkpoint(arena, folder, c->position.step, &old);
    if (status == SK_OK) status = file_rename(hidden, final); /* a kill before this line: recover() */
    if (status == SK_OK) status = folder_remove(old);
    if (status != SK_OK) {
        char *sentence = arena_strdup(arena, sk_error());
        folder_remove(hidden); /* what is left takes room; the first failure is the one to tell */
        return status_fail(status, "%s", sentence ? sentence : "");
    }
    return SK_OK;
}

sk_status checkpoint_save(const char *run, const struct checkpoint *checkpoint, struct trainer *trainer) {
    struct arena arena = {0};
    sk_status status = save(&arena, run, checkpoint, trainer);
    arena_free(&arena);
    return status;
}

/* ---- finding ---- */

static int by_step(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Steps of the checkpoints that have their name, rising. */
static sk_status find_steps(struct arena *arena, const char *folder, int64_t **steps, size_t *count) {
    char **names;
    size_t found;
    *count = 0;
    TRY(folder_list(arena, folder, LIST_FOLDERS, &names, &found));
    *steps = arena_array(arena, found, sizeof **steps);
    if (!*steps) return SK_EMEMORY;
    for (size_t i = 0; i < found; i++) {
        int64_t step;
        if (strncmp(names[i], PREFIX, strlen(PREFIX)) != 0 || !parse_i64(names[i] + strlen(PREFIX), &step)) continue;
        (*steps)[(*count)++] = step;
    }
    qsort(*steps, *count, sizeof **steps, by_step);
    return SK_OK;
}

static sk_status tidy(struct arena *arena, const char *run, int64_t keep) {
    char *folder = path_join(arena, run, "checkpoints");
    if (!folder) return SK_EMEMORY;
    int64_t *steps;
    size_t count, found;
    TRY(find_steps(arena, folder, &steps, &count));
    for (size_t i = 0; (int64_t)(count - i) > keep; i++) TRY(remove_checkpoint(arena, folder, steps[i]));
    char **names;
    TRY(folder_list(arena, folder, LIST_FOLDERS, &names, &found));
    for (size_t i = 0; i < found; i++) {
        char *path = path_join(arena, folder, names[i]);
        if (!path) return SK_EMEMORY;
        if (names[i][0] == '.') TRY(folder_remove(path));
    }
    return SK_OK;
}

sk_status checkpoint_tidy(const char *run, int64_t keep) {
    struct arena arena = {0};
    sk_status status = tidy(&arena, run, keep);
    arena_free(&arena);
    return status;
}

/* ---- loading ---- */

static sk_status read_metadata(struct arena *arena, const char *text, const char *path, struct checkpoint *c,
                               const struct json **crc) {
    struct json *json;
    FAIL_IF(!text, SK_EFORMAT, "%s is no checkpoint: its metadata have no %s", path, KEY);
    TRY(json_parse(arena, text, strlen(text), path, &json));
#define X(field) c->field = json_integer(json, #field, INT64_MIN);
    CHECKPOINT_INTEGERS(X)
#undef X
    if (!json_get(json, "best_ema_epoch")) c->best_ema_epoch = 0; /* of a run that knew of no averages */
    if (!json_get(json, "plateau.fed")) c->plateau = (struct plateau){0};
#define X(field) c->field = json_number(json, #field, -1);
    CHECKPOINT_NUMBERS(X)
#undef X
    bool sound = true;
#define X(field) sound = sound && c->field >= 0;
    CHECKPOINT_INTEGERS(X)
#undef X
    c->level = json_string(json, "level", NULL);
    c->precision = json_string(json, "precision", "f32"); /* there was no other */
    *crc = json_get(json, "crc");
    FAIL_IF(!sound || !c->level || !*crc, SK_EFORMAT, "%s: the checkpoint's position is incomplete", path);
    return SK_OK;
}

/* All blocks are checked before the first is copied: a damaged file changes nothing. */
static sk_status read_blocks(const struct weights *weights, const struct json *crc, const char *path,
                             struct trainer *trainer) {
    struct trainer_block blocks[TRAINER_BLOCKS];
    const struct tensor *tensors[TRAINER_BLOCKS];
    int count = trainer_blocks(trainer, blocks);
    for (int i = 0; i < count; i++) {
        const struct tensor *t = tensors[i] = weights_find(weights, blocks[i].name);
        size_t bytes = (size_t)blocks[i].count * dtype_size(blocks[i].dtype);
        FAIL_IF(!t, SK_EFORMAT, "%s has no block %s", path, blocks[i].name);
        FAIL_IF(t->dtype != blocks[i].dtype || t->shape.rank != 1 || t->shape.dim[0] != blocks[i].count, SK_ESHAPE,
                "%s: block %s is not the one of this recipe's model; was the recipe changed?", path, blocks[i].name);
        FAIL_IF(json_integer(crc, blocks[i].name, -1) != block_crc(t->data, bytes), SK_EFORMAT,
                "%s: block %s does not have the checksum it was saved with", path, blocks[i].name);
    }
    for (int i = 0; i < count; i++)
        memcpy(blocks[i].data, tensors[i]->data, (size_t)blocks[i].count * dtype_size(blocks[i].dtype));
    return SK_OK;
}

/* trainer NULL: the metadata alone. */
static sk_status load_one(struct arena *arena, const char *path, struct trainer *trainer, struct checkpoint *c) {
    struct weights weights;
    const struct json *crc = NULL;
    TRY(weights_open(arena, path, NULL, &weights));
    sk_status status = read_metadata(arena, weights_metadata(&weights, KEY), path, c, &crc);
    if (status == SK_OK && trainer) status = read_blocks(&weights, crc, path, trainer);
    weights_close(&weights);
    if (status == SK_OK && trainer) trainer_seek(trainer, c->position);
    return status;
}

/* A kill between hiding a checkpoint and giving its successor the name: the hidden one is the newest. */
static sk_status recover(struct arena *arena, const char *folder) {
    char **names;
    size_t count;
    TRY(folder_list(arena, folder, LIST_FOLDERS, &names, &count));
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], OLD, strlen(OLD)) != 0) continue;
        char *from = path_join(arena, folder, names[i]);
        char *to = arena_printf(arena, "%s/%s%s", folder, PREFIX, names[i] + strlen(OLD));
        if (!from || !to) return SK_EMEMORY;
        if (!file_exists(to)) TRY(file_rename(from, to));
    }
    return SK_OK;
}

sk_status checkpoint_any(const char *run, bool *any) {
    struct arena arena = {0};
    int64_t *steps;
    size_t count = 0;
    char *folder = path_join(&arena, run, "checkpoints");
    sk_status status = folder ? SK_OK : SK_EMEMORY;
    if (status == SK_OK && file_is_folder(folder)) status = recover(&arena, folder);
    if (status == SK_OK && file_is_folder(folder)) status = find_steps(&arena, folder, &steps, &count);
    arena_free(&arena);
    *any = count > 0;
    return status;
}

sk_status checkpoint_load(const char *run, struct arena *arena, const struct checkpoint_note *note,
                          struct trainer *trainer, struct checkpoint *c) {
    char *folder = path_join(arena, run, "checkpoints");
    if (!folder) return SK_EMEMORY;
    FAIL_IF(!file_is_folder(folder), SK_EDATA, "%s is no run: it has no folder checkpoints", run);
    int64_t *steps;
    size_t count;
    TRY(recover(arena, folder));
    TRY(find_steps(arena, folder, &steps, &count));
    for (size_t i = count; i-- > 0;) {
        char *path = arena_printf(arena, "%s/%s%lld/%s", folder, PREFIX, (long long)steps[i], STATE);
        if (!path) return SK_EMEMORY;
        sk_status status = load_one(arena, path, trainer, c);
        if (status == SK_OK || status == SK_EMEMORY) return status;
        char *sentence =
            arena_printf(arena, "%s; this checkpoint is left aside and the one before is used", sk_error());
        if (sentence && note) note->say(note->user, sentence);
    }
    return status_fail(SK_EDATA, "%s has no whole checkpoint to go on from", folder);
}

sk_status checkpoint_peek(const char *run, struct arena *arena, struct checkpoint *c) {
    return checkpoint_load(run, arena, NULL, NULL, c);
}
