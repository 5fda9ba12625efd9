/* loop_average.c — which epochs' models are kept, and the mean of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop_average.h"

#include <stdlib.h>
#include <string.h>

#include "train/average.h"
#include "train/loop_setup.h"
#include "train/model_file.h"
#include "train/recalibrate.h"

enum { JSON_BYTES_MAX = 1 << 20, KEPT_MAX = 1001 };

struct kept_epoch {
    int64_t epoch;
    double top1;
};

/* Of average.best: the best epochs so far. */
struct kept_list {
    struct kept_epoch item[KEPT_MAX];
    int64_t count;
};

sk_status loop_average_check(const struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    if (recipe->average_best == 0 || loop->evaluator) return SK_OK;
    return recipe_fail(recipe, RECIPE_average_best, "%lld, but there is no validation picture to choose epochs by; use "
                       "average.last", (long long)recipe->average_best);
}

static char *folder_of(struct arena *arena, const struct loop *loop) {
    return path_join(arena, loop->options.run, "average");
}

static char *model_path(struct arena *arena, const struct loop *loop, int64_t epoch) {
    return arena_printf(arena, "%s/average/epoch-%lld.safetensors", loop->options.run, (long long)epoch);
}

/* ---- the list ---- */

static sk_status read_list(struct arena *arena, const struct loop *loop, struct kept_list *list) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    char *path = arena_printf(arena, "%s/average/kept.json", loop->options.run);
    list->count = 0;
    if (!path) return SK_EMEMORY;
    if (!file_exists(path)) return SK_OK;
    TRY(file_read(arena, path, JSON_BYTES_MAX, &bytes, &size));
    TRY(json_parse(arena, (const char *)bytes, size, path, &json));
    const struct json *epochs = json_get(json, "epochs");
    for (const struct json *item = epochs ? epochs->child : NULL; item && list->count < KEPT_MAX - 1; item = item->next)
        list->item[list->count++] = (struct kept_epoch){json_integer(item, "epoch", 0), json_number(item, "top1", -1)};
    return SK_OK;
}

