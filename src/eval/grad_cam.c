/* grad_cam.c — Grad-CAM of one picture.
 *
 * The network is cut: one plan runs it forward and keeps the layer's map and whatever else the layers behind it read.
 * Those layers then become a graph of their own, in which the map is a parameter and everything else is frozen, so that
 * no other gradient is made. SPDX-License-Identifier: Apache-2.0 */
#include "eval/grad_cam.h"

#include <string.h>

#include "models/layer_name.h"
#include "plan/passes.h"
#include "plan/workspace.h"

/* Numbers that go around the layer, or the picture: an input of the part behind it. */
struct cut {
    int from;         /* value of the network */
    const char *port; /* its name in both graphs */
};

struct cam {
    struct arena *arena;
    const struct network *network;
    struct graph *graph; /* the whole network, unlowered, batch 1 */
    struct graph *tail;  /* what lies behind the layer */
    int layer;           /* the map, in graph */
    struct team *team;
    const struct kernels *kernels;
    int *map; /* [value of graph] -> value of tail, or 0 */
    struct cut *cuts;
    size_t cut_count, cut_capacity;
};

/* ---- the layer ---- */

static sk_status find_layer(struct cam *cam, const char *at) {
    const struct graph *graph = cam->graph;
    if (at) TRY(layer_find(graph, at, &cam->layer));
    for (size_t i = graph->node_count; !cam->layer && i-- > 0;)
        if (graph->nodes[i].op == &op_gap) cam->layer = graph->nodes[i].in[0];
    FAIL_IF(!cam->layer, SK_EUSAGE, "the network has no global average pool; name a layer with --at");
    const struct value *value = &graph->values[cam->layer];
    char shape[96];
    FAIL_IF(value->shape.rank != 4 || value->node < 0, SK_EUSAGE,
            "%s gives %s, but an explanation needs a map with rows and columns", at ? at : "the pooled layer",
            shape_text(&value->shape, shape, sizeof shape));
    return SK_OK;
}

/* ---- the tail ---- */

/* Numbers that the tail reads but does not make: an input of it. */
static int cut_at(struct cam *cam, int value) {
    struct cut *grown = arena_grow(cam->arena, cam->cuts, &cam->cut_capacity, cam->cut_count + 1, sizeof *grown);
    char *port = arena_printf(cam->arena, "cut.%zu", cam->cut_count);
    const struct value *v = &cam->graph->values[value];
    if (!grown || !port) return graph_fail(cam->tail, SK_EMEMORY);
    cam->cuts = grown;
    cam->cuts[cam->cut_count++] = (struct cut){value, port};
    if (v->node >= 0) graph_port(cam->graph, port, value);
    int input = graph_input(cam->tail, v->dtype, v->shape);
    graph_port(cam->tail, port, input);
    return input;
}

/* Copy a node that depends on the map. */
static void copy_node(struct cam *cam, const struct node *node) {
    int in[NODE_INPUTS] = {0};
    for (int slot = 0; slot < NODE_INPUTS; slot++) {
        int value = node->in[slot];
        if (value && !cam->map[value]) cam->map[value] = cut_at(cam, value);
        in[slot] = cam->map[value];
    }
    int made = graph_append(cam->tail, node->op, node->attr, in, NODE_INPUTS, node->name);
    if (made < 0) return;
    sk_status status = node->op->infer(cam->tail, made);
    if (status != SK_OK) graph_fail(cam->tail, status);
    for (int slot = 0; slot < NODE_OUTPUTS; slot++)
        if (node->out[slot]) cam->map[node->out[slot]] = cam->tail->nodes[made].out[slot];
}

/* All but the map is held fixed. */
static bool is_fixed(const void *user, const char *name) {
    return strcmp(name, user) != 0;
}

