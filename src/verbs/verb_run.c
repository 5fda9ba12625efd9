/* verb_run.c — siskin run: .npy in, .npy out, planned for the shape of the array; the logits or any layer's output.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/team.h"
#include "files/npy.h"
#include "models/layer_name.h"
#include "verbs/array_order.h"
#include "verbs/model_arg.h"

const struct option options_run[] = {
    {"input", 'i', "X.npy", "float32 (N,C,H,W), already preprocessed."},
    {"output", 'o', "Y.npy", "The logits, float32 (N,classes); or what --at names."},
    {"at", 0, "LAYER", "Write this layer's output instead: a name, or a group of names as features.13."},
    {"list", 0, NULL, "List the layers with their shapes; runs nothing."},
    {"layout", 0, "nchw|nhwc", "Order of the dimensions of pictures and maps, in and out; nchw by default."},
    {"reference", 0, NULL, "Every op by its reference, in double."},
    {0},
};

static sk_status read_input(struct call *call, const char *path, struct tensor *x, bool *nhwc) {
    const char *layout = call_option(call, "layout");
    *nhwc = layout && strcmp(layout, "nhwc") == 0;
    FAIL_IF(layout && !*nhwc && strcmp(layout, "nchw") != 0, SK_EUSAGE, "--layout %s: expected nchw or nhwc", layout);
    TRY(npy_open(&call->arena, path, x));
    char shape[96];
    FAIL_IF(x->shape.rank != 4 || x->dtype != F32, SK_ESHAPE, "%s holds %s %s; expected f32 with four dimensions, %s",
            path, dtype_name(x->dtype), shape_text(&x->shape, shape, sizeof shape), *nhwc ? "(N,H,W,C)" : "(N,C,H,W)");
    FAIL_IF(shape_elements(&x->shape) == 0, SK_ESHAPE, "%s is empty", path);
    return SK_OK;
}

/* The numbers as they are to be written, and their shape. */
static sk_status order_output(struct arena *arena, bool nhwc, struct tensor *y) {
    struct shape *s = &y->shape;
    if (s->rank != 4 || nhwc) return SK_OK;
    y->data = array_turned(arena, y->data, s->dim[0], s->dim[1] * s->dim[2], s->dim[3]);
    *s = (struct shape){4, {s->dim[0], s->dim[3], s->dim[1], s->dim[2]}};
    return y->data ? SK_OK : SK_EMEMORY;
}

static sk_status write_output(struct call *call, const char *path, bool nhwc, struct tensor *y) {
    const char *at = call_option(call, "at"), *order = y->shape.rank != 4 ? "" : nhwc ? ", nhwc" : ", nchw";
    char shape[96];
    TRY(order_output(&call->arena, nhwc, y));
    TRY(npy_save(path, y));
    jw_string(&call->json, "output", path);
    if (at) jw_string(&call->json, "at", at);
    jw_array(&call->json, "shape");
    for (int d = 0; d < y->shape.rank; d++) jw_integer(&call->json, NULL, y->shape.dim[d]);
    jw_end_array(&call->json);
    if (y->shape.rank == 4) jw_string(&call->json, "layout", nhwc ? "nhwc" : "nchw");
    call_result(call, "%s: %s %s%s", path, shape_text(&y->shape, shape, sizeof shape), at ? at : "logits", order);
    return SK_OK;
}

static sk_status run_input(struct call *call, struct network *network, struct team *team, const struct tensor *x,
                           bool nhwc) {
    const int64_t *d = x->shape.dim;
    int64_t n = d[0], h = nhwc ? d[1] : d[2], w = nhwc ? d[2] : d[3], c = nhwc ? d[3] : d[1];
    FAIL_IF(c != network->args.in_channels, SK_ESHAPE,
            "the input has %lld channels, but the model takes %lld; is it %s?", (long long)c,
            (long long)network->args.in_channels, nhwc ? "nchw" : "nhwc");
    network->args.height = h;
    network->args.width = w;
    struct runner *runner;
    struct runner_options options = {
        .batch = n, .team = team, .no_passes = call_switch(call, "reference"), .at = call_option(call, "at")};
    const float *images = nhwc ? x->data : array_turned(&call->arena, x->data, n, c, h * w);
    if (!images) return SK_EMEMORY;
    TRY(runner_new(&runner, network, &options));
    struct tensor y = {.name = "", .dtype = F32, .shape = runner_output(runner)};
    y.data = arena_array(&call->arena, (size_t)(n * shape_elements(&y.shape)), sizeof(float));
    y.shape.dim[0] = n;
    if (y.data) runner_run(runner, n, images, y.data);
    runner_free(runner);
    return y.data ? write_output(call, call_option(call, "output"), nhwc, &y) : SK_EMEMORY;
}

/* ---- the layers ---- */

static sk_status list_layers(struct call *call, const struct network *network) {
    struct graph *graph;
    const char **names;
    size_t count;
    int value;
    char shape[96];
    TRY(model_graph(&call->arena, &network->args, &(struct model_request){.batch = 1}, &graph));
    TRY(layer_names(&call->arena, graph, &names, &count));
    jw_array(&call->json, "layers");
    for (size_t i = 0; i < count; i++) {
        TRY(layer_find(graph, names[i], &value));
        const struct shape *s = value_shape(graph, value);
        jw_object(&call->json, NULL);
        jw_string(&call->json, "name", names[i]);
        jw_array(&call->json, "output");
        for (int d = 0; d < s->rank; d++) jw_integer(&call->json, NULL, s->dim[d]);
        jw_end_array(&call->json);
        jw_end_object(&call->json);
        call_result(call, "%-32s %s", names[i], shape_text(s, shape, sizeof shape));
    }
    jw_end_array(&call->json);
    return SK_OK;
}

/* ---- the work ---- */

static sk_status run(struct call *call, struct network *network) {
    struct team *team;
    struct tensor x;
    bool nhwc;
    int threads;
    TRY(call_threads(call, &threads));
    TRY(read_input(call, call_option(call, "input"), &x, &nhwc));
    TRY(team_new(&team, threads));
    sk_status status = run_input(call, network, team, &x, nhwc);
    team_free(team);
    return status;
}

sk_status verb_run(struct call *call) {
    const char *path;
    struct network *network;
    bool list = call_switch(call, "list");
    if (!list) TRY(call_need(call, "input", &path));
    if (!list) TRY(call_need(call, "output", &path));
    TRY(model_open(call, call->arguments[0], !list, &network));
    sk_status status = list ? list_layers(call, network) : run(call, network);
    network_free(network);
    return status;
}
