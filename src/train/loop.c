/* loop.c — the epochs of a run: steps, log lines, evaluations, the best model, checkpoints.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/loop.h"

#include <stdio.h>
#include <string.h>

#include "train/judge.h"
#include "train/loop_average.h"
#include "train/loop_ema.h"
#include "train/loop_plateau.h"
#include "train/loop_scores.h"
#include "train/loop_setup.h"
#include "train/model_file.h"
#include "train/run_folder.h"

static double seconds_trained(const struct loop *loop) {
    return loop->began_seconds + clock_seconds() - loop->began;
}

static bool stop_asked(const struct loop *loop) {
    return loop->options.stop && atomic_load(loop->options.stop);
}

/* ---- saving ---- */

static sk_status save_model(struct loop *loop, const char *name) {
    char *path = path_join(&loop->arena, loop->options.run, name);
    if (!path) return SK_EMEMORY;
    trainer_publish(loop->trainer);
    return model_file_save(loop->network, loop->team, path);
}

static sk_status save_checkpoint(struct loop *loop) {
    loop->at.position = trainer_position(loop->trainer);
    if (loop->at.epoch == loop->saved_epoch && loop->at.batch == loop->saved_batch) return SK_OK;
    loop->at.seconds = seconds_trained(loop);
    loop->at.log_bytes = loop->log.bytes;
    TRY(checkpoint_save(loop->options.run, &loop->at, loop->trainer));
    loop->saved_epoch = loop->at.epoch;
    loop->saved_batch = loop->at.batch;
    return checkpoint_tidy(loop->options.run, loop->options.recipe->checkpoint_keep);
}

static sk_status write_line(struct loop *loop, struct log_line *line) {
    line->epoch = loop->at.epoch + 1;
    line->step = trainer_position(loop->trainer).step;
    line->seconds = seconds_trained(loop);
    line->data_wait = loader_waited(loop->loader) - loop->waited_before;
    return run_log_write(&loop->log, line);
}

/* ---- a step ---- */

static void show_progress(struct loop *loop) {
    const struct checkpoint *at = &loop->at;
    int64_t epochs = loop->options.recipe->epochs;
    double spent = clock_seconds() - loop->began;
    double rate = spent > 0 ? (double)loop->trained / spent : 0;
    int64_t left = (epochs - at->epoch) * loop->plan.batches - at->batch;
    struct progress_state state = {.epoch = at->epoch + 1,
                                   .epochs = epochs,
                                   .batch = at->batch,
                                   .batches = loop->plan.batches,
                                   .images_per_s = rate,
                                   .loss = at->images ? at->loss_sum / (double)at->images : 0,
                                   .top1 = at->images ? 100.0 * (double)at->right / (double)at->images : 0,
                                   .left = rate > 0 ? (double)(left * schedule_pass_images(loop->options.recipe)) / rate : 0};
    progress_training(&loop->progress, &state);
}

static sk_status log_step(struct loop *loop, const struct trainer_result *step) {
    int64_t every = loop->options.recipe->log_every;
    if (!step->stepped || trainer_position(loop->trainer).step % every != 0) return SK_OK;
    double now = clock_seconds(), spent = now - loop->line_began;
    struct checkpoint *at = &loop->at;
    struct log_line line = {.lr = step->lr,
                            .loss = at->line_loss / (double)at->line_images,
                            .top1 = 100.0 * (double)at->line_right / (double)at->line_images,
                            .images_per_s = spent > 0 ? (double)(at->line_images - loop->line_before) / spent : 0};
    loop->line_began = now;
    at->line_loss = 0;
    at->line_right = at->line_images = loop->line_before = 0;
    return write_line(loop, &line);
}

