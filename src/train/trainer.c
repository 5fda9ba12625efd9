/* trainer.c — making a trainer: plans, blocks, optimizer, decay; and handing its state to checkpoints.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trainer.h"

#include <string.h>

#include "base/memory_left.h"
#include "train/groups.h"

/* A stage's training graph, as models say it, for a size of batch. */
static sk_status stage_graph(const struct trainer *trainer, struct arena *arena, int stage, int64_t batch,
                             struct graph **graph) {
    struct model_request request = {.batch = batch,
                                    .training = true,
                                    .loss = true,
                                    .rule = trainer->loss,
                                    .freezing = freeze_of(&trainer->freeze, stage)};
    const struct graph_cut *cut = &trainer->stages[stage].cut;
    TRY(model_graph(arena, &trainer->args, &request, graph));
    return cut->name ? cut_above(arena, *graph, cut, graph) : SK_OK;
}

sk_status trainer_plain_graph(struct trainer *trainer, struct arena *arena, int stage, int64_t batch,
                              struct graph **graph) {
    TRY(stage_graph(trainer, arena, stage, batch, graph));
    return gradient_build(*graph, graph_find_port(*graph, "loss"));
}

/* Where a stage's graph falls in two. A reference run stays whole: it is there to be read. */
static sk_status find_cut(struct trainer *trainer, int index) {
    struct trainer_stage *stage = &trainer->stages[index];
    const struct network *network = trainer->options.network;
    struct graph *graph;
    if (trainer->options.reference || !freeze_of(&trainer->freeze, index)) return SK_OK;
    TRY(stage_graph(trainer, &trainer->arena, index, trainer->batch, &graph));
    struct graph_cut cut = cut_find(graph);
    if (!cut_value(network->graph, &cut)) return SK_OK;
    struct runner_options options = {
        .batch = trainer->batch, .team = trainer->options.team, .side = RUNNER_BELOW, .cut = cut};
    stage->cut = cut;
    TRY(runner_new(&stage->below, network, &options));
    struct shape features = runner_output(stage->below);
    stage->floats = shape_elements(&features);
    return SK_OK;
}

static sk_status find_cuts(struct trainer *trainer) {
    int64_t most = 0;
    for (int s = 0; s < trainer->freeze.stages; s++) {
        TRY(find_cut(trainer, s));
        most = trainer->stages[s].floats > most ? trainer->stages[s].floats : most;
    }
    return region_new(&trainer->features, (size_t)(trainer->batch * most) * sizeof(float) + 1);
}

/* The engine's plan for a batch size; memory comes when all plans are known. */
static sk_status plan_engine(struct trainer *trainer, int stage, int64_t batch, struct plan **out) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    struct graph *graph, *lowered;
    TRY(stage_graph(trainer, &trainer->arena, stage, batch, &graph));
    struct lowering lowering = {
        .kernels = kernels, .training = true, .bf16 = trainer->options.recipe->precision == CHOICE_PRECISION_BF16};
    TRY(passes_run(&trainer->arena, graph, &lowering, &lowered));
    struct plan_options options = {.kernels = kernels, .threads = team_size(trainer->options.team), .gradients = true};
    TRY(plan_new(&trainer->arena, lowered, &options, out));
    if (trainer->options.profile) TRY(plan_profile(*out, &trainer->arena));
    workspace_want(&trainer->workspace, *out);
    return SK_OK;
}

enum { SIZES = 2 }; /* full batches, and a short last one */

static struct trainer_plan *plan_at(struct trainer *trainer, int index) {
    struct trainer_stage *stage = &trainer->stages[index / SIZES];
    return index % SIZES ? &stage->rest : &stage->full;
}

/* Said here rather than by the kernel's killer in the middle of a run. */
static sk_status check_memory(const struct trainer *trainer) {
    const struct recipe *recipe = trainer->options.recipe;
    size_t want = trainer->workspace.arena_bytes + trainer->workspace.lane_bytes, left = memory_left();
    bool exact = recipe->accumulate_batch_norm == CHOICE_ACCUMULATE_EXACT;
    if (want <= left) return SK_OK;
    return recipe_fail(recipe, exact ? RECIPE_accumulate_batch_norm : RECIPE_batch_size,
                       "a pass over %lld pictures needs %zu bytes, and %zu are available; %s",
                       (long long)trainer->group, want, left,
                       exact ? "use micro, or a smaller batch" : "use a smaller batch and accumulate");
}

