/* verb_run.c — siskin run: .npy in, .npy out, planned for the shape of the array.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/team.h"
#include "files/npy.h"
#include "verbs/model_arg.h"

const struct option options_run[] = {
    {"input", 'i', "X.npy", "float32 (N,C,H,W), already preprocessed."},
    {"output", 'o', "Y.npy", "The logits, float32 (N,classes)."},
    {"layout", 0, "nchw|nhwc", "Order of the input's dimensions; nchw by default."},
    {"reference", 0, NULL, "Every op by its reference, in double."},
    {0},
};

/* (N,C,H,W) -> (N,H,W,C) */
static float *to_nhwc(struct arena *arena, const float *x, int64_t n, int64_t c, int64_t hw) {
    float *y = arena_array(arena, (size_t)(n * c * hw), sizeof *y);
    for (int64_t i = 0; y && i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t p = 0; p < hw; p++) y[(i * hw + p) * c + k] = x[(i * c + k) * hw + p];
    return y;
}

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
    struct runner_options options = {.batch = n, .team = team, .no_passes = call_switch(call, "reference")};
    const float *images = nhwc ? x->data : to_nhwc(&call->arena, x->data, n, c, h * w);
    struct tensor y = {.name = "", .dtype = F32, .shape = {2, {n, network->args.num_classes}}};
    y.data = arena_array(&call->arena, (size_t)(n * network->args.num_classes), sizeof(float));
    if (!images || !y.data) return SK_EMEMORY;
    TRY(runner_new(&runner, network, &options));
    runner_run(runner, n, images, y.data);
    runner_free(runner);
    const char *output;
    TRY(call_need(call, "output", &output));
    TRY(npy_save(output, &y));
    jw_string(&call->json, "output", output);
    jw_array(&call->json, "shape");
    jw_integer(&call->json, NULL, n);
    jw_integer(&call->json, NULL, network->args.num_classes);
    jw_end_array(&call->json);
    call_result(call, "%s: (%lld, %lld) logits", output, (long long)n, (long long)network->args.num_classes);
    return SK_OK;
}

sk_status verb_run(struct call *call) {
    const char *input, *output;
    struct network *network = NULL;
    struct team *team = NULL;
    struct tensor x;
    bool nhwc;
    int threads;
    TRY(call_need(call, "input", &input));
    TRY(call_need(call, "output", &output));
    TRY(call_threads(call, &threads));
    TRY(read_input(call, input, &x, &nhwc));
    sk_status status = model_open(call, call->arguments[0], true, &network);
    if (status == SK_OK) status = team_new(&team, threads);
    if (status == SK_OK) status = run_input(call, network, team, &x, nhwc);
    team_free(team);
    network_free(network);
    return status;
}