/* Pictures that could not be decoded, named in the log before the step that went without them. */
static sk_status note_corrupt(struct loop *loop, const struct batch *batch) {
    struct corrupt corrupt = {0};
    if (batch->skipped_count == 0) return SK_OK;
    sk_status status = corrupt_gather(&corrupt, loop->dataset, DATA_TRAIN, batch, loop->at.epoch + 1);
    loop->at.corrupt += corrupt.count;
    if (status == SK_OK) return corrupt_write(&corrupt, &loop->log);
    text_free(&corrupt.lines);
    return status;
}

static sk_status train_batch(struct loop *loop, const struct batch *batch) {
    const struct recipe *recipe = loop->options.recipe;
    struct trainer_result step;
    bool last = batch->number + 1 == loop->plan.batches;
    TRY(note_corrupt(loop, batch));
    TRY(trainer_step(loop->trainer, batch, last && recipe->steps_per_epoch == CHOICE_STEPS_CEIL, &step));
    struct checkpoint *at = &loop->at;
    if (step.stepped) at->lr = step.lr;
    double sum = step.loss * batch->count;
    at->loss_sum += sum, at->line_loss += sum;
    at->right += step.right, at->line_right += step.right;
    at->images += batch->count, at->line_images += batch->count;
    at->batch = batch->number + 1;
    loop->trained += batch->count;
    TRY(log_step(loop, &step));
    show_progress(loop);
    bool due = recipe->checkpoint_every_steps > 0 && step.stepped &&
               trainer_position(loop->trainer).step % recipe->checkpoint_every_steps == 0;
    return due && !last ? save_checkpoint(loop) : SK_OK;
}

/* ---- an epoch ---- */

static sk_status evaluate(struct loop *loop, struct metrics_result *val) {
    struct loop_result *result = loop->result;
    trainer_publish(loop->trainer);
    const float *rows;
    evaluator_turn(loop->evaluator, loop->at.epoch / loop->options.recipe->eval_every_epochs);
    TRY(kept_rows(&loop->kept_val, loop->stage, &rows));
    evaluator_keep(loop->evaluator, loop->stage, rows);
    TRY(evaluator_run(loop->evaluator, val));
    result->has_val = true;
    result->val_images = val->images;
    result->val_loss = val->loss;
    result->val_top1 = val->top1;
    result->val_top5 = val->top5;
    result->val_low = val->low;
    result->val_high = val->high;
    if (val->top1 <= loop->at.best_top1) return SK_OK;
    loop->at.best_top1 = val->top1;
    loop->at.best_epoch = loop->at.epoch + 1;
    return save_model(loop, "best.safetensors");
}

static void tell_epoch(const struct loop *loop, const struct log_line *line) {
    char text[32], scored[192] = "";
    if (line->val)
        snprintf(scored, sizeof scored, " · val loss %.4f · val top-1 %.2f %% · top-5 %.2f %%", line->val->loss,
                 line->val->top1, line->val->top5);
    size_t length = strlen(scored);
    if (line->ema)
        snprintf(scored + length, sizeof scored - length, " · EMA val loss %.4f · top-1 %.2f %%", line->ema->loss,
                 line->ema->top1);
    loop_say(loop, "result line", "epoch %lld/%lld · loss %.4f · top-1 %.2f %%%s · %.0f images/s · %s",
             (long long)line->epoch, (long long)loop->options.recipe->epochs, line->loss, line->top1, scored,
             line->images_per_s, duration_text(line->seconds, text, sizeof text));
}

/* The curve that the recipe says a right run follows: told where it is left, not at every epoch outside. */
static void check_expectation(struct loop *loop, int64_t epoch, double top1) {
    const struct recipe *recipe = loop->options.recipe;
    for (size_t i = 0; i < recipe->expect_count; i++) {
        const struct recipe_expect *e = &recipe->expect[i];
        if (e->epoch != epoch) continue;
        bool outside = top1 < e->low || top1 > e->high;
        if (outside && !loop->off_course)
            loop_say(loop, "warning", "after epoch %lld top-1 is %.2f %%, but the recipe expects %g to %g",
                     (long long)epoch, top1, e->low, e->high);
        loop->off_course = outside;
    }
}

