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
    float *logits;         /* (batch,classes) */
    struct runner **above; /* of each cut; NULL: none */
    int64_t *floats;       /* of a picture's features there */
    int above_count, at;   /* the cut that rows are of */
    const float *rows;     /* (pictures,floats), or NULL */
    int32_t *labels;       /* (batch) */
    struct corrupt corrupt;
    struct evaluation_plan plan;
    int64_t turn;
};

/* A stream of TF: whole batches alone; repeated, it gives as many as the pictures would fill, a part being one. */
struct evaluation_plan evaluation_plan(enum recipe_eval_stream stream, int64_t pictures, int64_t batch) {
    int64_t whole = pictures / batch, all = (pictures + batch - 1) / batch;
    if (stream == CHOICE_STREAM_ONCE) return (struct evaluation_plan){all, whole, pictures, pictures};
    if (stream == CHOICE_STREAM_DROP) all = whole;
    return (struct evaluation_plan){all, whole, all * batch, whole * batch};
}

struct evaluation_plan evaluation_plan_of(const struct recipe *recipe, int64_t pictures) {
    return evaluation_plan((enum recipe_eval_stream)recipe->eval_stream, pictures, recipe->eval_batch_size);
}

void evaluator_turn(struct evaluator *e, int64_t turn) {
    e->turn = turn;
}

/* The first batch of this evaluation. */
static int64_t first_batch(const struct evaluator *e) {
    return e->options.stream == CHOICE_STREAM_REPEAT ? e->turn * e->plan.batches % e->plan.whole : 0;
}

static sk_status prepare(struct evaluator *e) {
    const struct evaluator_options *o = &e->options;
    struct loader_options loader = {.dataset = o->dataset,
                                    .pipeline = o->pipeline,
                                    .part = o->part,
                                    .batch_size = o->batch_size,
                                    .workers = o->workers,
                                    .skip_corrupt = o->skip_corrupt,
                                    .drop_last = o->stream != CHOICE_STREAM_ONCE,
                                    .end = 1};
    e->plan = evaluation_plan(o->stream, dataset_count(o->dataset, o->part), o->batch_size);
    TRY(loader_new(&e->loader, &loader));
    struct runner_options runner = {.batch = o->batch_size, .team = o->team, .no_passes = o->reference};
    TRY(runner_new(&e->runner, o->network, &runner));
    int classes = (int)o->network->args.num_classes;
    e->logits = arena_array(&e->arena, (size_t)o->batch_size * (size_t)classes, sizeof *e->logits);
    e->labels = arena_array(&e->arena, (size_t)o->batch_size, sizeof *e->labels);
    if (!e->logits || !e->labels) return SK_EMEMORY;
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
    text_free(&e->corrupt.lines);
    runner_free(e->runner);
    for (int i = 0; i < e->above_count; i++) runner_free(e->above[i]);
    arena_free(&e->arena);
    block_free(e);
}

sk_status evaluator_above(struct evaluator *e, const struct graph_cut *cuts, int count) {
    e->above = arena_array(&e->arena, (size_t)count + 1, sizeof(struct runner *));
    e->floats = arena_array(&e->arena, (size_t)count + 1, sizeof *e->floats);
    if (!e->above || !e->floats) return SK_EMEMORY;
    e->above_count = count;
    for (int i = 0; i < count; i++) {
        struct runner_options options = {
            .batch = e->options.batch_size, .team = e->options.team, .side = RUNNER_ABOVE, .cut = cuts[i]};
        if (!cuts[i].name) continue;
        TRY(runner_new(&e->above[i], e->options.network, &options));
        e->floats[i] = runner_input_floats(e->above[i]);
    }
    return SK_OK;
}

void evaluator_keep(struct evaluator *e, int index, const float *rows) {
    e->at = index;
    e->rows = rows;
}

static void keep_score(struct evaluator *e, int row, int64_t picture, int32_t label) {
    int classes = e->metrics.classes;
    if (e->options.scores) e->options.scores[picture] = score_of(e->logits + (int64_t)row * classes, classes, label);
}

