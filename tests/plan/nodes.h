/* nodes.h — an engine's run node by node: each, given the engine's own inputs, against its reference with the same roundings.
 *
 * Node by node, because a network magnifies roundings. All values must have been kept (engine.h's `keep`).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_NODES_H
#define SK_TEST_NODES_H

#include "plan/engine.h"
#include "plan/reference.h"

static inline double *nodes_doubles(struct arena *arena, const struct plan *plan, int v) {
    const struct graph *graph = plan->graph;
    const struct node *panels = graph->values[v].node < 0 ? NULL : &graph->nodes[graph->values[v].node];
    if (panels && panels->op == &op_panels) v = panels->in[0]; /* references know no panels */
    int64_t count = value_elements(graph, v);
    double *to = arena_array(arena, (size_t)count + 1, sizeof *to);
    const void *from = plan_value(plan, v);
    assert_non_null(to);
    for (int64_t j = 0; j < count; j++)
        to[j] = value_is_bf16(graph, v) ? (double)bf16_to_f32(((const uint16_t *)from)[j])
                                        : (double)((const float *)from)[j];
    return to;
}

struct nodes_found {
    int values, bf16;                        /* values that were compared; those of bf16 */
    double numbers, flipped;                 /* of bf16; those that are not the reference's own bits */
    double worst_f32, worst_sums, worst_ulp; /* sums: of bf16 numbers of the same node */
};

/* The spacing of bf16 at x. */
static inline double nodes_ulp(double x) {
    return x == 0 ? 0 : ldexp(1, ilogb(x) - 7);
}

/* bf16: a number that lies between two may be rounded either way by two ways of summing, but no further. */
static inline void nodes_compare(const double *engine, const double *reference, int64_t count, double largest,
                                 struct nodes_found *found) {
    for (int64_t j = 0; j < count; j++) {
        double off = fabs(engine[j] - reference[j]) - 4e-6 * largest; /* f32's own share, where sums cancel */
        double ulps = off > 0 ? off / nodes_ulp(reference[j]) : 0;
        found->flipped += engine[j] != reference[j];
        if (!(ulps <= found->worst_ulp)) found->worst_ulp = ulps;
    }
    found->numbers += (double)count;
    found->bf16++;
}

/* A node, given what the engine itself gave it: references round the same values. */
static inline void nodes_check(const struct plan *plan, const struct run_env *env, const struct node *node,
                               struct nodes_found *found) {
    const struct graph *graph = plan->graph;
    struct arena arena = {0};
    struct reference_call call = {.graph = graph, .node = node, .env = env};
    for (int slot = 0; slot < NODE_INPUTS; slot++)
        if (node->in[slot]) call.in[slot] = nodes_doubles(&arena, plan, node->in[slot]);
    for (int slot = 0; slot < NODE_OUTPUTS; slot++)
        if (node->out[slot])
            call.out[slot] = arena_array(&arena, (size_t)value_elements(graph, node->out[slot]) + 1, sizeof(double));
    node->op->reference(&call);
    for (int slot = 0; slot < NODE_OUTPUTS; slot++) {
        if (!node->out[slot]) continue;
        int64_t count = value_elements(graph, node->out[slot]);
        const double *engine = nodes_doubles(&arena, plan, node->out[slot]);
        double largest = 0, off = 0;
        for (int64_t j = 0; j < count; j++) {
            double r = call.out[slot][j] = reference_stored(&call, slot, call.out[slot][j]);
            if (fabs(r) > largest) largest = fabs(r);
            if (!(fabs(engine[j] - r) <= off)) off = fabs(engine[j] - r);
        }
        bool sums = !value_is_bf16(graph, node->out[slot]) && slot > 0 && value_is_bf16(graph, node->out[0]) &&
                    value_shape(graph, node->out[slot])->rank == 3;
        double *worst = sums ? &found->worst_sums : &found->worst_f32;
        if (value_is_bf16(graph, node->out[slot]))
            nodes_compare(engine, call.out[slot], count, largest, found);
        else if (largest > 0 && !(off / largest <= *worst))
            *worst = off / largest;
        found->values++;
    }
    arena_free(&arena);
}

/* Every step of a plan that has run. */
static inline void nodes_check_all(const struct plan *plan, const struct run_env *env, struct nodes_found *found) {
    for (int s = 0; s < plan->step_count; s++)
        if (plan->steps[s].node->op != &op_panels) nodes_check(plan, env, plan->steps[s].node, found);
}

#endif
