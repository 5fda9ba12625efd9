/* graph.c — the append-only graph: values, nodes, parameters and their two layouts.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ir/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PARAM_ALIGN = 16 }; /* elements: each parameter starts on a cache line */

sk_status graph_new(struct arena *arena, struct graph **graph) {
    struct graph *g = arena_alloc(arena, sizeof *g);
    if (!g) return SK_EMEMORY;
    g->arena = arena;
    g->values = arena_grow(arena, NULL, &g->value_capacity, 256, sizeof *g->values);
    if (!g->values) return SK_EMEMORY;
    g->value_count = 1; /* [0] is "none" */
    g->values[0] = (struct value){.node = -1, .param = -1};
    *graph = g;
    return SK_OK;
}

sk_status graph_check(const struct graph *graph) {
    FAIL_IF(graph->status != SK_OK, graph->status, "%s", graph->sentence);
    return SK_OK;
}

int graph_fail(struct graph *graph, sk_status status) {
    if (graph->status == SK_OK) {
        graph->status = status;
        snprintf(graph->sentence, sizeof graph->sentence, "%s", sk_error());
    }
    return 0;
}

static int new_value(struct graph *g, struct value value) {
    if (g->status != SK_OK) return 0;
    struct value *grown = arena_grow(g->arena, g->values, &g->value_capacity, g->value_count + 1, sizeof *grown);
    if (!grown) return graph_fail(g, SK_EMEMORY);
    g->values = grown;
    int64_t count;
    if (shape_count(&value.shape, &count) != SK_OK) return graph_fail(g, SK_ESHAPE);
    g->values[g->value_count] = value;
    return (int)g->value_count++;
}

int graph_input(struct graph *graph, enum dtype dtype, struct shape shape) {
    return new_value(graph,
                     (struct value){.shape = shape, .dtype = dtype, .place = PLACE_INPUT, .node = -1, .param = -1});
}

const struct param *graph_find_param(const struct graph *graph, const char *name) {
    for (size_t i = 0; i < graph->param_count; i++)
        if (strcmp(graph->params[i].name, name) == 0) return &graph->params[i];
    return NULL;
}

static bool is_state(enum param_kind kind) {
    return kind == STATE_MEAN || kind == STATE_VARIANCE || kind == STATE_COUNTER;
}

static uint32_t name_hash(const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    while (*name) hash = (hash ^ (unsigned char)*name++) * 16777619u;
    return hash;
}

static bool is_taken(const struct graph *graph, const char *name, uint32_t hash) {
    for (size_t i = 0; i < graph->param_count; i++)
        if (graph->params[i].hash == hash && strcmp(graph->params[i].name, name) == 0) return true;
    return false;
}

