/* network.h — a model with its weights: arguments, parameter and state blocks, and what its file says beside them.
 *
 * A model file is .safetensors whose metadata hold, as JSON, "siskin.model" (arguments), "siskin.preprocess",
 * "siskin.classes", "siskin.golden"; and as text "siskin.recipe", "siskin.provenance". Written by train/model_file.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_NETWORK_H
#define SK_MODELS_NETWORK_H

#include "files/safetensors.h"
#include "models/model.h"
#include "plan/cut.h"

struct network {
    struct arena arena;
    struct model_args args;
    struct graph *graph; /* inference at batch 1: names and layout of the blocks */
    struct region params_region, state_region;
    float *params, *state;
    const char **classes;   /* (args.num_classes), or NULL */
    const char *preprocess; /* JSON text for augment/preprocess.h, or NULL */
    const char *recipe;     /* the resolved recipe's text, or NULL */
    const char *provenance; /* where the weights come from, or NULL */
    const char *golden;     /* JSON text: an input's seed and its logits, or NULL */
    /* While a network is lent its file: see network_lend. */
    const float **files;    /* [parameter]: what was left in the file; NULL: all parameters are in the blocks */
    struct file_bytes file;
    struct arena file_arena;
};

/* A network whose blocks are zero: to be filled by model_initialise or network_take. */
sk_status network_new(struct network **network, const struct model_args *args);
void network_free(struct network *network); /* NULL is fine */

/* A model file in memory; `what` names it in sentences. The bytes are not kept. */
sk_status network_parse(const void *bytes, size_t size, const char *what, struct network **network);
sk_status network_open(const char *path, struct network **network);

/* The same for one runner that is made with `once`: convolutions' and linear layers' weights stay where the file holds them,
 * and the runner packs them from there. What else it needs of them it copies. After it is made, network_settle gives the
 * file back; the bytes must stay till then. A mapped file that another process cuts short meanwhile ends this one by SIGBUS, as
 * it would while it is copied: model files are replaced whole (file_replace), never written in place. */
sk_status network_lend(const void *bytes, size_t size, const char *what, struct network **network);
sk_status network_lend_file(const char *path, struct network **network);
void network_settle(struct network *network);

/* Take named tensors (torchvision's names, file order) into the blocks. A tensor that is missing, left over or of
 * another shape is an error; only num_batches_tracked may be missing (then 0). */
sk_status network_take(struct network *network, const struct weights *weights, const char *what);

/* Fails where these arguments want other tensors than the network has, and names one. */
sk_status network_allows(const struct network *network, const struct model_args *args, const char *what);

/* ---- running it ---- */

struct runner;
struct runner_options {
    int64_t batch;     /* largest; 0 = 1 */
    struct team *team; /* outlives the runner */
    bool no_passes;    /* reference run: unfused, every op by its reference, in double */
    bool once;         /* the weights are the runner's alone: those that it has its own form of are gone afterwards */
    bool profile;      /* time every phase; then all threads work on one batch, step by step */
    /* One side of a cut alone: pictures -> features, or features -> logits. */
    enum runner_side { RUNNER_WHOLE, RUNNER_BELOW, RUNNER_ABOVE } side;
    struct graph_cut cut;    /* of RUNNER_BELOW and RUNNER_ABOVE */
    const char *at;    /* give this layer's output (models/layer_name.h) instead of the logits; NULL: the logits */
};
/* Allocates everything; the network outlives the runner. */
sk_status runner_new(struct runner **runner, const struct network *network, const struct runner_options *options);
void runner_free(struct runner *runner);
/* After the weights changed. */
void runner_refresh(struct runner *runner);
/* n pictures (n,H,W,C), n <= batch -> logits (n,classes), or what options.at names. Allocates nothing. */
void runner_run(struct runner *runner, int64_t n, const float *images, float *outputs);
/* The shape of one picture's output, its first dimension being 1. */
struct shape runner_output(const struct runner *runner);
int64_t runner_input_floats(const struct runner *runner); /* of one picture, or of its features */

struct plan;
/* The plan of one lane, for a batch of runner_chunk pictures; NULL where no_passes. */
const struct plan *runner_plan(const struct runner *runner);
int64_t runner_chunk(const struct runner *runner);
/* Bytes of activations of all lanes, and the largest sum of them alive at once. */
void runner_memory(const struct runner *runner, size_t *peak, size_t *bound);

#endif
