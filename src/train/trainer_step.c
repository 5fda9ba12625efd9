/* trainer_step.c — forward and backward, the look at what came out, and only then the moves.
 *
 * Accumulation is Optax's MultiSteps: a running mean of the micro-batches' mean gradients; batch statistics move with
 * every micro-batch. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "train/accumulate.h"
#include "train/groups.h"

/* ---- the flat loops, range by range ---- */

struct flat_call {
    struct trainer *trainer;
    const struct optimizer_step *step;
    int64_t gathered; /* micro-batches in the accumulator before this one */
    void *gradient;   /* that is measured, clipped or followed */
    double norm;      /* its l2 norm */
};

static void square_range(void *arg, int64_t index, int member) {
    const struct flat_call *call = arg;
    struct trainer *trainer = call->trainer;
    int64_t begin, end;
    double sum = 0;
    (void)member;
    trainer_range(trainer, index, &begin, &end);
    if (trainer->options.reference) {
        const double *g = call->gradient;
        for (int64_t j = begin; j < end; j++) sum += g[j] * g[j];
    } else {
        const float *g = call->gradient;
        for (int64_t j = begin; j < end; j++) sum += (double)g[j] * g[j];
    }
    trainer->range_sums[index] = sum;
}

/* A gradient's l2 norm; not finite where any element is not. */
static double gradient_norm(struct trainer *trainer, void *gradient) {
    double sum = 0;
    struct flat_call call = {.trainer = trainer, .gradient = gradient};
    team_for(trainer->options.team, trainer->ranges, square_range, &call);
    for (int64_t i = 0; i < trainer->ranges; i++) sum += trainer->range_sums[i];
    return sqrt(sum);
}

static void gather_range(void *arg, int64_t index, int member) {
    const struct flat_call *call = arg;
    struct trainer *trainer = call->trainer;
    int64_t begin, end;
    (void)member;
    trainer_range(trainer, index, &begin, &end);
    if (trainer->options.reference)
        accumulate_f64(trainer->accumulator.data, trainer->gradients, call->gathered, begin, end);
    else
        accumulate_f32(trainer->accumulator.data, trainer->gradients, call->gathered, begin, end);
}

static void clip_range(void *arg, int64_t index, int member) {
    const struct flat_call *call = arg;
    struct trainer *trainer = call->trainer;
    int64_t begin, end;
    (void)member;
    trainer_range(trainer, index, &begin, &end);
    if (trainer->options.reference)
        clip_f64(&trainer->clip, call->norm, call->gradient, begin, end);
    else
        clip_f32(&trainer->clip, call->norm, call->gradient, begin, end);
}

static void optimize_range(void *arg, int64_t index, int member) {
    const struct flat_call *call = arg;
    struct trainer *trainer = call->trainer;
    const void *gradients = call->gradient;
    int64_t begin, end;
    (void)member;
    trainer_range(trainer, index, &begin, &end);
    if (trainer->options.reference) {
        struct blocks_f64 blocks = {.parameters = trainer->params64.data, .gradients = gradients};
        for (int slot = 0; slot < OPTIMIZER_SLOTS; slot++) blocks.slot[slot] = trainer->slots[slot].data;
        optimizer_update_f64(&trainer->optimizer, call->step, &blocks, begin, end);
    } else {
        struct blocks_f32 blocks = {.parameters = trainer->options.network->params, .gradients = gradients};
        for (int slot = 0; slot < OPTIMIZER_SLOTS; slot++) blocks.slot[slot] = trainer->slots[slot].data;
        optimizer_update_f32(&trainer->optimizer, call->step, &blocks, begin, end);
    }
}

/* ---- forward and backward ---- */

/* What goes into the stage's graph, and by which port: pictures, or their features; and the targets. */
struct step_input {
    const char *port;
    const float *data, *target;
    int64_t floats; /* of a picture */
};

static struct step_input find_input(struct trainer *trainer, int index, const struct batch *batch) {
    const struct trainer_stage *stage = &trainer->stages[index];
    if (!stage->below) {
        const struct model_args *args = &trainer->args;
        int64_t floats = args->height * args->width * args->in_channels;
        return (struct step_input){"image", batch->images, trainer->target.data, floats};
    }
    float *rows = trainer->features.data;
    if (!trainer->kept) trainer_features(trainer, index, batch->count, batch->images, rows);
    for (int i = 0; trainer->kept && i < batch->count; i++)
        memcpy(rows + i * stage->floats, trainer->kept + (int64_t)batch->indices[i] * stage->floats,
               (size_t)stage->floats * sizeof *rows);
    return (struct step_input){"features", rows, trainer->target.data, stage->floats};
}

