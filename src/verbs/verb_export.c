/* verb_export.c — siskin export: a model's tensors under torchvision's names, bit by bit as they are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "files/weights.h"
#include "train/model_file.h"
#include "verbs/model_arg.h"

const struct option options_export[] = {
    {"out", 'o', "FILE", "FILE.pth or FILE.safetensors."},
    {0},
};

sk_status verb_export(struct call *call) {
    const char *out;
    struct network *network;
    struct weights weights;
    TRY(call_need(call, "out", &out));
    const char *extension = path_extension(out);
    FAIL_IF(strcmp(extension, ".pth") != 0 && strcmp(extension, ".pt") != 0 && strcmp(extension, ".safetensors") != 0,
            SK_EUSAGE, "--out %s: the name must end in .pth or .safetensors, which says the format", out);
    TRY(model_open(call, call->arguments[0], true, &network));
    sk_status status = model_tensors(&call->arena, network, &weights);
    if (status == SK_OK) status = weights_save(out, &weights);
    if (status == SK_OK) {
        jw_string(&call->json, "out", out);
        jw_integer(&call->json, "tensors", (int64_t)weights.count);
        jw_integer(&call->json, "parameters", graph_parameter_count(network->graph));
        call_result(call, "%s: %zu tensors, %lld parameters", out, weights.count,
                    (long long)graph_parameter_count(network->graph));
    }
    network_free(network);
    return status;
}