static void tell_damaged(struct loop *loop) {
    uint64_t damaged = loader_damaged(loop->loader) + loop->kept_train.damaged;
    if (damaged > loop->damaged && loop->damaged == 0)
        loop_say(loop, "warning", "%llu pictures of this epoch were read although their files are damaged",
                 (unsigned long long)damaged);
    loop->damaged = damaged;
}

static void tell_corrupt(const struct loop *loop, const struct log_line *line) {
    if (line->corrupt || line->val_corrupt)
        loop_say(loop, "warning",
                 "pictures that cannot be decoded: %lld of this epoch, in whose place others were taken, and %lld to "
                 "validate, which were left out; log.jsonl names them",
                 (long long)line->corrupt, (long long)line->val_corrupt);
}

/* After an epoch's last batch: evaluation, its log line, the best model, a checkpoint. */
static sk_status end_epoch(struct loop *loop) {
    const struct recipe *recipe = loop->options.recipe;
    struct checkpoint *at = &loop->at;
    struct metrics_result val, ema;
    int64_t number = at->epoch + 1;
    bool last = number == recipe->epochs, of_ema = recipe->ema_best == CHOICE_EMA_BEST_EMA;
    double spent = clock_seconds() - loop->epoch_began;
    struct log_line line = {.epoch_line = true,
                            .lr = at->lr,
                            .loss = at->loss_sum / (double)at->images,
                            .top1 = 100.0 * (double)at->right / (double)at->images,
                            .images_per_s = spent > 0 ? (double)(at->images - loop->epoch_before) / spent : 0,
                            .corrupt = at->corrupt};
    if (loop->evaluator && (last || number % recipe->eval_every_epochs == 0)) {
        TRY(evaluate(loop, &val));
        line.val = &val;
        TRY(loop_ema_evaluate(loop, &ema, &line.ema));
    }
    if (line.val) line.val_corrupt = evaluator_corrupt(loop->evaluator)->count;
    if (line.val) TRY(corrupt_write(evaluator_corrupt(loop->evaluator), &loop->log));
    TRY(write_line(loop, &line));
    tell_epoch(loop, &line);
    tell_damaged(loop);
    tell_corrupt(loop, &line);
    if (line.val) check_expectation(loop, number, of_ema && line.ema ? ema.top1 : val.top1);
    TRY(loop_average_keep(loop, of_ema && line.ema ? line.ema : line.val));
    loop_plateau_feed(loop, of_ema && line.ema ? line.ema : line.val);
    loop->result->loss = line.loss;
    loop->result->top1 = line.top1;
    *at = (struct checkpoint){.epoch = number,
                              .best_top1 = at->best_top1,
                              .best_epoch = at->best_epoch,
                              .best_ema_top1 = at->best_ema_top1,
                              .best_ema_epoch = at->best_ema_epoch,
                              .train_images = at->train_images,
                              .val_images = at->val_images,
                              .seed = at->seed,
                              .plateau = at->plateau,
                              .level = at->level,
                              .precision = at->precision};
    if (last) TRY(save_model(loop, "last.safetensors"));
    if (last && !loop->evaluator) TRY(save_model(loop, "best.safetensors"));
    if (last) TRY(loop_ema_finish(loop));
    return last || number % recipe->checkpoint_every_epochs == 0 ? save_checkpoint(loop) : SK_OK;
}

/* Where another part is frozen from now on: what is kept is computed, and the loader told whether to read pictures. */
static sk_status enter_stage(struct loop *loop, bool *seek) {
    int stage = trainer_stage(loop->trainer, loop->at.epoch);
    const float *rows;
    if (stage == loop->stage || loop->at.epoch == loop->options.recipe->epochs) return SK_OK;
    TRY(kept_rows(&loop->kept_train, stage, &rows));
    *seek = rows != NULL || loop->stage >= 0;
    loop->stage = stage;
    trainer_keep(loop->trainer, rows);
    loader_labels_only(loop->loader, rows != NULL);
    return SK_OK;
}

