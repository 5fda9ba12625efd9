/* onnx_export.c — the inference graph, walked op by op into an ONNX file, with its preprocessing and metadata.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/onnx_export.h"

#include <string.h>

#include "plan/passes.h"
#include "train/model_file.h"
#include "train/onnx_emit.h"

static struct onnx_port port_of(const struct onnx_options *options, const char *name, enum dtype dtype,
                                struct shape shape) {
    shape.dim[0] = options->batch ? options->batch : -1;
    return (struct onnx_port){name, dtype, shape};
}

/* Numbers of each channel as (C,1,1). */
static const char *channel_constant(struct onnx_emitter *e, const char *name, const float *numbers, int channels) {
    float *kept = arena_array(e->arena, (size_t)channels, sizeof *kept);
    if (!kept) {
        onnx_fail(e, SK_EMEMORY);
        return "";
    }
    memcpy(kept, numbers, (size_t)channels * sizeof *kept);
    return onnx_constant(e, name, (struct shape){3, {channels, 1, 1}}, kept);
}

/* u8 (N,H,W,C) -> (x / divisor - mean) / std in planes: the steps and their order are those of preprocess_apply. */
static const char *emit_normalisation(struct onnx_emitter *e, const struct preprocess *p, const char *x) {
    static const struct node here = {.name = "preprocess"};
    e->node = &here;
    struct onnx_node cast = {.op = "Cast", .in = {x}, .attribute = {{"to", ONNX_INTEGER, .integer = 1}}};
    x = onnx_emit(e, &cast);
    struct onnx_node turn = {.op = "Transpose",
                             .in = {x},
                             .attribute = {{.name = "perm", .kind = ONNX_LIST, .list = {0, 3, 1, 2}, .count = 4}}};
    x = onnx_emit(e, &turn);
    if (p->order == COLOUR_BGR && p->channels == 3) {
        struct onnx_node reverse = {.op = "Gather",
                                    .in = {x, onnx_integers(e, (const int64_t[]){2, 1, 0}, 3)},
                                    .attribute = {{"axis", ONNX_INTEGER, .integer = 1}}};
        x = onnx_emit(e, &reverse);
    }
    struct onnx_node scale = {.op = "Div", .in = {x, onnx_scalar(e, (double)p->divisor)}};
    x = onnx_emit(e, &scale);
    struct onnx_node shift = {.op = "Sub", .in = {x, channel_constant(e, "preprocess/mean", p->mean, p->channels)}};
    x = onnx_emit(e, &shift);
    struct onnx_node spread = {.op = "Div", .in = {x, channel_constant(e, "preprocess/std", p->std, p->channels)}};
    return onnx_emit(e, &spread);
}

static void emit_input(struct onnx_emitter *e, const struct onnx_options *options) {
    int image = graph_find_port(e->graph, "image");
    const int64_t *d = value_shape(e->graph, image)->dim;
    struct shape planes = {4, {1, d[3], d[1], d[2]}}, rows = {4, {1, d[1], d[2], d[3]}};
    struct onnx_port port =
        options->preprocess ? port_of(options, "image", U8, rows) : port_of(options, "image", F32, planes);
    onnx_input(&e->file, &port);
    const char *x = options->preprocess ? emit_normalisation(e, options->preprocess, "image") : "image";
    e->values[image].form[FORM_PLANES] = x;
}

static void emit_outputs(struct onnx_emitter *e, const struct onnx_options *options) {
    static const struct node here = {.name = "output"};
    struct shape shape = *value_shape(e->graph, e->logits);
    e->node = &here;
    const char *logits = onnx_form(e, e->logits, FORM_ROWS);
    if (strcmp(logits, "logits") != 0)
        onnx_emit(e, &(struct onnx_node){.op = "Identity", .output = "logits", .in = {logits}});
    struct onnx_port port = port_of(options, "logits", F32, shape);
    onnx_output(&e->file, &port);
    if (!options->softmax) return;
    onnx_emit(e, &(struct onnx_node){.op = "Softmax",
                                     .output = "probabilities",
                                     .in = {"logits"},
                                     .attribute = {{"axis", ONNX_INTEGER, .integer = 1}}});
    port = port_of(options, "probabilities", F32, shape);
    onnx_output(&e->file, &port);
}

/* Which values are parameters, so that ops may ask before they read. */
static sk_status begin(struct onnx_emitter *e) {
    e->values = arena_array(e->arena, e->graph->value_count, sizeof *e->values);
    if (!e->values) return SK_EMEMORY;
    for (size_t v = 0; v < e->graph->value_count; v++) e->values[v].param = e->graph->values[v].param;
    e->logits = graph_find_port(e->graph, "logits");
    return SK_OK;
}

static sk_status emit_all(struct onnx_emitter *e, const struct onnx_options *options, const char *path, size_t *nodes) {
    struct graph *graph;
    struct rewrite walk;
    struct weights about = {0};
    TRY(model_graph(e->arena, &e->network->args, &(struct model_request){.batch = 1}, &graph));
    if (!options->keep_norms) TRY(pass_fold_norm(e->arena, graph, &graph));
    e->graph = graph;
    TRY(begin(e));
    TRY(rewrite_begin(e->arena, graph, &walk)); /* for what is alive: a folded convolution leaves its old node behind */
    emit_input(e, options);
    for (size_t i = 0; i < graph->node_count; i++)
        if (walk.live[i]) TRY(onnx_emit_node(e, &graph->nodes[i]));
    emit_outputs(e, options);
    TRY(model_metadata(e->arena, e->network, &about));
    for (size_t i = 0; i < about.metadata_count; i++)
        onnx_metadata(&e->file, about.metadata[i].key, about.metadata[i].value);
    *nodes = e->file.node_count;
    return onnx_save(&e->file, e->network->args.name, path);
}

sk_status onnx_export(const struct network *network, const struct onnx_options *options, const char *path,
                      size_t *nodes) {
    struct arena arena = {0};
    struct onnx_emitter emitter = {.file = {.arena = &arena}, .arena = &arena, .network = network};
    sk_status status = emit_all(&emitter, options, path, nodes);
    onnx_free(&emitter.file);
    arena_free(&arena);
    return status;
}
