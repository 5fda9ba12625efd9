/* model.h — architectures by name: their arguments, and the graph they say.
 *
 * To add a family: one file src/models/<name>.c that defines `const struct model_family family_<name>`, and one row
 * in models.def. Argument names are torchvision's. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_MODEL_H
#define SK_MODELS_MODEL_H

#include "base/json.h"
#include "ops/build.h"

enum { MODEL_STAGES = 16 };
enum model_init { INIT_TORCHVISION, INIT_TF };

/* Everything that decides a network's graph; plain data, kept in model files as JSON. */
struct model_args {
    char name[64];
    int64_t num_classes, height, width, in_channels, round_nearest;
    double width_mult, dropout, stochastic_depth;
    int64_t stem_stride;
    int64_t strides[MODEL_STAGES]; /* stride of each stage's first block */
    int64_t stages;
    double norm_eps, norm_momentum; /* torch's convention */
    bool norm_unbiased;
    bool same_padding; /* TF SAME rather than torch's symmetric padding */
};

struct model_family {
    const char *name;
    void (*defaults)(struct model_args *args); /* the published network */
    sk_status (*check)(const struct model_args *args);
    /* image (N,H,W,C) -> logits (N,classes); training: batch statistics, dropout. Failures mark the graph. */
    int (*build)(struct graph *graph, const struct model_args *args, int image, bool training);
    /* The standard deviation rule of each parameter; see models/init.h. */
    const char *classifier; /* name of the last linear layer, "classifier.1" */
};

const struct model_family *const *model_table(size_t *count);
/* The family of that name, or a failure that names the nearest. */
sk_status model_find(const char *name, const struct model_family **family);
sk_status model_defaults(const char *name, struct model_args *args);

/* The graph of a model for a batch: ports "image", "logits", and with a loss "target", "loss". */
struct model_request {
    int64_t batch;
    bool training, loss;
};
sk_status model_graph(struct arena *arena, const struct model_args *args, const struct model_request *request,
                      struct graph **graph);

/* Members of an open JSON object; and back. Unknown members are errors, missing ones keep the family's default. */
void model_args_write(const struct model_args *args, struct json_writer *writer);
sk_status model_args_read(const struct json *json, const char *what, struct model_args *args);

/* Fresh weights and statistics, a function of (args, seed) alone. */
void model_initialise(const struct graph *graph, enum model_init init, uint64_t seed, float *params, float *state);

#endif
