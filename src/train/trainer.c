/* trainer.c — making a trainer: plans, blocks, optimizer, decay; and handing its state to checkpoints.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trainer.h"

#include <string.h>

#include "train/trainer_state.h"

sk_status trainer_plain_graph(struct arena *arena, const struct model_args *args, int64_t batch, struct graph **graph) {
    struct model_request request = {.batch = batch, .training = true, .loss = true};
    TRY(model_graph(arena, args, &request, graph));
    return gradient_build(*graph, graph_find_port(*graph, "loss"));
}

/* The engine's plan for a batch size; memory comes when all plans are known. */
static sk_status plan_engine(struct trainer *trainer, struct trainer_plan *plan, struct plan **out) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    struct model_request request = {.batch = plan->batch, .training = true, .loss = true};
    struct graph *graph, *lowered;
    TRY(model_graph(&trainer->arena, &trainer->options.network->args, &request, &graph));
    TRY(passes_run(&trainer->arena, graph, &(struct lowering){kernels, true}, &lowered));
    struct plan_options options = {.kernels = kernels, .threads = team_size(trainer->options.team)};
    TRY(plan_new(&trainer->arena, lowered, &options, out));
    workspace_want(&trainer->workspace, *out);
    return SK_OK;
}

static sk_status plan_both(struct trainer *trainer) {
    struct trainer_plan *plans[] = {&trainer->full, &trainer->rest};
    struct plan *made[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        if (!plans[i]->batch) continue;
        if (trainer->options.reference) {
            struct graph *graph;
            TRY(trainer_plain_graph(&trainer->arena, &trainer->options.network->args, plans[i]->batch, &graph));
            TRY(reference_new(&trainer->arena, graph, &plans[i]->reference));
        } else {
            TRY(plan_engine(trainer, plans[i], &made[i]));
            if (trainer->options.profile && i == 0) TRY(plan_profile(made[i], &trainer->arena));
        }
    }
    TRY(workspace_allocate(&trainer->workspace));
    struct model_blocks blocks = {.params = trainer->options.network->params,
                                  .state = trainer->options.network->state,
                                  .gradients = trainer->gradients.data};
    for (int i = 0; i < 2; i++)
        if (made[i]) TRY(bound_plan_new(&plans[i]->bound, &trainer->arena, made[i], &trainer->workspace, &blocks));
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
    return SK_OK;
}

/* Blocks in the element type of the run; slots start as their optimizer says. */
static sk_status make_blocks(struct trainer *trainer) {
    bool reference = trainer->options.reference;
    size_t size = reference ? sizeof(double) : sizeof(float);
    int64_t elements = trainer->graph->param_elements;
    TRY(region_new(&trainer->gradients, (size_t)elements * size));
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
    TRY(region_new(&trainer->target, (size_t)(trainer->full.batch * trainer->classes) * sizeof(float)));
    trainer->ranges = (elements + TRAINER_RANGE - 1) / TRAINER_RANGE;
    trainer->range_sums = arena_array(&trainer->arena, (size_t)trainer->ranges + 1, sizeof *trainer->range_sums);
    if (!trainer->range_sums) return SK_EMEMORY;
    if (!reference) return SK_OK;
    const struct network *network = trainer->options.network;
    TRY(region_new(&trainer->params64, (size_t)elements * size));
    TRY(region_new(&trainer->state64, (size_t)trainer->graph->state_elements * size));
    for (int64_t j = 0; j < elements; j++) ((double *)trainer->params64.data)[j] = network->params[j];
    for (int64_t j = 0; j < trainer->graph->state_elements; j++)
        ((double *)trainer->state64.data)[j] = network->state[j];
    return SK_OK;
}

static sk_status prepare(struct trainer *trainer, int64_t short_batch) {
    const struct recipe *recipe = trainer->options.recipe;
    trainer->graph = trainer->options.network->graph;
    trainer->full.batch = recipe->batch_size;
    trainer->rest.batch = short_batch;
    trainer->accumulate = recipe->accumulate;
    trainer->classes = trainer->options.network->args.num_classes;
    trainer->smoothing = recipe->label_smoothing;
    TRY(optimizer_make(&trainer->optimizer, recipe));
    TRY(schedule_make(&trainer->schedule, recipe, trainer->options.epochs));
    TRY(make_decay(trainer));
    TRY(make_blocks(trainer));
    return plan_both(trainer);
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
    bound_plan_free(&trainer->full.bound);
    bound_plan_free(&trainer->rest.bound);
    workspace_free(&trainer->workspace);
    struct region *regions[] = {&trainer->target, &trainer->gradients, &trainer->accumulator, &trainer->params64,
                                &trainer->state64};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) region_free(regions[i]);
    for (int slot = 0; slot < OPTIMIZER_SLOTS; slot++) region_free(&trainer->slots[slot]);
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
    return count;
}

struct trainer_position trainer_position(const struct trainer *trainer) {
    return trainer->position;
}

void trainer_seek(struct trainer *trainer, struct trainer_position position) {
    trainer->position = position;
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
    return trainer->full.bound.plan;
}

void trainer_memory(const struct trainer *trainer, size_t *peak, size_t *bound) {
    const struct plan *plan = trainer->full.bound.plan;
    *peak = plan ? plan->arena_bytes : 0;
    *bound = plan ? plan->bound_bytes : 0;
}

const float *trainer_gradients_f32(const struct trainer *trainer) {
    return trainer->options.reference ? NULL : trainer->gradients.data;
}

const double *trainer_gradients_f64(const struct trainer *trainer) {
    return trainer->options.reference ? trainer->gradients.data : NULL;
}

void trainer_targets(const int32_t *labels, int64_t n, int64_t classes, double smoothing, float *target) {
    float off = (float)(smoothing / (double)classes), on = (float)(1 - smoothing + smoothing / (double)classes);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < classes; k++) target[i * classes + k] = k == labels[i] ? on : off;
}