/* The gradient block lies in the plan's arena (plan_options.gradients): where no gradient came, another tensor was. */
static void clear_gaps(const struct plan *plan, void *gradients) {
    for (size_t i = 0; i < plan->gap_count; i++)
        memset((unsigned char *)gradients + plan->gaps[i].offset, 0, plan->gaps[i].bytes);
}

static void run_engine(struct trainer *trainer, struct trainer_plan *plan, const struct step_input *input,
                       const struct run_env *env, double *loss) {
    bound_plan_input(&plan->bound, input->port, input->data);
    bound_plan_input(&plan->bound, "target", input->target);
    plan_run(plan->bound.plan, trainer->options.team, env);
    clear_gaps(plan->bound.plan, trainer->gradients);
    *loss = bound_plan_output(&plan->bound, "loss")[0];
}

static void copy_doubles(double *to, const void *from, int64_t count) {
    memcpy(to, from, (size_t)count * sizeof *to);
}

/* Parameters, state and inputs into a reference: from the doubles of a reference run, or from the f32 blocks. */
static void fill_reference(struct trainer *trainer, struct reference *reference, const struct step_input *input,
                           const struct batch *batch) {
    const struct graph *graph = reference->graph;
    const struct network *network = trainer->options.network;
    if (trainer->options.reference) {
        copy_doubles(reference->params, trainer->params64.data, graph->param_elements);
        copy_doubles(reference->state, trainer->state64.data, graph->state_elements);
    } else {
        for (int64_t j = 0; j < graph->param_elements; j++) reference->params[j] = network->params[j];
        for (int64_t j = 0; j < graph->state_elements; j++) reference->state[j] = network->state[j];
    }
    int from = graph_find_port(graph, input->port), target = graph_find_port(graph, "target");
    for (int64_t j = 0; j < value_elements(graph, from); j++) reference->values[from][j] = input->data[j];
    /* Targets in double straight from the labels, so that smoothing is not rounded to f32. */
    for (int64_t i = 0; i < batch->count; i++)
        for (int64_t k = 0; k < trainer->classes; k++)
            reference->values[target][i * trainer->classes + k] =
                target_value(&trainer->rule, batch, i, k, trainer->mean_weight);
}

static void run_reference(struct trainer *trainer, struct trainer_plan *plan, const struct step_input *input,
                          const struct batch *batch, const struct run_env *env, double *loss) {
    fill_reference(trainer, plan->reference, input, batch);
    reference_run(plan->reference, env);
    *loss = plan->reference->values[graph_find_port(plan->reference->graph, "loss")][0];
    copy_doubles(trainer->gradients, plan->reference->gradients, trainer->graph->param_elements);
}

static int64_t count_right(const struct trainer *trainer, const struct trainer_plan *plan, const struct batch *batch) {
    int64_t right = 0;
    for (int64_t i = 0; i < batch->count; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < trainer->classes; k++) {
            int64_t a = i * trainer->classes + k, b = i * trainer->classes + best;
            if (plan->reference) {
                const double *z = plan->reference->values[graph_find_port(plan->reference->graph, "logits")];
                best = z[a] > z[b] ? k : best;
            } else {
                const float *z = bound_plan_output(&plan->bound, "logits");
                best = z[a] > z[b] ? k : best;
            }
        }
        right += best == batch->labels[i];
    }
    return right;
}

/* ---- the moves ---- */

static void optimize(struct trainer *trainer, const struct trainer_stage *stage, struct trainer_result *result) {
    struct optimizer_step step = {.lr = schedule_lr(&trainer->schedule, trainer->position.step),
                                  .step = trainer->position.step,
                                  .segments = trainer->segments,
                                  .segment_count = trainer->segment_count,
                                  .paces = stage->paces};
    struct flat_call call = {.trainer = trainer, .step = &step, .norm = result->gradient_norm};
    call.gradient = trainer->accumulate > 1 ? trainer->accumulator.data : trainer->gradients;
    if (trainer->accumulate > 1) call.norm = result->gradient_norm = gradient_norm(trainer, call.gradient);
    if (clip_acts(&trainer->clip, call.norm)) team_for(trainer->options.team, trainer->ranges, clip_range, &call);
    team_for(trainer->options.team, trainer->ranges, optimize_range, &call);
    trainer->position.step++;
    trainer->position.gathered = 0;
    result->lr = step.lr;
    result->stepped = true;
}

