/* loop_ema.c — lending the moving average to the evaluator and to model files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop_ema.h"

#include "train/loop_setup.h"
#include "train/model_file.h"

/* The file says that its weights are averages. */
static sk_status save(struct loop *loop, const char *name) {
    struct network *network = loop->network;
    const char *own = network->provenance;
    char *path = path_join(&loop->arena, loop->options.run, name);
    network->provenance = arena_printf(&loop->arena, "%s, moving average of the weights", own ? own : "");
    sk_status status = path && network->provenance ? model_file_save(network, loop->team, path) : SK_EMEMORY;
    network->provenance = own;
    return status;
}

/* Kept features belong to the raw weights: the average looks at whole pictures. */
static sk_status score(struct loop *loop, struct metrics_result *r) {
    evaluator_keep(loop->evaluator, 0, NULL);
    TRY(evaluator_run(loop->evaluator, r));
    if (r->top1 <= loop->at.best_ema_top1) return SK_OK;
    loop->at.best_ema_top1 = r->top1;
    loop->at.best_ema_epoch = loop->at.epoch + 1;
    return save(loop, "best_ema.safetensors");
}

sk_status loop_ema_evaluate(struct loop *loop, struct metrics_result *result, const struct metrics_result **val) {
    *val = NULL;
    if (!trainer_has_ema(loop->trainer) || !loop->evaluator) return SK_OK;
    trainer_show_ema(loop->trainer);
    sk_status status = score(loop, result);
    trainer_show_raw(loop->trainer);
    if (status != SK_OK) return status;
    loop->result->ema = *result;
    loop->result->has_ema = true;
    *val = result;
    return status;
}

sk_status loop_ema_finish(struct loop *loop) {
    if (!trainer_has_ema(loop->trainer)) return SK_OK;
    trainer_show_ema(loop->trainer);
    sk_status status = save(loop, "last_ema.safetensors");
    if (status == SK_OK && !loop->evaluator) status = save(loop, "best_ema.safetensors");
    trainer_show_raw(loop->trainer);
    return status;
}