/* Every stage's plans, before the first step: they never run at the same time and share one workspace. */
static sk_status plan_all(struct trainer *trainer) {
    int count = trainer->freeze.stages * SIZES;
    struct plan **made = arena_array(&trainer->arena, (size_t)count, sizeof(struct plan *));
    if (!made) return SK_EMEMORY;
    for (int i = 0; i < count; i++) {
        struct trainer_plan *plan = plan_at(trainer, i);
        plan->batch = i % SIZES ? groups_rest(trainer, trainer->short_batch) : trainer->group;
        if (!plan->batch) continue;
        if (trainer->options.reference) {
            struct graph *graph;
            TRY(trainer_plain_graph(trainer, &trainer->arena, i / SIZES, plan->batch, &graph));
            TRY(reference_new(&trainer->arena, graph, &plan->reference));
        } else {
            TRY(plan_engine(trainer, i / SIZES, plan->batch, &made[i]));
        }
    }
    TRY(check_memory(trainer));
    TRY(workspace_allocate(&trainer->workspace));
    if (!trainer->options.reference) trainer->gradients = trainer->workspace.arena.data;
    struct model_blocks blocks = {.params = trainer->options.network->params,
                                  .state = trainer->options.network->state,
                                  .gradients = trainer->gradients};
    for (int i = 0; i < count; i++)
        if (made[i])
            TRY(bound_plan_new(&plan_at(trainer, i)->bound, &trainer->arena, made[i], &trainer->workspace, &blocks));
    return SK_OK;
}

/* Which segments move in which stage, and how fast. */
static sk_status make_paces(struct trainer *trainer, const struct decay_tensor *tensors, size_t count) {
    const struct freeze *freeze = &trainer->freeze;
    for (int s = 0; s < freeze->stages; s++) {
        trainer->stages[s].paces = arena_array(&trainer->arena, count + 1, sizeof *trainer->stages[s].paces);
        if (!trainer->stages[s].paces) return SK_EMEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        double rate;
        TRY(freeze_rate(freeze, tensors[i].name, &rate));
        int64_t born = freeze_born(freeze, tensors[i].name) * trainer->options.epochs->steps;
        for (int s = 0; s < freeze->stages; s++)
            trainer->stages[s].paces[i] = (struct pace){freeze_holds(freeze, s, tensors[i].name) ? 0 : rate, born};
    }
    return SK_OK;
}

static sk_status make_decay(struct trainer *trainer) {
    struct decay_tensor *tensors;
    size_t count;
    TRY(decay_tensors(trainer->graph, &trainer->arena, &tensors, &count));
    struct decay_decision *decisions = arena_array(&trainer->arena, count + 1, sizeof *decisions);
    trainer->segments = arena_array(&trainer->arena, count + 1, sizeof *trainer->segments);
    if (!decisions || !trainer->segments) return SK_EMEMORY;
    TRY(decay_decide(trainer->options.recipe, tensors, count, decisions));
    decay_segments(tensors, decisions, count, trainer->graph->param_elements, trainer->segments);
    trainer->segment_count = (int64_t)count;
    return make_paces(trainer, tensors, count);
}