/* The step is run again under the checking plan (no passes, every op by its reference, stored as f32). */
static sk_status diverged(struct trainer *trainer, const struct step_input *input, const struct batch *batch,
                          const struct run_env *env, double loss) {
    int stage = freeze_stage(&trainer->freeze, (int64_t)batch->epoch);
    struct arena arena = {0};
    struct graph *graph;
    struct reference *reference;
    const char *where = "the gradient";
    sk_status status = trainer_plain_graph(trainer, &arena, stage, batch->count, &graph);
    if (status == SK_OK) status = reference_new(&arena, graph, &reference);
    if (status == SK_OK) {
        reference->round_to_f32 = !trainer->options.reference;
        fill_reference(trainer, reference, input, batch);
        reference_run(reference, env);
        const struct node *bad = reference_first_bad(reference);
        if (bad) where = bad->name;
        status = status_fail(SK_EDIVERGED,
                             "training diverged at optimizer step %lld: the loss is %g, and the first tensor that is "
                             "not finite comes from %s%s%s (epoch %llu, batch %lld); nothing was changed by this "
                             "step; a lower schedule.lr or a longer warm-up may help",
                             (long long)trainer->position.step, loss, where, bad ? ", " : "", bad ? bad->op->name : "",
                             (unsigned long long)batch->epoch, (long long)batch->number);
    }
    arena_free(&arena);
    return status;
}

/* Forward and backward over the pictures from `first` on that are normalised together; what came of it is looked at, and
 * gathered. *run becomes the plan that did it. */
static sk_status run_part(struct trainer *trainer, const struct batch *whole, const struct step_input *from,
                          int64_t first, struct trainer_plan **run, struct trainer_result *result) {
    struct trainer_stage *stage = &trainer->stages[freeze_stage(&trainer->freeze, (int64_t)whole->epoch)];
    bool full = whole->count - first >= trainer->group;
    struct trainer_plan *plan = full ? &stage->full : &stage->rest;
    struct batch batch = *whole;
    struct step_input input = *from;
    batch.count = (int)(full ? trainer->group : whole->count - first);
    FAIL_IF(batch.count != plan->batch, SK_EINTERNAL, "no plan for a batch of %d", batch.count);
    batch.labels += first, input.data += first * input.floats, input.target += first * trainer->classes;
    if (batch.mix) batch.mix += first;
    struct run_env env = {.seed = (uint64_t)trainer->options.recipe->seed,
                          .step = (uint64_t)trainer->position.micro_step,
                          .first_sample = (uint64_t)first};
    double loss;
    if (plan->reference)
        run_reference(trainer, plan, &input, &batch, &env, &loss);
    else
        run_engine(trainer, plan, &input, &env, &loss);
    result->gradient_norm = gradient_norm(trainer, trainer->gradients);
    if (!isfinite(loss) || !isfinite(result->gradient_norm)) return diverged(trainer, &input, &batch, &env, loss);
    double share = (double)batch.count / whole->count;
    groups_gather(trainer, &(struct group_part){plan, share, first == 0, first + batch.count == whole->count});
    result->loss += share * loss;
    result->right += count_right(trainer, plan, &batch);
    *run = plan;
    return SK_OK;
}

sk_status trainer_step(struct trainer *trainer, const struct batch *batch, bool flush, struct trainer_result *result) {
    int index = freeze_stage(&trainer->freeze, (int64_t)batch->epoch);
    struct trainer_plan *plan = NULL;
    *result = (struct trainer_result){0};
    target_fill(&trainer->rule, batch, trainer->target.data);
    trainer->mean_weight = target_mean_weight(&trainer->rule, batch);
    struct step_input input = find_input(trainer, index, batch);
    for (int64_t first = 0; first < batch->count; first += plan->batch)
        TRY(run_part(trainer, batch, &input, first, &plan, result));
    if (batch->count > trainer->group) result->gradient_norm = gradient_norm(trainer, trainer->gradients);

    groups_move(trainer, plan);
    trainer->position.micro_step++;
    if (trainer->accumulate > 1) {
        struct flat_call call = {.trainer = trainer, .gathered = trainer->position.gathered};
        team_for(trainer->options.team, trainer->ranges, gather_range, &call);
    }
    trainer->position.gathered++;
    if (trainer->position.gathered == trainer->accumulate || flush) optimize(trainer, &trainer->stages[index], result);
    trainer_ema_move(trainer, batch->number, result->stepped);
    return SK_OK;
}