static sk_status write_list(struct arena *arena, const struct loop *loop, const struct kept_list *list) {
    struct json_writer w = {0};
    char *path = arena_printf(arena, "%s/average/kept.json", loop->options.run);
    if (!path) return SK_EMEMORY;
    jw_object(&w, NULL);
    jw_array(&w, "epochs");
    for (int64_t i = 0; i < list->count; i++) {
        jw_object(&w, NULL);
        jw_integer(&w, "epoch", list->item[i].epoch);
        jw_number(&w, "top1", list->item[i].top1);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    return jw_save(&w, path);
}

/* The best first; of equals the earlier. */
static int by_top1(const void *a, const void *b) {
    const struct kept_epoch *x = a, *y = b;
    if (x->top1 != y->top1) return x->top1 < y->top1 ? 1 : -1;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

/* Put an epoch into the list; *dropped becomes the one that leaves it (perhaps itself), or 0. */
static void take_epoch(struct kept_list *list, int64_t most, struct kept_epoch one, int64_t *dropped) {
    int64_t at = 0;
    while (at < list->count && list->item[at].epoch != one.epoch) at++;
    list->item[at] = one;
    if (at == list->count) list->count++;
    qsort(list->item, (size_t)list->count, sizeof *list->item, by_top1);
    *dropped = list->count > most ? list->item[--list->count].epoch : 0;
}

/* ---- keeping ---- */

/* The weights that the recipe chooses its best model by. */
static sk_status save_model(struct loop *loop, const char *path) {
    bool of_ema = loop->options.recipe->ema_best == CHOICE_EMA_BEST_EMA;
    trainer_publish(loop->trainer);
    if (of_ema) trainer_show_ema(loop->trainer);
    sk_status status = model_file_save(loop->network, loop->team, path);
    if (of_ema) trainer_show_raw(loop->trainer);
    return status;
}

static sk_status keep_best(struct arena *arena, struct loop *loop, double top1) {
    int64_t epoch = loop->at.epoch + 1, dropped;
    struct kept_list *list = arena_alloc(arena, sizeof *list);
    if (!list) return SK_EMEMORY;
    TRY(read_list(arena, loop, list));
    take_epoch(list, loop->options.recipe->average_best, (struct kept_epoch){epoch, top1}, &dropped);
    if (dropped == epoch) return SK_OK;
    char *path = model_path(arena, loop, epoch), *old = model_path(arena, loop, dropped);
    if (!path || !old) return SK_EMEMORY;
    TRY(save_model(loop, path));
    TRY(write_list(arena, loop, list));
    return dropped ? folder_remove(old) : SK_OK;
}

static sk_status keep_last(struct arena *arena, struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    int64_t epoch = loop->at.epoch + 1;
    if (epoch <= recipe->epochs - recipe->average_last) return SK_OK;
    char *path = model_path(arena, loop, epoch);
    return path ? save_model(loop, path) : SK_EMEMORY;
}

sk_status loop_average_keep(struct loop *loop, const struct metrics_result *val) {
    const struct recipe *recipe = loop->options.recipe;
    struct arena arena = {0};
    if (!recipe->average_last && !recipe->average_best) return SK_OK;
    char *folder = folder_of(&arena, loop);
    sk_status status = folder ? folder_make(folder) : SK_EMEMORY;
    if (status == SK_OK && recipe->average_last) status = keep_last(&arena, loop);
    if (status == SK_OK && recipe->average_best && val) status = keep_best(&arena, loop, val->top1);
    arena_free(&arena);
    return status;
}

/* ---- the mean ---- */

static int by_epoch(const void *a, const void *b) {
    const struct kept_epoch *x = a, *y = b;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

/* The epochs that enter it, rising. */
static sk_status find_epochs(struct arena *arena, const struct loop *loop, struct kept_list *list) {
    const struct recipe *recipe = loop->options.recipe;
    if (recipe->average_best) {
        TRY(read_list(arena, loop, list));
        qsort(list->item, (size_t)list->count, sizeof *list->item, by_epoch);
    } else {
        int64_t first = recipe->epochs > recipe->average_last ? recipe->epochs - recipe->average_last + 1 : 1;
        for (int64_t e = first; e <= recipe->epochs; e++) list->item[list->count++] = (struct kept_epoch){.epoch = e};
    }
    FAIL_IF(list->count == 0, SK_EDATA, "%s/average holds no model to average", loop->options.run);
    return SK_OK;
}

static sk_status make_mean(struct arena *arena, struct loop *loop, const struct kept_list *list,
                           struct network **network) {
    const char **paths = arena_array(arena, (size_t)list->count, sizeof *paths);
    struct text said = {0};
    if (!paths) return SK_EMEMORY;
    text_addf(&said, "%s, mean of the models of epochs", loop->network->provenance);
    for (int64_t i = 0; i < list->count; i++) {
        paths[i] = model_path(arena, loop, list->item[i].epoch);
        if (!paths[i]) return SK_EMEMORY;
        text_addf(&said, "%s %lld", i ? "," : "", (long long)list->item[i].epoch);
    }
    sk_status status = text_check(&said);
    if (status == SK_OK) status = average_files(paths, (size_t)list->count, network);
    if (status == SK_OK) (*network)->provenance = arena_strdup(&(*network)->arena, said.data);
    text_free(&said);
    return status == SK_OK && !(*network)->provenance ? SK_EMEMORY : status;
}

static void statistics_progress(void *user, int64_t done, int64_t all) {
    struct loop *loop = user;
    progress_statistics(&loop->progress, done, all);
}

static sk_status take_anew(struct loop *loop, struct network *network) {
    const struct recipe *recipe = loop->options.recipe;
    int64_t batch = schedule_pass_images(recipe), batches;
    if (!recipe->average_recalibrate) return SK_OK;
    loader_labels_only(loop->loader, false);
    struct recalibration options = {.network = network,
                                    .team = loop->team,
                                    .loader = loop->loader,
                                    .epoch = (uint64_t)recipe->epochs,
                                    .seed = (uint64_t)recipe->seed,
                                    .size = recipe->augment_size,
                                    .batch = batch,
                                    .rest = recipe->drop_last || recipe->data_stream != CHOICE_DATA_EPOCHS ? 0 : loop->at.train_images % batch,
                                    .stop = loop->options.stop,
                                    .progress = statistics_progress,
                                    .user = loop};
    TRY(recalibrate(&options, &batches));
    loop_say(loop, "note", "the averaged model's batch-norm statistics are means over %lld batches", (long long)batches);
    return SK_OK;
}

/* The evaluator reads the run's own network, which is lent for this and put back. */
static sk_status score(struct loop *loop, const struct network *mean, struct metrics_result *r) {
    struct network *own = loop->network;
    struct region params = {0}, state = {0};
    size_t bytes = (size_t)own->graph->param_elements * sizeof(float);
    size_t state_bytes = (size_t)own->graph->state_elements * sizeof(float);
    sk_status status = region_new(&params, bytes + 1);
    if (status == SK_OK) status = region_new(&state, state_bytes + 1);
    if (status == SK_OK) {
        memcpy(params.data, own->params, bytes);
        memcpy(state.data, own->state, state_bytes);
        memcpy(own->params, mean->params, bytes);
        memcpy(own->state, mean->state, state_bytes);
        evaluator_keep(loop->evaluator, 0, NULL);
        status = evaluator_run(loop->evaluator, r);
        memcpy(own->params, params.data, bytes);
        memcpy(own->state, state.data, state_bytes);
    }
    region_free(&params);
    region_free(&state);
    return status;
}

static sk_status write_result(const char *path, const struct kept_list *list, const struct metrics_result *val) {
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_string(&w, "model", "average.safetensors");
    jw_array(&w, "epochs");
    for (int64_t i = 0; i < list->count; i++) jw_integer(&w, NULL, list->item[i].epoch);
    jw_end_array(&w);
    if (val) metrics_write(val, &w);
    jw_end_object(&w);
    return jw_save(&w, path);
}

static sk_status finish(struct arena *arena, struct loop *loop, const char *result) {
    struct metrics_result val;
    struct network *mean = NULL;
    struct kept_list *list = arena_alloc(arena, sizeof *list);
    char *path = path_join(arena, loop->options.run, "average.safetensors");
    if (!path || !list) return SK_EMEMORY;
    TRY(find_epochs(arena, loop, list));
    sk_status status = make_mean(arena, loop, list, &mean);
    if (status == SK_OK) status = take_anew(loop, mean);
    if (status == SK_OK) status = model_file_save(mean, loop->team, path);
    if (status == SK_OK && loop->evaluator) status = score(loop, mean, &val);
    if (status == SK_OK) status = write_result(result, list, loop->evaluator ? &val : NULL);
    if (status == SK_OK && loop->evaluator)
        loop_say(loop, "result line", "the mean of %lld epochs' models, average.safetensors: val loss %.4f · top-1 %.2f %%",
                 (long long)list->count, val.loss, val.top1);
    network_free(mean);
    return status;
}

sk_status loop_average_finish(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    struct arena arena = {0};
    if (!recipe->average_last && !recipe->average_best) return SK_OK;
    char *result = path_join(&arena, loop->options.run, "average.json");
    sk_status status = result ? SK_OK : SK_EMEMORY;
    if (status == SK_OK && !file_exists(result)) status = finish(&arena, loop, result);
    arena_free(&arena);
    return status;
}
