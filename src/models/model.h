/* model.h — architectures by name: their arguments, and the graph they say.
 *
 * To add a family: one file src/models/<name>.c that defines `const struct model_family family_<name>`, and one row
 * in models.def. A family is one table; its published networks are columns of it, each with its own name.
 * Argument names are torchvision's where it has one. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_MODEL_H
#define SK_MODELS_MODEL_H

#include "base/json.h"
#include "base/text.h"
#include "ops/build.h"

enum { MODEL_STAGES = 64, MODEL_ROW = 8, MODEL_HEAD = 4 };
/* Whose initialisation; what it is for a family stands in its struct init_table (models/init.h). */
enum model_init { INIT_TORCHVISION, INIT_TF, INIT_TIMM, INIT_KERAS, INIT_FLAX, INIT_COUNT };

/* One row of a network's table, as a recipe writes it in model.blocks. MobileNetV2: [t, c, n, s]. MobileNetV3: [kernel,
 * expanded, out, squeeze, activation, stride, dilation], the last may be missing; an activation is its enum act. */
struct model_row {
    int64_t item[MODEL_ROW];
    int count;
};
enum { ROW_ACT = 4 }; /* in rows of more than four items, this one is an activation */

/* Everything that decides a network's graph; plain data, kept in model files as JSON. The lists below give the names of
 * its members in files; recipe keys are the same names behind "model.", but height and width are model.input_size, and
 * norm_… are batch_norm.… . */
#define MODEL_INTEGERS(X) X(num_classes) X(height) X(width) X(in_channels) X(round_nearest) X(stem_stride)
#define MODEL_NUMBERS(X)                                                                                               \
    X(width_mult) X(depth_mult) X(dropout) X(stochastic_depth) X(norm_eps) X(norm_momentum) X(layer_scale)
#define MODEL_SWITCHES(X)                                                                                              \
    X(norm_unbiased)                                                                                                   \
    X(same_padding)                                                                                                    \
    X(wrap_padding) X(reduced_tail) X(dilated) X(minimal) X(fixed_head) X(stochastic_depth_reaches_end)                \
        X(stochastic_depth_by_stage)
struct model_args {
    char name[64]; /* the published network, "efficientnet_b3" */
    int64_t num_classes, height, width, in_channels, round_nearest;
    double width_mult, depth_mult; /* multiply channels and repeats */
    double dropout;                /* before the last layer */
    double stochastic_depth;       /* of the last residual block; rises linearly from 0 */
    int64_t stem_stride;
    int64_t strides[MODEL_STAGES]; /* of each stage's first block; with rows that are blocks: of each block */
    int64_t stages;
    double norm_eps, norm_momentum; /* torch's convention; the eps of layer norms too */
    double layer_scale;             /* fresh value of layer scales */
    bool norm_unbiased;
    bool same_padding; /* TF SAME rather than torch's symmetric padding */
    bool wrap_padding; /* MobileNetV2: depthwise convolutions with a stride see the opposite side beyond the border */
    bool reduced_tail; /* MobileNetV3: the last blocks and the head have half the channels */
    bool dilated;      /* dilation instead of the last stride: MobileNetV3; ResNet: of the last two */
    bool minimal;      /* MobileNetV3: no squeeze-excite, relu, kernels 3x3 */
    /* MobileNetV3 as timm and Keras scale it: a width below 1 leaves the head as it is, one below 0.75 the stem, and
     * expansions are multiples of the rounded channels that enter. MobileNetV2 (timm's 110d, 120d): stem and head keep their channels at any width. */
    bool fixed_head;
    /* rate of residual block i of N: stochastic_depth * i/(N-1) (ConvNeXt) rather than i/N (EfficientNet) */
    bool stochastic_depth_reaches_end;
    bool stochastic_depth_by_stage;      /* stochastic_depth * (i+2)/(S+1) in all blocks of stage i of S */
    enum act activation;                 /* instead of the family's own; ACT_NONE: the family's own */
    struct model_row rows[MODEL_STAGES]; /* instead of the family's own table */
    int64_t row_count;                   /* 0: the family's own */
    /* Hidden layers before the last one, each with activation and dropout: one's own head. */
    int64_t head_hidden[MODEL_HEAD], head_count;
    enum act head_activation;
    double head_dropout;
};

