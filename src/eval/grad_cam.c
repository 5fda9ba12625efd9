/* grad_cam.c — Grad-CAM of one picture.
 *
 * The network is cut: one plan runs it forward and keeps the layer's map and whatever else the layers behind it read.
 * Those layers then become a graph of their own, in which the map is the only parameter, so that its gradient is the
 * only one that is made. SPDX-License-Identifier: Apache-2.0 */
#include "eval/grad_cam.h"

#include <string.h>

#include "models/layer_name.h"
#include "plan/passes.h"
#include "plan/reference.h"
#include "plan/workspace.h"

/* A value of the network that the part behind the layer reads: a weight, or numbers that go around the layer. */
struct cut {
    int from, to;     /* value of the network, value of the tail */
    const char *port; /* NULL: a parameter */
};

struct cam {
    struct arena *arena;
    const struct network *network;
    struct graph *graph; /* the whole network, unlowered, batch 1 */
    struct graph *tail;  /* what lies behind the layer, and its gradient */
    int layer;           /* the map, in graph */
    int *map;            /* [value of graph] -> value of tail, or 0 */
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

/* A value that the tail reads but does not make: an input of it. */
static int cut_at(struct cam *cam, int value) {
    struct cut *grown = arena_grow(cam->arena, cam->cuts, &cam->cut_capacity, cam->cut_count + 1, sizeof *grown);
    const struct value *v = &cam->graph->values[value];
    if (!grown) return graph_fail(cam->tail, SK_EMEMORY);
    cam->cuts = grown;
    struct cut *cut = &cam->cuts[cam->cut_count];
    *cut = (struct cut){.from = value, .to = graph_input(cam->tail, v->dtype, v->shape)};
    if (v->param < 0) {
        cut->port = arena_printf(cam->arena, "cut.%zu", cam->cut_count);
        if (!cut->port) return graph_fail(cam->tail, SK_EMEMORY);
        if (v->node >= 0) graph_port(cam->graph, cut->port, value);
    }
    cam->cut_count++;
    return cut->to;
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

static sk_status build_tail(struct cam *cam) {
    struct graph *graph = cam->graph;
    bool *behind = arena_array(cam->arena, graph->value_count, sizeof *behind);
    cam->map = arena_array(cam->arena, graph->value_count, sizeof *cam->map);
    if (!behind || !cam->map) return SK_EMEMORY;
    TRY(graph_new(cam->arena, &cam->tail));
    behind[cam->layer] = true;
    cam->map[cam->layer] = graph_param(cam->tail, PARAM_BIAS, *value_shape(graph, cam->layer), "map");
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
    return gradient_build(cam->tail, build_dot(cam->tail, cam->map[logits], weights, "class"));
}

/* ---- forward, in the engine ---- */

struct forward {
    struct workspace workspace;
    struct bound_plan bound;
};

static void forward_free(struct forward *forward) {
    bound_plan_free(&forward->bound);
    workspace_free(&forward->workspace);
}

static sk_status forward_run(struct cam *cam, struct team *team, const float *image, struct forward *forward) {
    enum isa isa;
    struct graph *lowered;
    struct plan *plan;
    TRY(cpu_isa(&isa));
    const struct kernels *kernels = kernels_of(isa);
    FAIL_IF(!kernels, SK_EINTERNAL, "this build has no kernels for %s", cpu_isa_name(isa));
    graph_port(cam->graph, "at", cam->layer);
    TRY(passes_run(cam->arena, cam->graph, &(struct lowering){.kernels = kernels}, &lowered));
    struct plan_options options = {.kernels = kernels, .threads = team_size(team), .constants = true};
    TRY(plan_new(cam->arena, lowered, &options, &plan));
    workspace_want(&forward->workspace, plan);
    TRY(workspace_allocate(&forward->workspace));
    struct model_blocks blocks = {.params = cam->network->params, .state = cam->network->state};
    TRY(bound_plan_new(&forward->bound, cam->arena, plan, &forward->workspace, &blocks));
    plan_prepare(plan, team);
    bound_plan_input(&forward->bound, "image", image);
    plan_run(plan, team, &(struct run_env){0});
    return SK_OK;
}

/* ---- backward, by references ---- */

static void fill(double *to, const float *from, int64_t count) {
    for (int64_t j = 0; j < count; j++) to[j] = from[j];
}

static sk_status backward(struct cam *cam, const struct forward *forward, const float *image, int64_t class,
                          struct reference **out) {
    struct reference *reference;
    TRY(reference_new(cam->arena, cam->tail, &reference));
    for (size_t i = 0; i < cam->cut_count; i++) {
        const struct cut *cut = &cam->cuts[i];
        const struct value *v = &cam->graph->values[cut->from];
        const float *from = v->place == PLACE_STATE   ? cam->network->state + v->offset
                            : v->place == PLACE_PARAM ? cam->network->params + v->offset
                            : v->place == PLACE_INPUT ? image
                                                      : bound_plan_output(&forward->bound, cut->port);
        fill(reference->values[cut->to], from, shape_elements(&v->shape));
    }
    fill(reference->values[cam->map[cam->layer]], bound_plan_output(&forward->bound, "at"),
         value_elements(cam->graph, cam->layer));
    reference->values[graph_find_port(cam->tail, "weights")][class] = 1;
    reference_run(reference, &(struct run_env){0});
    *out = reference;
    return SK_OK;
}

/* relu of the channels' sum, each weighted by its mean gradient. */
static sk_status weigh(struct cam *cam, const struct reference *reference, struct grad_cam *answer) {
    const int64_t *d = value_shape(cam->graph, cam->layer)->dim;
    int64_t pixels = d[1] * d[2], channels = d[3];
    const double *map = reference->values[cam->map[cam->layer]], *gradient = reference->gradients;
    double *weight = arena_array(cam->arena, (size_t)channels, sizeof *weight);
    answer->map = arena_array(cam->arena, (size_t)pixels, sizeof *answer->map);
    if (!weight || !answer->map) return SK_EMEMORY;
    for (int64_t j = 0; j < pixels * channels; j++) weight[j % channels] += gradient[j] / (double)pixels;
    for (int64_t p = 0; p < pixels; p++) {
        double sum = 0;
        for (int64_t c = 0; c < channels; c++) sum += weight[c] * map[p * channels + c];
        answer->map[p] = sum > 0 ? (float)sum : 0;
    }
    answer->height = d[1], answer->width = d[2];
    answer->layer = cam->graph->nodes[cam->graph->values[cam->layer].node].name;
    return SK_OK;
}

static sk_status take_logits(struct cam *cam, const struct forward *forward, struct grad_cam *answer) {
    int64_t classes = cam->network->args.num_classes;
    answer->logits = arena_array(cam->arena, (size_t)classes, sizeof *answer->logits);
    if (!answer->logits) return SK_EMEMORY;
    memcpy(answer->logits, bound_plan_output(&forward->bound, "logits"), (size_t)classes * sizeof *answer->logits);
    if (answer->class >= 0) return SK_OK;
    answer->class = 0;
    for (int64_t k = 1; k < classes; k++)
        if (answer->logits[k] > answer->logits[answer->class]) answer->class = k;
    return SK_OK;
}

sk_status grad_cam(struct arena *arena, const struct network *network, struct team *team,
                   const struct grad_cam_request *request, struct grad_cam *answer) {
    struct cam cam = {.arena = arena, .network = network};
    struct forward forward = {0};
    struct reference *reference;
    *answer = (struct grad_cam){.class = request->class};
    TRY(model_graph(arena, &network->args, &(struct model_request){.batch = 1}, &cam.graph));
    TRY(find_layer(&cam, request->at));
    TRY(build_tail(&cam));
    sk_status status = forward_run(&cam, team, request->image, &forward);
    if (status == SK_OK) status = take_logits(&cam, &forward, answer);
    if (status == SK_OK) status = backward(&cam, &forward, request->image, answer->class, &reference);
    if (status == SK_OK) status = weigh(&cam, reference, answer);
    forward_free(&forward);
    return status;
}
