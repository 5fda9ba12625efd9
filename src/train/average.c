/* average.c — torchvision's average_checkpoints: summed in f32 in the files' order, then divided.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/average.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

/* Equal arguments, or a sentence. Compared as they are written, so that none is forgotten. */
static sk_status check_kind(const struct network *a, const struct network *b, const char *first, const char *path) {
    struct json_writer of_a = {0}, of_b = {0};
    model_args_write(&a->args, &of_a);
    model_args_write(&b->args, &of_b);
    sk_status status = text_check(&of_a.text);
    if (status == SK_OK) status = text_check(&of_b.text);
    if (status == SK_OK && strcmp(of_a.text.data, of_b.text.data) != 0)
        status = status_fail(SK_ESHAPE, "%s is a %s with other arguments than %s: only models of one kind have a mean",
                             path, b->args.name, first);
    text_free(&of_a.text);
    text_free(&of_b.text);
    TRY(status);
    for (int64_t c = 0; a->classes && b->classes && c < a->args.num_classes; c++)
        FAIL_IF(strcmp(a->classes[c], b->classes[c]) != 0, SK_ESHAPE,
                "class %lld is \"%s\" in %s and \"%s\" in %s: their heads have no mean", (long long)c, b->classes[c], path,
                a->classes[c], first);
    return SK_OK;
}

static void add(float *sum, const float *more, int64_t count) {
    for (int64_t j = 0; j < count; j++) sum[j] += more[j];
}

static sk_status add_file(struct network *sum, const char *first, const char *path) {
    struct network *more;
    TRY(network_open(path, &more));
    sk_status status = check_kind(sum, more, first, path);
    if (status == SK_OK) {
        add(sum->params, more->params, sum->graph->param_elements);
        add(sum->state, more->state, sum->graph->state_elements);
    }
    network_free(more);
    return status;
}

static void divide(struct network *sum, size_t count) {
    const struct graph *graph = sum->graph;
    const float n = (float)count;
    for (int64_t j = 0; j < graph->param_elements; j++) sum->params[j] /= n;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        for (int64_t j = param->offset; param->state && j < param->offset + param->count; j++) {
            sum->state[j] /= n;
            if (param->kind == STATE_COUNTER) sum->state[j] = floorf(sum->state[j]);
        }
    }
}

/* What the file says of where it comes from. */
static sk_status describe(struct network *network, const char *const *paths, size_t count) {
    struct text text = {0};
    text_add(&text, "mean of ");
    for (size_t i = 0; i < count; i++) text_addf(&text, "%s%s", i ? ", " : "", paths[i]);
    if (network->provenance) text_addf(&text, "; the first: %s", network->provenance);
    sk_status status = text_check(&text);
    if (status == SK_OK) network->provenance = arena_strdup(&network->arena, text.data);
    if (status == SK_OK && !network->provenance) status = SK_EMEMORY;
    network->golden = NULL; /* the first file's own */
    text_free(&text);
    return status;
}

sk_status average_files(const char *const *paths, size_t count, struct network **network) {
    struct network *sum;
    TRY(network_open(paths[0], &sum));
    sk_status status = SK_OK;
    for (size_t i = 1; i < count && status == SK_OK; i++) status = add_file(sum, paths[0], paths[i]);
    if (status == SK_OK) {
        divide(sum, count);
        status = describe(sum, paths, count);
    }
    if (status == SK_OK)
        *network = sum;
    else
        network_free(sum);
    return status;
}
