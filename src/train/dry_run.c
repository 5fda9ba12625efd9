/* dry_run.c — timing the first steps with everything that the run would have.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/dry_run.h"

#include <sys/resource.h>

#include "train/loop_setup.h"

enum { WARM_BATCHES = 1, FEWEST_BATCHES = 2, EVAL_BATCHES = 5 };

static sk_status one_batch(struct loop *loop, struct trainer_result *step, int *count) {
    const struct batch *batch;
    TRY(loader_next(loop->loader, &batch));
    FAIL_IF(!batch, SK_EINTERNAL, "the loader ended before the run");
    *count = batch->count;
    return trainer_step(loop->trainer, batch, batch->last, step);
}

/* Steps until there are enough; an epoch that ends on the way is followed by the next. */
static sk_status time_steps(struct loop *loop, double limit, struct dry_result *r) {
    double began = clock_seconds(), from = began, waited = 0;
    for (int64_t done = 0; r->steps < DRY_STEPS; done++) {
        struct trainer_result step;
        int count = 0;
        FAIL_IF(loop->options.stop && atomic_load(loop->options.stop), SK_EINTERRUPTED, "stopped");
        TRY(one_batch(loop, &step, &count));
        if (done < WARM_BATCHES) {
            from = clock_seconds();
            waited = loader_waited(loop->loader);
            continue;
        }
        r->batches++;
        r->pictures += count;
        r->steps += step.stepped;
        if (r->batches >= FEWEST_BATCHES && clock_seconds() - began > limit) break;
        if (done + 1 >= loop->plan.batches * loop->plan.epochs) break; /* the whole run is shorter */
    }
    r->seconds = clock_seconds() - from;
    r->waited = loader_waited(loop->loader) - waited;
    return SK_OK;
}

static void foresee(struct loop *loop, struct dry_result *r) {
    const struct recipe *recipe = loop->options.recipe;
    struct trainer_block blocks[TRAINER_BLOCKS];
    struct rusage usage;
    int count = trainer_blocks(loop->trainer, blocks);
    for (int i = 0; i < count; i++) r->state_bytes += (size_t)blocks[i].count * dtype_size(blocks[i].dtype);
    r->plan_bytes = loop->result->peak_bytes;
    r->peak_bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
    r->threads = loop->result->threads;
    r->workers = loop->result->workers;
    r->total_steps = loop->plan.total_steps;
    if (r->batches) r->epoch_seconds = r->seconds / (double)r->batches * (double)loop->plan.batches;
    if (r->eval_pictures) {
        r->evaluations = (recipe->epochs + recipe->eval_every_epochs - 1) / recipe->eval_every_epochs;
        r->evaluation_seconds = r->eval_seconds / (double)r->eval_pictures * (double)loop->at.val_images;
        if (recipe->ema_form != CHOICE_EMA_NONE) r->evaluation_seconds *= 2;
    }
    r->total_seconds = r->epoch_seconds * (double)recipe->epochs + r->evaluation_seconds * (double)r->evaluations;
}

sk_status dry_run(const struct loop_options *options, double limit, struct dry_result *result) {
    struct loop_result ignored = {0};
    *result = (struct dry_result){0};
    struct loop *loop = block_new(sizeof *loop);
    if (!loop) return SK_EMEMORY;
    loop->options = *options;
    loop->options.resume = false;
    loop->result = &ignored;
    loop->log.file.fd = -1;
    sk_status status = loop_build(loop);
    if (status == SK_OK) status = time_steps(loop, limit, result);
    if (status == SK_OK && loop->evaluator) {
        double began = clock_seconds();
        status = evaluator_probe(loop->evaluator, EVAL_BATCHES, &result->eval_pictures);
        result->eval_seconds = clock_seconds() - began;
    }
    if (status == SK_OK)
        status = precision_read(options->recipe, loop->network, options->recipe->batch_size, &result->precision);
    if (status == SK_OK) foresee(loop, result);
    loop_release(loop);
    block_free(loop);
    return status;
}