/* The network's parameters at their own offsets, and the map behind them. */
static void copy_params(struct cam *cam, const struct freezing *freezing) {
    cam->tail->freezing = freezing;
    for (size_t i = 0; i < cam->graph->param_count; i++) {
        const struct param *param = &cam->graph->params[i];
        cam->map[param->value] = graph_param(cam->tail, param->kind, param->shape, "%s", param->name);
    }
    cam->map[cam->layer] =
        graph_param(cam->tail, PARAM_BIAS, *value_shape(cam->graph, cam->layer), "%s", (const char *)freezing->user);
    cam->tail->freezing = NULL;
}

static sk_status build_tail(struct cam *cam) {
    static const struct freezing freezing = {is_fixed, is_fixed, "map"};
    struct graph *graph = cam->graph;
    bool *behind = arena_array(cam->arena, graph->value_count, sizeof *behind);
    cam->map = arena_array(cam->arena, graph->value_count, sizeof *cam->map);
    if (!behind || !cam->map) return SK_EMEMORY;
    TRY(graph_new(cam->arena, &cam->tail));
    copy_params(cam, &freezing);
    behind[cam->layer] = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        bool reads = false;
        for (int slot = 0; slot < NODE_INPUTS; slot++) reads = reads || behind[node->in[slot]];
        for (int slot = 0; reads && slot < NODE_OUTPUTS; slot++) behind[node->out[slot]] = node->out[slot] != 0;
        if (reads) copy_node(cam, node);
    }
    int logits = graph_find_port(graph, "logits");
    FAIL_IF(!behind[logits] || logits == cam->layer, SK_EUSAGE, "no logit depends on this layer's map");
    int weights = graph_input(cam->tail, F32, *value_shape(graph, logits));
    graph_port(cam->tail, "weights", weights);
    graph_port(cam->tail, "loss", build_dot(cam->tail, cam->map[logits], weights, "class"));
    return graph_check(cam->tail);
}

/* ---- in the engine ---- */

struct engine {
    struct workspace workspace;
    struct bound_plan bound;
};

static void engine_free(struct engine *engine) {
    bound_plan_free(&engine->bound);
    workspace_free(&engine->workspace);
}

static sk_status engine_new(struct cam *cam, const struct graph *graph, bool training,
                            const struct model_blocks *blocks, struct engine *engine) {
    struct graph *lowered;
    struct plan *plan;
    TRY(passes_run(cam->arena, graph, &(struct lowering){.kernels = cam->kernels, .training = training}, &lowered));
    struct plan_options options = {.kernels = cam->kernels, .threads = team_size(cam->team), .constants = !training};
    TRY(plan_new(cam->arena, lowered, &options, &plan));
    workspace_want(&engine->workspace, plan);
    TRY(workspace_allocate(&engine->workspace));
    TRY(bound_plan_new(&engine->bound, cam->arena, plan, &engine->workspace, blocks));
    if (!training) plan_prepare(plan, cam->team);
    return SK_OK;
}

static sk_status forward(struct cam *cam, const float *image, struct engine *engine) {
    struct model_blocks blocks = {.params = cam->network->params, .state = cam->network->state};
    graph_port(cam->graph, "at", cam->layer);
    TRY(engine_new(cam, cam->graph, false, &blocks, engine));
    bound_plan_input(&engine->bound, "image", image);
    plan_run(engine->bound.plan, cam->team, &(struct run_env){0});
    return SK_OK;
}

/* The gradient of one logit by the map; params: a block of the tail's size, gradient: the same. */
static sk_status backward(struct cam *cam, const struct engine *front, const float *image, int64_t class,
                          const struct model_blocks *blocks) {
    struct engine back = {0};
    const struct param *map = graph_find_param(cam->tail, "map");
    float *weights = arena_array(cam->arena, (size_t)cam->network->args.num_classes, sizeof *weights);
    if (!weights) return SK_EMEMORY;
    weights[class] = 1;
    memcpy(blocks->params, cam->network->params, (size_t)map->offset * sizeof *blocks->params);
    memcpy(blocks->params + map->offset, bound_plan_output(&front->bound, "at"),
           (size_t)map->count * sizeof *blocks->params);
    sk_status status = engine_new(cam, cam->tail, true, blocks, &back);
    if (status == SK_OK) {
        bound_plan_input(&back.bound, "weights", weights);
        for (size_t i = 0; i < cam->cut_count; i++) {
            const struct cut *cut = &cam->cuts[i];
            bool made = cam->graph->values[cut->from].node >= 0;
            bound_plan_input(&back.bound, cut->port, made ? bound_plan_output(&front->bound, cut->port) : image);
        }
        plan_run(back.bound.plan, cam->team, &(struct run_env){0});
    }
    engine_free(&back);
    return status;
}