static sk_status after_batch(struct evaluator *e, int64_t all) {
    const struct evaluator_options *o = &e->options;
    if (o->progress) o->progress(o->user, e->metrics.images, all);
    FAIL_IF(o->stop && atomic_load(o->stop), SK_EINTERRUPTED, "stopped after %lld of %lld pictures",
            (long long)e->metrics.images, (long long)all);
    return SK_OK;
}

/* The same batches as pictures would come in. */
static sk_status run_rows(struct evaluator *e) {
    const struct evaluator_options *o = &e->options;
    int64_t all = dataset_count(o->dataset, o->part), begin = first_batch(e);
    runner_refresh(e->above[e->at]);
    for (int64_t b = 0; b < e->plan.batches; b++) {
        int64_t at = o->stream == CHOICE_STREAM_REPEAT ? (begin + b) % e->plan.whole : b, first = at * o->batch_size;
        int64_t count = all - first < o->batch_size ? all - first : o->batch_size;
        for (int64_t i = 0; i < count; i++) e->labels[i] = dataset_label(o->dataset, o->part, (uint32_t)(first + i));
        runner_run(e->above[e->at], count, e->rows + first * e->floats[e->at], e->logits);
        TRY(metrics_add(&e->metrics, (int)count, e->logits, e->labels));
        TRY(after_batch(e, e->plan.scored));
    }
    return SK_OK;
}

static sk_status run_pictures(struct evaluator *e) {
    runner_refresh(e->runner);
    uint32_t pictures = dataset_count(e->options.dataset, e->options.part);
    for (uint32_t i = 0; e->options.scores && i < pictures; i++) e->options.scores[i].label = -1;
    int64_t first = first_batch(e);
    bool repeat = e->options.stream == CHOICE_STREAM_REPEAT; /* then its epochs are whole batches, one behind the other */
    TRY(loader_seek(e->loader, 0, first, repeat ? (uint64_t)((first + e->plan.batches - 1) / e->plan.whole) + 1 : 1));
    for (int64_t b = 0; b < e->plan.batches; b++) {
        const struct batch *batch;
        TRY(loader_next(e->loader, &batch));
        FAIL_IF(!batch, SK_EINTERNAL, "the loader ended before the evaluation");
        TRY(corrupt_gather(&e->corrupt, e->options.dataset, e->options.part, batch,
                           e->options.epoch ? *e->options.epoch + 1 : 1));
        if (batch->count == 0) continue;
        runner_run(e->runner, batch->count, batch->images, e->logits);
        TRY(metrics_add(&e->metrics, batch->count, e->logits, batch->labels));
        for (int i = 0; i < batch->count; i++) keep_score(e, i, batch->indices[i], batch->labels[i]);
        TRY(after_batch(e, e->plan.scored));
    }
    return SK_OK;
}

sk_status evaluator_run(struct evaluator *e, struct metrics_result *result) {
    metrics_reset(&e->metrics);
    text_free(&e->corrupt.lines);
    e->corrupt = (struct corrupt){0};
    TRY(e->rows ? run_rows(e) : run_pictures(e));
    *result = metrics_result(&e->metrics);
    return SK_OK;
}

sk_status evaluator_probe(struct evaluator *e, int batches, int64_t *pictures) {
    *pictures = 0;
    runner_refresh(e->runner);
    TRY(loader_seek(e->loader, 0, 0, 1));
    for (int b = 0; b < batches; b++) {
        const struct batch *batch;
        TRY(loader_next(e->loader, &batch));
        if (!batch) break;
        runner_run(e->runner, batch->count, batch->images, e->logits);
        *pictures += batch->count;
    }
    return SK_OK;
}

const struct metrics *evaluator_metrics(const struct evaluator *e) {
    return &e->metrics;
}

struct corrupt *evaluator_corrupt(struct evaluator *e) {
    return &e->corrupt;
}

uint64_t evaluator_damaged(struct evaluator *e) {
    return loader_damaged(e->loader);
}
