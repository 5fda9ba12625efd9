/* groups.c — gathering gradients and batch statistics of a batch's parts, and the move of the running statistics.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/groups.h"

#include <string.h>

sk_status groups_check(const struct recipe *recipe, const struct model_args *args) {
    const struct model_family *family;
    int64_t group = recipe->batch_norm_group, batch = schedule_pass_images(recipe);
    if (!group) return SK_OK;
    TRY(model_find(args->name, &family));
    if (!(family->uses & USES_BATCH_NORM))
        return recipe_fail(recipe, RECIPE_batch_norm_group, "a %s has no batch norm", args->name);
    if (batch % group)
        return recipe_fail(recipe, RECIPE_batch_norm_group, "%lld, but a batch of %lld does not divide into such groups",
                           (long long)group, (long long)batch);
    return SK_OK;
}

sk_status groups_make(struct trainer *trainer) {
    const struct recipe *recipe = trainer->options.recipe;
    int64_t group = recipe->batch_norm_group;
    trainer->group = group ? group : trainer->batch;
    TRY(groups_check(recipe, &trainer->options.network->args));
    TRY(region_new(&trainer->statistics, (size_t)trainer->graph->state_elements * sizeof(double) + 1));
    if (!group) return SK_OK;
    size_t size = trainer->options.reference ? sizeof(double) : sizeof(float);
    return region_new(&trainer->gathered, (size_t)trainer->graph->param_elements * size);
}

int64_t groups_rest(const struct trainer *trainer, int64_t batch) {
    return batch % trainer->group;
}

/* ---- gradients ---- */

struct gather_call {
    struct trainer *trainer;
    const struct group_part *part;
};

/* The parts' gradients one after the other: the order, and so every bit, is that of the pictures. */
static void gather_range(void *arg, int64_t index, int member) {
    const struct gather_call *call = arg;
    struct trainer *trainer = call->trainer;
    int64_t begin = index * TRAINER_RANGE, end = begin + TRAINER_RANGE;
    bool first = call->part->first;
    (void)member;
    if (end > trainer->graph->param_elements) end = trainer->graph->param_elements;
    if (trainer->options.reference) {
        double *g = trainer->gradients, *sum = trainer->gathered.data, share = call->part->share;
        double *to = call->part->last ? g : sum;
        for (int64_t j = begin; j < end; j++) to[j] = first ? share * g[j] : sum[j] + share * g[j];
    } else {
        float *g = trainer->gradients, *sum = trainer->gathered.data, share = (float)call->part->share;
        float *to = call->part->last ? g : sum;
        for (int64_t j = begin; j < end; j++) to[j] = first ? share * g[j] : sum[j] + share * g[j];
    }
}

/* ---- statistics ---- */

static const struct graph *graph_of(const struct trainer_plan *plan) {
    return plan->reference ? plan->reference->graph : plan->bound.plan->graph;
}

/* Batch statistic `value` times `factor` into the sums at the parameter's place. */
static void gather_statistic(struct trainer *trainer, const struct group_part *part, int value, int param,
                             double factor) {
    const struct param *to = &graph_of(part->plan)->params[param];
    double *sums = (double *)trainer->statistics.data + to->offset;
    const double *exact = part->plan->reference ? part->plan->reference->values[value] : NULL;
    const float *rounded = exact ? NULL : plan_value(part->plan->bound.plan, value);
    for (int64_t c = 0; c < to->count; c++) {
        double of_part = factor * (exact ? exact[c] : (double)rounded[c]);
        sums[c] = part->first ? of_part : sums[c] + of_part;
    }
}

void groups_gather(struct trainer *trainer, const struct group_part *part) {
    const struct graph *graph = graph_of(part->plan);
    struct gather_call call = {trainer, part};
    for (size_t u = 0; u < graph->update_count; u++) {
        const struct update *update = &graph->updates[u];
        double n = (double)update->count, unbias = update->unbiased ? n / (n - 1) : 1;
        gather_statistic(trainer, part, update->mean, update->running_mean, part->share);
        gather_statistic(trainer, part, update->variance, update->running_variance, part->share * unbias);
    }
    if (!part->first || !part->last) team_for(trainer->options.team, trainer->ranges, gather_range, &call);
}

static void move_statistic(struct trainer *trainer, const struct param *param, double momentum) {
    const double *gathered = (const double *)trainer->statistics.data + param->offset;
    double *exact = trainer->options.reference ? (double *)trainer->state64.data + param->offset : NULL;
    float *rounded = trainer->options.network->state + param->offset;
    for (int64_t c = 0; c < param->count; c++) {
        if (exact)
            exact[c] = (1 - momentum) * exact[c] + momentum * gathered[c];
        else
            rounded[c] = (float)((1 - momentum) * rounded[c] + momentum * gathered[c]);
    }
}

void groups_move(struct trainer *trainer, const struct trainer_plan *plan) {
    const struct graph *graph = graph_of(plan);
    for (size_t u = 0; u < graph->update_count; u++) {
        const struct update *update = &graph->updates[u];
        move_statistic(trainer, &graph->params[update->running_mean], update->momentum);
        move_statistic(trainer, &graph->params[update->running_variance], update->momentum);
        int64_t counter = graph->params[update->counter].offset;
        if (trainer->options.reference)
            ((double *)trainer->state64.data)[counter] += 1;
        else
            trainer->options.network->state[counter] += 1;
    }
}