/* relu of the channels' sum, each weighted by its mean gradient. */
static sk_status weigh(struct cam *cam, const float *map, const float *gradient, struct grad_cam *answer) {
    const int64_t *d = value_shape(cam->graph, cam->layer)->dim;
    int64_t pixels = d[1] * d[2], channels = d[3];
    double *weight = arena_array(cam->arena, (size_t)channels, sizeof *weight);
    answer->map = arena_array(cam->arena, (size_t)pixels, sizeof *answer->map);
    if (!weight || !answer->map) return SK_EMEMORY;
    for (int64_t j = 0; j < pixels * channels; j++) weight[j % channels] += (double)gradient[j] / (double)pixels;
    for (int64_t p = 0; p < pixels; p++) {
        double sum = 0;
        for (int64_t c = 0; c < channels; c++) sum += weight[c] * (double)map[p * channels + c];
        answer->map[p] = sum > 0 ? (float)sum : 0;
    }
    answer->height = d[1], answer->width = d[2];
    answer->layer = cam->graph->nodes[cam->graph->values[cam->layer].node].name;
    return SK_OK;
}

static sk_status take_logits(struct cam *cam, const struct engine *front, struct grad_cam *answer) {
    int64_t classes = cam->network->args.num_classes;
    answer->logits = arena_array(cam->arena, (size_t)classes, sizeof *answer->logits);
    if (!answer->logits) return SK_EMEMORY;
    memcpy(answer->logits, bound_plan_output(&front->bound, "logits"), (size_t)classes * sizeof *answer->logits);
    if (answer->class >= 0) return SK_OK;
    answer->class = 0;
    for (int64_t k = 1; k < classes; k++)
        if (answer->logits[k] > answer->logits[answer->class]) answer->class = k;
    return SK_OK;
}

static sk_status explain(struct cam *cam, const struct grad_cam_request *request, const struct engine *front,
                         struct grad_cam *answer) {
    struct region params, gradients = {0};
    size_t bytes = (size_t)cam->tail->param_elements * sizeof(float);
    TRY(take_logits(cam, front, answer));
    TRY(region_new(&params, bytes));
    sk_status status = region_new(&gradients, bytes);
    struct model_blocks blocks = {.params = params.data, .state = cam->network->state, .gradients = gradients.data};
    if (status == SK_OK) status = backward(cam, front, request->image, answer->class, &blocks);
    int64_t offset = graph_find_param(cam->tail, "map")->offset;
    if (status == SK_OK) status = weigh(cam, blocks.params + offset, blocks.gradients + offset, answer);
    region_free(&params);
    region_free(&gradients);
    return status;
}

sk_status grad_cam(struct arena *arena, const struct network *network, struct team *team,
                   const struct grad_cam_request *request, struct grad_cam *answer) {
    struct cam cam = {.arena = arena, .network = network, .team = team};
    struct engine front = {0};
    enum isa isa;
    *answer = (struct grad_cam){.class = request->class};
    TRY(cpu_isa(&isa));
    cam.kernels = kernels_of(isa);
    FAIL_IF(!cam.kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    TRY(model_graph(arena, &network->args, &(struct model_request){.batch = 1}, &cam.graph));
    TRY(find_layer(&cam, request->at));
    TRY(build_tail(&cam));
    sk_status status = forward(&cam, request->image, &front);
    if (status == SK_OK) status = explain(&cam, request, &front, answer);
    engine_free(&front);
    return status;
}