/* `name` lives as long as the graph. */
static int add_param(struct graph *graph, enum param_kind kind, struct shape shape, const char *name, uint32_t hash) {
    struct param *grown =
        arena_grow(graph->arena, graph->params, &graph->param_capacity, graph->param_count + 1, sizeof *grown);
    if (!grown) return graph_fail(graph, SK_EMEMORY);
    graph->params = grown;

    bool state = is_state(kind);
    int64_t *block = state ? &graph->state_elements : &graph->param_elements;
    int index = (int)graph->param_count;
    struct value value = {.shape = shape,
                          .dtype = F32,
                          .place = state ? PLACE_STATE : PLACE_PARAM,
                          .node = -1,
                          .param = index,
                          .offset = *block};
    int id = new_value(graph, value);
    if (!id) return 0;
    int64_t count = shape_elements(&shape);
    graph->params[index] = (struct param){.name = name,
                                          .hash = hash,
                                          .kind = kind,
                                          .value = id,
                                          .shape = shape,
                                          .offset = *block,
                                          .count = count,
                                          .state = state};
    graph->param_count++;
    *block += (count + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
    return id;
}

int graph_param(struct graph *graph, enum param_kind kind, struct shape shape, const char *name, ...) {
    if (graph->status != SK_OK) return 0;
    char full[256];
    va_list args;
    va_start(args, name);
    vsnprintf(full, sizeof full, name, args);
    va_end(args);
    uint32_t hash = name_hash(full);
    if (is_taken(graph, full, hash))
        return graph_fail(graph, status_fail(SK_EINTERNAL, "the model names the parameter %s twice", full));
    char *kept = arena_strdup(graph->arena, full);
    if (!kept) return graph_fail(graph, SK_EMEMORY);
    int id = add_param(graph, kind, shape, kept, hash);
    if (!id) return 0;
    struct param *param = &graph->params[graph->param_count - 1];
    if (!param->state && graph->freezing) param->frozen = graph->freezing->param(graph->freezing->user, kept);
    return id;
}

int graph_param_of(struct graph *graph, const struct param *other) {
    if (graph->status != SK_OK) return 0;
    int id = add_param(graph, other->kind, other->shape, other->name, other->hash);
    if (id) graph->params[graph->param_count - 1].frozen = other->frozen;
    return id;
}

void graph_reserve(struct graph *graph, size_t nodes, size_t values, size_t params) {
    struct node *n = arena_grow(graph->arena, graph->nodes, &graph->node_capacity, nodes, sizeof *n);
    struct value *v = arena_grow(graph->arena, graph->values, &graph->value_capacity, values, sizeof *v);
    struct param *p = arena_grow(graph->arena, graph->params, &graph->param_capacity, params, sizeof *p);
    if (n) graph->nodes = n;
    if (v) graph->values = v;
    if (p) graph->params = p;
    if (!n || !v || !p) graph_fail(graph, SK_EMEMORY);
}

int graph_append(struct graph *graph, const struct op *op, const void *attr, const int *in, int in_count,
                 const char *name) {
    if (graph->status != SK_OK) return -1;
    struct node *grown =
        arena_grow(graph->arena, graph->nodes, &graph->node_capacity, graph->node_count + 1, sizeof *grown);
    if (!grown || in_count > NODE_INPUTS) {
        graph_fail(graph, grown ? status_fail(SK_EINTERNAL, "%s has %d inputs", name, in_count) : SK_EMEMORY);
        return -1;
    }
    graph->nodes = grown;
    struct node *node = &graph->nodes[graph->node_count];
    *node = (struct node){.op = op, .attr = attr, .name = name};
    memcpy(node->in, in, (size_t)in_count * sizeof *in);
    return (int)graph->node_count++;
}

int graph_output(struct graph *graph, int node, int slot, enum dtype dtype, struct shape shape) {
    if (node < 0) return 0;
    int id = new_value(graph,
                       (struct value){.shape = shape, .dtype = dtype, .place = PLACE_ARENA, .node = node, .param = -1});
    if (id) graph->nodes[node].out[slot] = id;
    return id;
}

void graph_update(struct graph *graph, struct update update) {
    if (graph->status != SK_OK) return;
    struct update *grown =
        arena_grow(graph->arena, graph->updates, &graph->update_capacity, graph->update_count + 1, sizeof *grown);
    if (!grown) {
        graph_fail(graph, SK_EMEMORY);
        return;
    }
    graph->updates = grown;
    graph->updates[graph->update_count++] = update;
}

void graph_port(struct graph *graph, const char *name, int value) {
    if (graph->status != SK_OK || !value) return;
    struct port *grown =
        arena_grow(graph->arena, graph->ports, &graph->port_capacity, graph->port_count + 1, sizeof *grown);
    char *kept = arena_strdup(graph->arena, name);
    if (!grown || !kept) {
        graph_fail(graph, SK_EMEMORY);
        return;
    }
    graph->ports = grown;
    graph->ports[graph->port_count++] = (struct port){kept, value};
    if (graph->values[value].node >= 0) graph->values[value].keep = true;
}

int graph_find_port(const struct graph *graph, const char *name) {
    for (size_t i = 0; i < graph->port_count; i++)
        if (strcmp(graph->ports[i].name, name) == 0) return graph->ports[i].value;
    return 0;
}

struct shape param_file_shape(const struct param *param) {
    const int64_t *d = param->shape.dim; /* (R,S,C,K) for weights */
    switch (param->kind) {
    case PARAM_CONV: return (struct shape){4, {d[3], d[2], d[0], d[1]}};
    case PARAM_DEPTHWISE: return (struct shape){4, {d[3], 1, d[0], d[1]}};
    case PARAM_LINEAR: return (struct shape){2, {d[3], d[2]}};
    case PARAM_LAYER_SCALE: return (struct shape){3, {d[0], 1, 1}};
    default: return param->shape;
    }
}

int64_t param_file_index(const struct param *param, int64_t j) {
    if (param->kind != PARAM_CONV && param->kind != PARAM_DEPTHWISE && param->kind != PARAM_LINEAR) return j;
    const int64_t *d = param->shape.dim; /* j = ((r*S + s)*C + c)*K + k  ->  ((k*C + c)*R + r)*S + s */
    int64_t k = j % d[3], c = j / d[3] % d[2], s = j / (d[3] * d[2]) % d[1], r = j / (d[3] * d[2] * d[1]);
    return ((k * d[2] + c) * d[0] + r) * d[1] + s;
}

/* (K,C,R*S) -> (R*S,C,K), a cache line of K at a time: as many rows of the file are read side by side. */
static void transpose_weights(const int64_t d[4], const float *file, float *memory) {
    int64_t window = d[0] * d[1], channels = d[2], filters = d[3], row = channels * window;
    for (int64_t k = 0; k < filters; k += PARAM_ALIGN) {
        int64_t count = filters - k < PARAM_ALIGN ? filters - k : PARAM_ALIGN;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t w = 0; w < window; w++) {
                const float *from = file + k * row + c * window + w;
                float *to = memory + (w * channels + c) * filters + k;
                for (int64_t i = 0; i < count; i++) to[i] = from[i * row];
            }
    }
}

void param_from_file(const struct param *param, const float *file, float *memory) {
    if (param->kind == PARAM_CONV || param->kind == PARAM_DEPTHWISE || param->kind == PARAM_LINEAR)
        transpose_weights(param->shape.dim, file, memory);
    else
        memcpy(memory, file, (size_t)param->count * sizeof *memory);
}

void param_to_file(const struct param *param, const float *memory, float *file) {
    for (int64_t j = 0; j < param->count; j++) file[param_file_index(param, j)] = memory[j];
}

int64_t graph_parameter_count(const struct graph *graph) {
    int64_t sum = 0;
    for (size_t i = 0; i < graph->param_count; i++) sum += graph->params[i].state ? 0 : graph->params[i].count;
    return sum;
}

int64_t graph_statistics_count(const struct graph *graph) {
    int64_t sum = 0;
    for (size_t i = 0; i < graph->param_count; i++)
        if (graph->params[i].kind == STATE_MEAN || graph->params[i].kind == STATE_VARIANCE)
            sum += graph->params[i].count;
    return sum;
}
