/* op.h — what an op is: shape rule, cost, gradient rule, reference in double, and its way into the kernels.
 *
 * To add an op: one file src/ops/<name>.c that defines `const struct op op_<name>`, and one row in ops.def.
 * Ops without `plan` exist only in graphs before lowering (plan/lower.c turns them into others); they run by
 * their reference. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_OPS_OP_H
#define SK_OPS_OP_H

#include "ir/graph.h"
#include "kernels/kernels.h"

/* What randomness depends on during one run. */
struct run_env {
    uint64_t seed, step;   /* step counts micro-batches */
    uint64_t first_sample; /* position of row 0 of the batch within the step */
};

/* One call of a reference: every value in double, whatever its dtype. */
struct reference_call {
    const struct graph *graph;
    const struct node *node;
    const double *in[NODE_INPUTS]; /* NULL where absent */
    double *out[NODE_OUTPUTS];     /* NULL where not wanted */
    const struct run_env *env;
};

/* What a thread has while it works on a step. */
struct lane {
    int index;
    void *scratch;
    const struct run_env *env;
};

enum { STEP_PHASES = 3 };

/* What a step needs, known before memory is placed. */
struct step_plan {
    void *job;  /* the op's job struct, in the plan's arena; pointers come with bind */
    int phases; /* with a barrier after each */
    int64_t tiles[STEP_PHASES];
    bool early[NODE_OUTPUTS]; /* outputs whole after the first phase; the others after the last */
    size_t lane_scratch;      /* bytes for each thread */
    size_t shared_scratch;    /* bytes for the step, alive during its phases */
};

struct plan_request {
    const struct graph *graph;
    const struct node *node;
    const struct kernels *kernels;
    int threads;
    struct arena *arena;
};

/* Pointers of a node's values, once memory is placed. */
struct bind_request {
    const struct graph *graph;
    const struct node *node;
    const struct kernels *kernels;
    void *in[NODE_INPUTS];
    const float *file[NODE_INPUTS]; /* a parameter that lies in its file's order and nowhere else: of `panels` alone */
    void *out[NODE_OUTPUTS];
    void *shared;
};

/* Whether an input or output of the node is kept as bf16 (of 0: no). */
static inline bool value_is_bf16(const struct graph *graph, int value) {
    return graph->values[value].dtype == BF16;
}
static inline int64_t value_size(const struct graph *graph, int value) {
    return (int64_t)dtype_size(graph->values[value].dtype);
}
/* What a reference sees of a number once it is stored, for the sums that are taken of stored numbers. */
static inline double reference_stored(const struct reference_call *call, int slot, double x) {
    if (!value_is_bf16(call->graph, call->node->out[slot])) return x;
    return bf16_to_f32(f32_to_bf16((float)x));
}

struct cost {
    int64_t macs;  /* multiply-adds */
    int64_t bytes; /* read and written once each */
};

/* What of its first input one output pixel of an op sees: a window of rows and columns, holes of a dilation included,
 * that moves by the strides. */
struct op_window {
    int64_t height, width;
    int stride_h, stride_w;
};

#define SLOT(slot) (1u << (slot))

struct gradients; /* plan/gradient.c's table; see ops/gradients.h */

struct op {
    const char *name;
    int outputs;
    uint32_t bf16_in, bf16_out; /* slots, by SLOT, whose numbers may be kept as bf16: plan/pass_bf16.c */
    /* Make the outputs of a freshly appended node (graph_output), or fail with a sentence. */
    sk_status (*infer)(struct graph *graph, int node);
    struct cost (*cost)(const struct graph *graph, const struct node *node); /* NULL: bytes of its values only */
    struct op_window (*window)(const struct node *node);                     /* NULL: the pixel itself */
    /* Append nodes that carry the gradient from outputs to inputs; NULL: not differentiable. */
    void (*gradient)(struct gradients *gradients, int node);
    void (*reference)(const struct reference_call *call);
    sk_status (*plan)(const struct plan_request *request, struct step_plan *step);
    void (*bind)(const struct bind_request *request, void *job);
    void (*run)(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane);
};

#define OP(name) extern const struct op op_##name;
#include "ops/ops.def"
#undef OP

/* Every op, in the order of ops.def; *count set. */
const struct op *const *op_table(size_t *count);

/* Append a node, check it by the op's rule and make its outputs. attr (size bytes) is copied.
 * Returns the node or -1. */
int op_node(struct graph *graph, const struct op *op, const void *attr, size_t size, const int *in, int in_count,
            const char *name);
/* The same for a node with one output of interest: returns output 0. */
int op_value(struct graph *graph, const struct op *op, const void *attr, size_t size, const int *in, int in_count,
             const char *name);
static inline int node_out(const struct graph *graph, int node, int slot) {
    return node < 0 ? 0 : graph->nodes[node].out[slot];
}

#endif
