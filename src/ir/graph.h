/* graph.h — the network as an append-only array of nodes in topological order; it knows no op.
 *
 * A value is an index (0 = none); a node applies an op to values and makes values. A builder never checks
 * errors: the first failure marks the graph, later calls do nothing, and graph_check reports it once.
 * Everything lives in the graph's arena. Parameter names are torchvision's state_dict names.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_IR_GRAPH_H
#define SK_IR_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/tensor.h"

struct op; /* src/ops/op.h; opaque here */

enum { NODE_INPUTS = 12, NODE_OUTPUTS = 5 };

/* Where a value's numbers live while a graph runs. */
enum place {
    PLACE_ARENA,    /* an activation or gradient, placed by its lifetime */
    PLACE_INPUT,    /* given by the caller for each run */
    PLACE_PARAM,    /* the parameter block */
    PLACE_STATE,    /* the state block: running statistics, counters */
    PLACE_GRADIENT, /* the gradient block, at its parameter's offset */
    PLACE_CONSTANT, /* depends on parameters alone: computed once when weights change (inference) */
};

struct value {
    struct shape shape;
    enum dtype dtype;
    enum place place;
    int node;       /* its producer, or -1 */
    int param;      /* index of the parameter (PARAM, STATE, GRADIENT), or -1 */
    int64_t offset; /* elements, in its block (PARAM, STATE, GRADIENT) */
    bool keep;      /* a port: alive to the end of the run */
};

struct node {
    const struct op *op;
    const void *attr; /* the op's own struct, in the arena, or NULL */
    const char *name; /* "features.2.conv.0", for tables and sentences */
    int in[NODE_INPUTS];
    int out[NODE_OUTPUTS]; /* 0: not wanted, not computed */
};

/* What a parameter is: decides its file layout, its initialisation and which decay rule hits it. */
enum param_kind {
    PARAM_CONV,              /* (R,S,C/groups,K); in files (K,C/groups,R,S) */
    PARAM_DEPTHWISE,         /* (R,S,1,C); in files (C,1,R,S) */
    PARAM_LINEAR,            /* (1,1,C,K); in files (K,C) */
    PARAM_BIAS,              /* (K) of a convolution or linear layer */
    PARAM_NORM_WEIGHT,       /* (C) of a batch norm */
    PARAM_NORM_BIAS,         /* (C) */
    PARAM_LAYER_NORM_WEIGHT, /* (C) */
    PARAM_LAYER_NORM_BIAS,   /* (C) */
    PARAM_LAYER_SCALE,       /* (C); in files (C,1,1) */
    STATE_MEAN,              /* (C) running mean; state, not trained */
    STATE_VARIANCE,          /* (C) running variance */
    STATE_COUNTER,           /* () num_batches_tracked; i64 in files, f32 here (exact to 2^24) */
};

struct param {
    const char *name;
    uint32_t hash; /* of the name */
    enum param_kind kind;
    int value;
    struct shape shape; /* in memory */
    int64_t offset;     /* elements, in the parameter or state block */
    int64_t count;      /* elements */
    bool state;         /* in the state block */
    bool frozen;        /* no gradient is made for it */
};

/* What is held fixed while the rest is trained: asked by name as a graph is built. */
struct freezing {
    bool (*param)(const void *user, const char *name); /* a parameter gets no gradient; a block drops no rows */
    bool (*norm)(const void *user, const char *name);  /* a norm uses and keeps its running statistics */
    const void *user;
};

/* A named way in or out of the graph: "image", "target", "logits", "loss". */
struct port {
    const char *name;
    int value;
};

/* A move of running statistics, done after the step was seen finite. */
struct update {
    int mean, variance;                          /* values made by the step: batch mean, biased batch variance */
    int running_mean, running_variance, counter; /* parameters (indices into params) */
    int64_t count;                               /* numbers behind each statistic, N*H*W */
    double momentum;                             /* torch's convention: r <- (1-m) r + m s */
    bool unbiased;                               /* torch, TF fused: variance * n/(n-1); Flax, Keras: as it is */
};

struct graph {
    struct arena *arena;
    struct node *nodes;
    size_t node_count, node_capacity;
    struct value *values; /* [0] is "none" */
    size_t value_count, value_capacity;
    struct param *params;
    size_t param_count, param_capacity;
    struct port *ports;
    size_t port_count, port_capacity;
    struct update *updates;
    size_t update_count, update_capacity;
    int64_t param_elements, state_elements; /* sizes of the blocks; each parameter starts on a multiple of 16 */
    int random_nodes;                       /* random ops so far: each gets its own number */
    const struct freezing *freezing;        /* or NULL: everything is trained; read while building alone */
    sk_status status;                       /* the first failure */
    char sentence[512];
};

sk_status graph_new(struct arena *arena, struct graph **graph);
/* The first failure while building, with its sentence, or SK_OK. */
sk_status graph_check(const struct graph *graph);
/* Mark the graph as failed (the sentence is the thread's last one). Returns 0, the value "none". */
int graph_fail(struct graph *graph, sk_status status);

int graph_input(struct graph *graph, enum dtype dtype, struct shape shape);
/* A parameter or state tensor by name; asking for a name twice is a failure. */
int graph_param(struct graph *graph, enum param_kind kind, struct shape shape, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* The same parameter as another graph's, whose names outlive this graph and differ from each other. */
int graph_param_of(struct graph *graph, const struct param *other);
/* Room for so many at once. */
void graph_reserve(struct graph *graph, size_t nodes, size_t values, size_t params);

/* Append a node: inputs by slot (0 = absent). Shapes of its outputs come from the op's rule through the caller
 * (op_node in ops/op.h); here only the record is made. Returns the node's index, or -1. */
int graph_append(struct graph *graph, const struct op *op, const void *attr, const int *in, int in_count,
                 const char *name);
/* Make output `slot` of a node. Returns the value. */
int graph_output(struct graph *graph, int node, int slot, enum dtype dtype, struct shape shape);

void graph_update(struct graph *graph, struct update update);

/* Name a value; one made by a node is kept alive to the end of the run. */
void graph_port(struct graph *graph, const char *name, int value);
/* The value of that name, or 0. */
int graph_find_port(const struct graph *graph, const char *name);

/* The shape of a parameter in files, which differs from memory for weights. */
struct shape param_file_shape(const struct param *param);
/* Copy one parameter from file order (f32) to memory order, and back. */
void param_from_file(const struct param *param, const float *file, float *memory);
void param_to_file(const struct param *param, const float *memory, float *file);
/* Where element j of memory order lies in file order. */
int64_t param_file_index(const struct param *param, int64_t j);
const struct param *graph_find_param(const struct graph *graph, const char *name);

/* Trained parameters' elements without padding, and batch statistics' (means and variances). */
int64_t graph_parameter_count(const struct graph *graph);
int64_t graph_statistics_count(const struct graph *graph);

static inline const struct shape *value_shape(const struct graph *graph, int value) {
    return &graph->values[value].shape;
}
static inline int64_t value_elements(const struct graph *graph, int value) {
    return shape_elements(&graph->values[value].shape);
}

#endif