/* Blocks in the element type of the run; slots start as their optimizer says. */
static sk_status make_blocks(struct trainer *trainer) {
    bool reference = trainer->options.reference;
    size_t size = reference ? sizeof(double) : sizeof(float);
    int64_t elements = trainer->graph->param_elements;
    if (trainer->accumulate > 1) TRY(region_new(&trainer->accumulator, (size_t)elements * size));
    for (int slot = 0; slot < trainer->optimizer.slots; slot++) {
        TRY(region_new(&trainer->slots[slot], (size_t)elements * size));
        double start = optimizer_slot_start(&trainer->optimizer, slot);
        for (int64_t j = 0; start != 0 && j < elements; j++) {
            if (reference)
                ((double *)trainer->slots[slot].data)[j] = start;
            else
                ((float *)trainer->slots[slot].data)[j] = (float)start;
        }
    }
    TRY(region_new(&trainer->target, (size_t)(trainer->batch * trainer->classes) * sizeof(float)));
    trainer->ranges = (elements + TRAINER_RANGE - 1) / TRAINER_RANGE;
    trainer->range_sums = arena_array(&trainer->arena, (size_t)trainer->ranges + 1, sizeof *trainer->range_sums);
    if (!trainer->range_sums) return SK_EMEMORY;
    if (!reference) return SK_OK;
    const struct network *network = trainer->options.network;
    TRY(region_new(&trainer->gradients64, (size_t)elements * size));
    trainer->gradients = trainer->gradients64.data;
    TRY(region_new(&trainer->params64, (size_t)elements * size));
    TRY(region_new(&trainer->state64, (size_t)trainer->graph->state_elements * size));
    for (int64_t j = 0; j < elements; j++) ((double *)trainer->params64.data)[j] = network->params[j];
    for (int64_t j = 0; j < trainer->graph->state_elements; j++)
        ((double *)trainer->state64.data)[j] = network->state[j];
    return SK_OK;
}

static sk_status prepare(struct trainer *trainer, int64_t short_batch) {
    const struct recipe *recipe = trainer->options.recipe;
    if (trainer->options.reference && recipe->precision != CHOICE_PRECISION_F32)
        return recipe_fail(recipe, RECIPE_precision, "a reference run computes in double; set precision: f32");
    trainer->graph = trainer->options.network->graph;
    trainer->batch = schedule_pass_images(recipe);
    trainer->short_batch = short_batch;
    trainer->accumulate = schedule_passes(recipe);
    trainer->args = trainer->options.network->args;
    int64_t size = trainer->options.recipe->augment_size;
    if (size > 0) trainer->args.height = trainer->args.width = size;
    trainer->classes = trainer->args.num_classes;
    TRY(target_rule_make(&trainer->rule, &trainer->loss, &trainer->arena, recipe, trainer->classes,
                         trainer->options.class_counts));
    TRY(freeze_make(&trainer->freeze, &trainer->arena, recipe, trainer->options.network));
    TRY(optimizer_make(&trainer->optimizer, recipe));
    TRY(schedule_make(&trainer->schedule, recipe, trainer->options.epochs));
    TRY(groups_make(trainer));
    TRY(make_decay(trainer));
    TRY(make_blocks(trainer));
    TRY(clip_make(&trainer->clip, recipe));
    TRY(trainer_ema_make(trainer));
    TRY(find_cuts(trainer));
    return plan_all(trainer);
}

sk_status trainer_new(struct trainer **out, const struct trainer_options *options, int64_t short_batch) {
    struct trainer *trainer = block_new(sizeof *trainer);
    if (!trainer) return SK_EMEMORY;
    trainer->options = *options;
    sk_status status = prepare(trainer, short_batch);
    if (status == SK_OK)
        *out = trainer;
    else
        trainer_free(trainer);
    return status;
}

void trainer_free(struct trainer *trainer) {
    if (!trainer) return;
    for (int s = 0; s < FREEZE_STAGES; s++) {
        bound_plan_free(&trainer->stages[s].full.bound);
        bound_plan_free(&trainer->stages[s].rest.bound);
        runner_free(trainer->stages[s].below);
    }
    workspace_free(&trainer->workspace);
    struct region *regions[] = {&trainer->features, &trainer->target,  &trainer->gradients64, &trainer->accumulator,
                                &trainer->params64, &trainer->state64, &trainer->statistics,  &trainer->gathered};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) region_free(regions[i]);
    for (int slot = 0; slot < OPTIMIZER_SLOTS; slot++) region_free(&trainer->slots[slot]);
    trainer_ema_free(trainer);
    arena_free(&trainer->arena);
    block_free(trainer);
}

