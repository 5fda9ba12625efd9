/* onnx_emit.h — one network on its way into an ONNX file: what the functions that emit single ops share.
 *
 * Ours is NHWC, ONNX is NCHW. A value has up to two forms there, made when somebody asks for them: `planes`, (N,C,H,W)
 * or (N,C,1,1), and `rows`, (N,H,W,C) or (N,C). So a transpose stands only between ops that disagree, and ConvNeXt
 * comes out with two of them a block, as from PyTorch. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_ONNX_EMIT_H
#define SK_TRAIN_ONNX_EMIT_H

#include "files/onnx_write.h"
#include "models/network.h"

enum onnx_form { FORM_PLANES, FORM_ROWS, FORM_COUNT };

struct onnx_value {
    const char *form[FORM_COUNT]; /* names in the file, NULL: not asked for yet */
    const float *folded;          /* a parameter computed from others, in memory order; NULL: not one */
    int param;                    /* the parameter whose layout and name it has */
};

struct onnx_emitter {
    struct onnx_file file;
    struct arena *arena;
    const struct network *network;
    const struct graph *graph;
    const struct node *node;   /* the one that is being said */
    struct onnx_value *values; /* [value of graph] */
    const char **names;        /* every tensor named so far */
    size_t name_count, name_capacity;
    int logits; /* the value whose rows are called "logits" */
};

/* Say a node of the graph in ONNX; one row of the table in onnx_ops.c an op. */
typedef void onnx_emission(struct onnx_emitter *emitter);
sk_status onnx_emit_node(struct onnx_emitter *emitter, const struct node *node);

/* Mark the file as failed, with the thread's last sentence. */
void onnx_fail(struct onnx_emitter *emitter, sk_status status);
/* Append an ONNX node whose output is named after the graph's node and the ONNX op. Returns that name. */
const char *onnx_emit(struct onnx_emitter *emitter, const struct onnx_node *node);
/* The same, and its output is the value that the graph's node makes. */
void onnx_finish(struct onnx_emitter *emitter, enum onnx_form form, const struct onnx_node *node);
/* Say that the graph's node is the identity: its output has the forms of `value`. */
void onnx_pass(struct onnx_emitter *emitter, int value);

/* A value's name in a form, converted where it is not there yet. */
const char *onnx_form(struct onnx_emitter *emitter, int value, enum onnx_form form);
bool onnx_has_form(const struct onnx_emitter *emitter, int value, enum onnx_form form);

/* A parameter as a constant tensor: in file order with its own shape, or (shape given) with another one. */
const char *onnx_param(struct onnx_emitter *emitter, int value, const struct shape *shape);
/* The same in memory order. */
const char *onnx_param_as_stored(struct onnx_emitter *emitter, int value, struct shape shape);
/* A constant scalar; and a constant list of whole numbers. */
const char *onnx_scalar(struct onnx_emitter *emitter, double number);
const char *onnx_integers(struct onnx_emitter *emitter, const int64_t *list, int count);
/* A tensor of the caller's: its data must live in the emitter's arena. */
const char *onnx_constant(struct onnx_emitter *emitter, const char *name, struct shape shape, const float *data);

#endif
