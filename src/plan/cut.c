/* cut.c — finding the one value that what is frozen hands to what is trained, and copying either side.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "plan/cut.h"

#include <string.h>

#include "ops/attrs.h"
#include "plan/rewrite.h"

/* ---- finding ---- */

/* A node that gives other numbers from step to step, whatever goes in. */
static bool is_restless(const struct node *node) {
    if (node->op == &op_dropout) return true;
    return node->op == &op_batch_norm && ((const struct batch_norm_attr *)node->attr)->training;
}

struct graph_cut cut_find(const struct graph *g) {
    struct arena arena = {0};
    struct graph_cut cut = {0};
    int crossing = 0, image = graph_find_port(g, "image");
    bool *still = arena_array(&arena, g->value_count, sizeof *still);
    for (size_t v = 1; still && v < g->value_count; v++) {
        const struct value *value = &g->values[v];
        if (value->place == PLACE_PARAM) still[v] = g->params[value->param].frozen;
        if (value->place == PLACE_STATE || (int)v == image) still[v] = true;
    }
    for (size_t i = 0; still && i < g->node_count && crossing >= 0; i++) {
        const struct node *node = &g->nodes[i];
        bool all = !is_restless(node);
        for (int slot = 0; slot < NODE_INPUTS; slot++) all = all && (!node->in[slot] || still[node->in[slot]]);
        for (int slot = 0; slot < NODE_OUTPUTS; slot++)
            if (node->out[slot]) still[node->out[slot]] = all;
        for (int slot = 0; slot < NODE_INPUTS && !all; slot++) { /* what crosses over, parameters aside */
            int in = node->in[slot];
            if (!in || !still[in] || (g->values[in].node < 0 && in != image)) continue;
            crossing = crossing == 0 || crossing == in ? in : -1;
        }
    }
    if (still && crossing > 0 && crossing != image && g->nodes[g->values[crossing].node].out[0] == crossing) {
        const struct node *node = &g->nodes[g->values[crossing].node];
        cut = (struct graph_cut){node->name, node->op};
        if (cut_value(g, &cut) != crossing) cut = (struct graph_cut){0};
    }
    arena_free(&arena);
    return cut;
}

int cut_value(const struct graph *graph, const struct graph_cut *cut) {
    int found = 0, count = 0;
    for (size_t i = 0; cut->name && i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->op != cut->op || strcmp(node->name, cut->name) != 0) continue;
        found = node->out[0];
        count++;
    }
    return count == 1 ? found : 0;
}

/* ---- the two sides ---- */

/* [node] true where the value depends on it. */
static bool *nodes_before(struct arena *arena, const struct graph *graph, int value) {
    bool *before = arena_array(arena, graph->node_count + 1, sizeof *before);
    if (!before) return NULL;
    before[graph->values[value].node] = true;
    for (int i = graph->values[value].node; i >= 0; i--)
        for (int slot = 0; slot < NODE_INPUTS && before[i]; slot++) {
            int in = graph->nodes[i].in[slot];
            if (in && graph->values[in].node >= 0) before[graph->values[in].node] = true;
        }
    return before;
}

static sk_status begin(struct arena *arena, const struct graph *graph, const struct graph_cut *cut,
                       struct rewrite *rewrite, int *value, bool **before) {
    *value = cut_value(graph, cut);
    FAIL_IF(!*value, SK_EINTERNAL, "the graph has no one node %s to be cut at", cut->name ? cut->name : "");
    TRY(rewrite_begin(arena, graph, rewrite));
    *before = nodes_before(arena, graph, *value);
    return *before ? SK_OK : SK_EMEMORY;
}

sk_status cut_below(struct arena *arena, const struct graph *graph, const struct graph_cut *cut, struct graph **below) {
    struct rewrite rewrite;
    int value;
    bool *before;
    TRY(begin(arena, graph, cut, &rewrite, &value, &before));
    for (int i = 0; i < (int)graph->node_count; i++)
        if (before[i]) rewrite_copy(&rewrite, i);
    graph_port(rewrite.to, "image", rewrite.map[graph_find_port(graph, "image")]);
    graph_port(rewrite.to, "features", rewrite.map[value]);
    *below = rewrite.to;
    return graph_check(*below);
}

sk_status cut_above(struct arena *arena, const struct graph *graph, const struct graph_cut *cut, struct graph **above) {
    struct rewrite rewrite;
    int value;
    bool *before;
    TRY(begin(arena, graph, cut, &rewrite, &value, &before));
    rewrite.map[value] = graph_input(rewrite.to, F32, *value_shape(graph, value));
    for (int i = 0; i < (int)graph->node_count; i++) {
        if (before[i] || !rewrite.live[i]) continue;
        for (int slot = 0; slot < NODE_INPUTS; slot++) {
            int in = graph->nodes[i].in[slot];
            bool crosses = in && in != value && graph->values[in].node >= 0 && before[graph->values[in].node];
            FAIL_IF(crosses, SK_EINTERNAL, "%s reads what lies below the cut at %s", graph->nodes[i].name, cut->name);
        }
        rewrite_copy(&rewrite, i);
    }
    graph_port(rewrite.to, "features", rewrite.map[value]);
    return rewrite_end(&rewrite, above);
}