/* Batches that no optimizer step of the epoch would use are not made: the loader is led past them. */
static sk_status begin_epoch(struct loop *loop) {
    bool seek = false;
    TRY(enter_stage(loop, &seek));
    loop->epoch_began = loop->line_began = clock_seconds();
    loop->epoch_before = loop->at.images;
    loop->waited_before = loader_waited(loop->loader);
    loop->line_before = loop->at.line_images;
    seek = seek || (loop->at.batch == 0 && loop->plan.batches != loader_batches(loop->loader));
    if (!seek) return SK_OK;
    return loader_seek(loop->loader, (uint64_t)loop->at.epoch, loop->at.batch, (uint64_t)loop->options.recipe->epochs);
}

static sk_status interrupted(struct loop *loop) {
    TRY(save_checkpoint(loop));
    return status_fail(SK_EINTERRUPTED, "stopped at epoch %lld, step %lld, and saved; `siskin resume %s` goes on",
                       (long long)loop->at.epoch + 1, (long long)trainer_position(loop->trainer).step,
                       loop->options.run);
}

/* Stopped during the evaluation: the position after the epoch's last batch is kept, and its end done again. */
static sk_status end_epoch_saving(struct loop *loop) {
    sk_status status = end_epoch(loop);
    return status == SK_EINTERRUPTED ? interrupted(loop) : status;
}

static sk_status begin_epoch_saving(struct loop *loop) {
    sk_status status = begin_epoch(loop);
    return status == SK_EINTERRUPTED ? interrupted(loop) : status;
}

static sk_status run_epochs(struct loop *loop) {
    TRY(begin_epoch_saving(loop));
    if (loop->at.batch == loop->plan.batches) { /* stopped during the epoch's evaluation */
        TRY(end_epoch_saving(loop));
        TRY(begin_epoch_saving(loop));
    }
    while (loop->at.epoch < loop->options.recipe->epochs) {
        const struct batch *batch;
        if (stop_asked(loop)) return interrupted(loop);
        TRY(loader_next(loop->loader, &batch));
        FAIL_IF(!batch, SK_EINTERNAL, "the loader ended before the run");
        TRY(train_batch(loop, batch));
        if (loop->at.batch < loop->plan.batches) continue;
        TRY(end_epoch_saving(loop));
        TRY(begin_epoch_saving(loop));
    }
    TRY(loop_average_finish(loop));
    TRY(loop_scores_finish(loop));
    return judge_run(loop);
}

sk_status loop_run(const struct loop_options *options, struct loop_result *result) {
    *result = (struct loop_result){.best_top1 = -1};
    struct loop *loop = block_new(sizeof *loop);
    if (!loop) return SK_EMEMORY;
    loop->options = *options;
    loop->result = result;
    loop->log.file.fd = -1;
    sk_status status = loop_prepare(loop);
    loop->began = clock_seconds();
    loop->began_seconds = loop->at.seconds;
    if (status == SK_OK) status = run_epochs(loop);
    if (loop->trainer) {
        double spent = clock_seconds() - loop->began;
        result->epochs = loop->at.epoch;
        result->steps = trainer_position(loop->trainer).step;
        result->seconds = seconds_trained(loop);
        result->images_per_s = spent > 0 ? (double)loop->trained / spent : 0;
        bool of_ema = options->recipe->ema_best == CHOICE_EMA_BEST_EMA;
        result->best_name = run_folder_best(options->recipe);
        result->best_top1 = of_ema ? loop->at.best_ema_top1 : loop->at.best_top1;
        result->best_epoch = of_ema ? loop->at.best_ema_epoch : loop->at.best_epoch;
    }
    if (loop->loader) result->data_wait = loader_waited(loop->loader);
    loop_release(loop);
    block_free(loop);
    return status;
}