int trainer_blocks(struct trainer *trainer, struct trainer_block blocks[TRAINER_BLOCKS]) {
    static const char *const slot_names[] = {"slot.0", "slot.1", "slot.2"};
    bool reference = trainer->options.reference;
    enum dtype dtype = reference ? F64 : F32;
    int64_t elements = trainer->graph->param_elements;
    struct network *network = trainer->options.network;
    int count = 0;
    void *params = reference ? trainer->params64.data : network->params;
    void *state = reference ? trainer->state64.data : network->state;
    blocks[count++] = (struct trainer_block){"params", dtype, params, elements};
    blocks[count++] = (struct trainer_block){"state", dtype, state, trainer->graph->state_elements};
    if (trainer->accumulate > 1)
        blocks[count++] = (struct trainer_block){"accumulator", dtype, trainer->accumulator.data, elements};
    for (int slot = 0; slot < trainer->optimizer.slots; slot++)
        blocks[count++] = (struct trainer_block){slot_names[slot], dtype, trainer->slots[slot].data, elements};
    return count + trainer_ema_blocks(trainer, &blocks[count]);
}

struct trainer_position trainer_position(const struct trainer *trainer) {
    return trainer->position;
}

void trainer_seek(struct trainer *trainer, struct trainer_position position) {
    trainer->position = position;
    trainer->below_known = false; /* the weights came with it */
}

const struct schedule *trainer_schedule(const struct trainer *trainer) {
    return &trainer->schedule;
}

void trainer_reach(struct trainer *trainer, double lr) {
    trainer->schedule.reached = lr;
}

/* ---- what lies below the cut ---- */

int trainer_stage(const struct trainer *trainer, int64_t epoch) {
    return freeze_stage(&trainer->freeze, epoch);
}

int trainer_stages(const struct trainer *trainer) {
    return trainer->freeze.stages;
}

struct graph_cut trainer_cut(const struct trainer *trainer, int stage) {
    return trainer->stages[stage].cut;
}

int64_t trainer_feature_floats(const struct trainer *trainer, int stage) {
    return trainer->stages[stage].floats;
}

void trainer_keep(struct trainer *trainer, const float *rows) {
    trainer->kept = rows;
}

void trainer_features(struct trainer *trainer, int stage, int64_t count, const float *images, float *features) {
    for (int s = 0; s < trainer->freeze.stages && !trainer->below_known; s++)
        if (trainer->stages[s].below) runner_refresh(trainer->stages[s].below);
    trainer->below_known = true;
    runner_run(trainer->stages[stage].below, count, images, features);
}

void trainer_drop(struct trainer *trainer) {
    trainer->position.gathered = 0;
}

void trainer_publish(struct trainer *trainer) {
    if (!trainer->options.reference) return;
    struct network *network = trainer->options.network;
    for (int64_t j = 0; j < trainer->graph->param_elements; j++)
        network->params[j] = (float)((double *)trainer->params64.data)[j];
    for (int64_t j = 0; j < trainer->graph->state_elements; j++)
        network->state[j] = (float)((double *)trainer->state64.data)[j];
}

const struct plan *trainer_full_plan(const struct trainer *trainer) {
    return trainer->stages[0].full.bound.plan;
}

void trainer_memory(const struct trainer *trainer, size_t *peak, size_t *bound) {
    *peak = *bound = 0;
    for (int s = 0; s < trainer->freeze.stages; s++) {
        const struct plan *plan = trainer->stages[s].full.bound.plan;
        if (!plan) continue;
        size_t arena = 0, least = 0;
        if (trainer->stages[s].below) runner_memory(trainer->stages[s].below, &arena, &least);
        if (arena + plan->arena_bytes <= *peak) continue;
        *peak = arena + plan->arena_bytes;
        *bound = least + plan->bound_bytes;
    }
}

const float *trainer_gradients_f32(const struct trainer *trainer) {
    return trainer->options.reference ? NULL : trainer->gradients;
}

const double *trainer_gradients_f64(const struct trainer *trainer) {
    return trainer->options.reference ? trainer->gradients : NULL;
}
