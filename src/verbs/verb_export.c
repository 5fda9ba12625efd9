/* verb_export.c — siskin export: a model's tensors under torchvision's names, bit by bit as they are; or as ONNX.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "files/weights.h"
#include "train/model_file.h"
#include "files/onnx_write.h"
#include "train/onnx_export.h"
#include "verbs/model_arg.h"
#include "verbs/scored_part.h"

const struct option options_export[] = {
    {"out", 'o', "FILE", "FILE.pth, FILE.safetensors or FILE.onnx."},
    {"weights", 0, "NAME", "Of a run: best, last, best_ema, last_ema or average; by default its best."},
    {"batch", 0, "N", "ONNX: a fixed batch; otherwise its size stays open."},
    {"no-fold-norm", 0, NULL, "ONNX: keep batch-norms as nodes; otherwise they go into the weights."},
    {"softmax", 0, NULL, "ONNX: a second output, the probabilities."},
    {"preprocess", 0, NULL, "ONNX: u8 (N,H,W,C) of the crop's size in; the normalisation alone is inside."},
    {0},
};

/* What only a graph has is refused for files of tensors. */
static sk_status check_options(const struct call *call, const char *out, bool onnx) {
    static const char *const of_onnx[] = {"batch", "no-fold-norm", "softmax", "preprocess"};
    const char *extension = path_extension(out);
    FAIL_IF(!onnx && strcmp(extension, ".pth") != 0 && strcmp(extension, ".pt") != 0 &&
                strcmp(extension, ".safetensors") != 0,
            SK_EUSAGE, "--out %s: the name must end in .pth, .safetensors or .onnx, which says the format", out);
    for (size_t i = 0; !onnx && i < sizeof of_onnx / sizeof *of_onnx; i++)
        FAIL_IF(call_switch(call, of_onnx[i]), SK_EUSAGE, "--%s goes with .onnx alone, but --out is %s", of_onnx[i],
                out);
    return SK_OK;
}

static sk_status export_tensors(struct call *call, const struct network *network, const char *out) {
    struct weights weights;
    TRY(model_tensors(&call->arena, network, &weights));
    TRY(weights_save(out, &weights));
    jw_integer(&call->json, "tensors", (int64_t)weights.count);
    call_result(call, "%s: %zu tensors, %lld parameters", out, weights.count,
                (long long)graph_parameter_count(network->graph));
    return SK_OK;
}

static sk_status export_onnx(struct call *call, const struct network *network, const char *out) {
    struct onnx_options options = {.keep_norms = call_switch(call, "no-fold-norm"),
                                   .softmax = call_switch(call, "softmax")};
    struct preprocess preprocess;
    size_t nodes;
    TRY(call_integer(call, "batch", 1, 65536, 0, &options.batch));
    if (call_switch(call, "preprocess")) {
        TRY(model_preprocess(call, network, &preprocess));
        options.preprocess = &preprocess;
    }
    TRY(onnx_export(network, &options, out, &nodes));
    jw_integer(&call->json, "nodes", (int64_t)nodes);
    jw_integer(&call->json, "opset", ONNX_OPSET);
    call_result(call, "%s: %zu nodes, opset %d, %lld parameters", out, nodes, ONNX_OPSET,
                (long long)graph_parameter_count(network->graph));
    return SK_OK;
}

sk_status verb_export(struct call *call) {
    const char *out;
    struct network *network;
    TRY(call_need(call, "out", &out));
    bool onnx = strcmp(path_extension(out), ".onnx") == 0;
    TRY(check_options(call, out, onnx));
    struct scored_model model;
    TRY(scored_model(call, call->arguments[0], &model));
    TRY(model_open(call, model.path, true, &network));
    sk_status status = onnx ? export_onnx(call, network, out) : export_tensors(call, network, out);
    if (status == SK_OK) {
        jw_string(&call->json, "out", out);
        jw_integer(&call->json, "parameters", graph_parameter_count(network->graph));
    }
    network_free(network);
    return status;
}