struct init_table;
struct scaled_table;

/* Arguments that not every family has. One that a family does not use must keep its default: nothing is ignored. */
enum model_uses {
    USES_DEPTH_MULT = 1 << 0,
    USES_SAME_PADDING = 1 << 1,
    USES_REDUCED_TAIL = 1 << 2,
    USES_DILATED = 1 << 3,
    USES_MINIMAL = 1 << 4,
    USES_FIXED_HEAD = 1 << 5,
    USES_ROWS = 1 << 6,
    USES_DROPOUT = 1 << 7,
    USES_LAYER_SCALE = 1 << 8,
    USES_BATCH_NORM = 1 << 9, /* momentum, and which variance; every family has an eps */
    USES_WRAP_PADDING = 1 << 10,
};

struct model_family {
    const char *name;                                     /* of the family: "efficientnet" */
    const char *const *published;                         /* its networks, ends with NULL: "efficientnet_b0", … */
    void (*defaults)(struct model_args *args, int which); /* published[which]; *args is zero but for its name */
    sk_status (*check)(const struct model_args *args);
    /* image (N,H,W,C) -> logits (N,classes); training: batch statistics, dropout. Failures mark the graph. The node
     * behind the last feature map is called "avgpool". */
    int (*build)(struct graph *graph, const struct model_args *args, int image, bool training);
    unsigned uses;                     /* enum model_uses */
    const char *head;                  /* beginning of the head's parameter names: "classifier.", "fc." */
    const char *classifier;            /* name of the last linear layer: "classifier.1" */
    const struct init_table *init;     /* how fresh weights are drawn; see models/init.h */
    int64_t scaled_from;               /* compound scaling: the input size at phi = 0; 0: the family has none */
    const struct scaled_table *scaled; /* the table of a family that models/scaled.c builds; else NULL */
    /* What a reader of `siskin summary` should know about these arguments, a sentence a line; may be NULL. */
    void (*notes)(const struct model_args *args, struct text *text);
};

const struct model_family *const *model_table(size_t *count);
/* The family that published a network of that name, or a failure that names the nearest. */
sk_status model_find(const char *name, const struct model_family **family);
/* Where that name stands in a family's list of published networks; -1: nowhere. */
int model_which(const char *const *published, const char *name);
sk_status model_defaults(const char *name, struct model_args *args);

/* The graph of a model for a batch: ports "image", "logits", and with a loss "target", "loss". */
struct model_request {
    int64_t batch;
    bool training, loss;
    const struct freezing *freezing; /* what is held in training, by name; or NULL */
    struct loss_rule rule;           /* of the loss; zeros: softmax cross-entropy */
};
sk_status model_graph(struct arena *arena, const struct model_args *args, const struct model_request *request,
                      struct graph **graph);

/* ---- arguments (model_args.c) ---- */

/* What no family allows, and what this one has no use for. */
sk_status model_args_check(const struct model_family *family, const struct model_args *args);
/* The common part of families' defaults: 1000 classes, 3 x 224 x 224, width and depth 1, torch's batch norm. */
void model_args_imagenet(struct model_args *args);
/* Members of an open JSON object; and back. Unknown members are errors, missing ones keep the family's default. */
void model_args_write(const struct model_args *args, struct json_writer *writer);
sk_status model_args_read(const struct json *json, const char *what, struct model_args *args);
/* A row as it stands in recipes, "[3, 16, 16, 0, RE, 1]"; and back. */
void model_row_print(const struct model_row *row, struct text *text);
sk_status model_row_parse(const char *text, struct model_row *row);
/* Use rows instead of the family's own table: sets stages and strides, too, from item `stride` of each row. */
void model_args_rows(struct model_args *args, const struct model_row *rows, int64_t count);

/* Fresh weights and statistics, a function of (args, init, seed) alone (init.c). */
void model_initialise(const struct graph *graph, const struct model_args *args, enum model_init init, uint64_t seed,
                      float *params, float *state);
/* The same where `deviation` is above 0: then that of every kernel, a plain normal, whatever the rules say. */
void model_initialise_by(const struct graph *graph, const struct model_args *args, enum model_init init,
                         double deviation, uint64_t seed, float *params, float *state);

#endif
