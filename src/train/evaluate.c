/* evaluate.c — loader, runner and metrics in one loop.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/evaluate.h"

struct evaluator {
    struct evaluator_options options;
    struct arena arena;
    struct loader *loader;
    struct runner *runner;
    struct metrics metrics;
    float *logits; /* (batch,classes) */
};

static sk_status prepare(struct evaluator *e) {
    const struct evaluator_options *o = &e->options;
    struct loader_options loader = {.dataset = o->dataset,
                                    .pipeline = o->pipeline,
                                    .part = o->part,
                                    .batch_size = o->batch_size,
                                    .workers = o->workers,
                                    .end = 1};
    TRY(loader_new(&e->loader, &loader));
    struct runner_options runner = {.batch = o->batch_size, .team = o->team, .no_passes = o->reference};
    TRY(runner_new(&e->runner, o->network, &runner));
    int classes = (int)o->network->args.num_classes;
    e->logits = arena_array(&e->arena, (size_t)o->batch_size * (size_t)classes, sizeof *e->logits);
    if (!e->logits) return SK_EMEMORY;
    return metrics_new(&e->metrics, &e->arena, classes, o->confusion);
}

sk_status evaluator_new(struct evaluator **out, const struct evaluator_options *options) {
    *out = NULL;
    struct evaluator *e = block_new(sizeof *e);
    if (!e) return SK_EMEMORY;
    e->options = *options;
    sk_status status = prepare(e);
    if (status == SK_OK)
        *out = e;
    else
        evaluator_free(e);
    return status;
}

void evaluator_free(struct evaluator *e) {
    if (!e) return;
    loader_free(e->loader);
    runner_free(e->runner);
    arena_free(&e->arena);
    block_free(e);
}

sk_status evaluator_run(struct evaluator *e, struct metrics_result *result) {
    const struct evaluator_options *o = &e->options;
    runner_refresh(e->runner);
    metrics_reset(&e->metrics);
    TRY(loader_seek(e->loader, 0, 0, 1));
    for (;;) {
        const struct batch *batch;
        TRY(loader_next(e->loader, &batch));
        if (!batch) break;
        runner_run(e->runner, batch->count, batch->images, e->logits);
        TRY(metrics_add(&e->metrics, batch->count, e->logits, batch->labels));
        if (o->progress) o->progress(o->user, e->metrics.images, loader_pictures(e->loader));
        FAIL_IF(o->stop && atomic_load(o->stop), SK_EINTERRUPTED, "stopped after %lld of %lld pictures",
                (long long)e->metrics.images, (long long)loader_pictures(e->loader));
    }
    *result = metrics_result(&e->metrics);
    return SK_OK;
}

const struct metrics *evaluator_metrics(const struct evaluator *e) {
    return &e->metrics;
}

uint64_t evaluator_damaged(struct evaluator *e) {
    return loader_damaged(e->loader);
}
