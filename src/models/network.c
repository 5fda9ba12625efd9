/* network.c — a model with its weights: making, filling from named tensors, reading model files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/network.h"

#include <string.h>

static sk_status make(struct network *network, bool lent) {
    TRY(model_graph(&network->arena, &network->args, &(struct model_request){.batch = 1}, &network->graph));
    const struct graph *graph = network->graph;
    TRY((lent ? region_new_sparse : region_new)(&network->params_region, (size_t)graph->param_elements * sizeof(float)));
    TRY(region_new(&network->state_region, (size_t)graph->state_elements * sizeof(float)));
    network->params = network->params_region.data;
    network->state = network->state_region.data;
    if (lent) network->files = arena_array(&network->arena, graph->param_count + 1, sizeof *network->files);
    return !lent || network->files ? SK_OK : SK_EMEMORY;
}

static sk_status network_make(struct network **out, const struct model_args *args, bool lent) {
    struct network *network = block_new(sizeof *network);
    if (!network) return SK_EMEMORY;
    network->args = *args;
    sk_status status = make(network, lent);
    if (status == SK_OK)
        *out = network;
    else
        network_free(network);
    return status;
}

sk_status network_new(struct network **out, const struct model_args *args) {
    return network_make(out, args, false);
}

void network_free(struct network *network) {
    if (!network) return;
    network_settle(network);
    region_free(&network->params_region);
    region_free(&network->state_region);
    arena_free(&network->arena);
    block_free(network);
}

static sk_status take_tensor(struct network *network, const struct param *param, const struct tensor *tensor,
                             const char *what) {
    struct shape want = param_file_shape(param);
    char found[96], expected[96];
    FAIL_IF(!shape_equal(&tensor->shape, &want), SK_ESHAPE, "%s: %s has shape %s, but the model wants %s", what,
            tensor->name, shape_text(&tensor->shape, found, sizeof found),
            shape_text(&want, expected, sizeof expected));
    float *to = (param->state ? network->state : network->params) + param->offset;
    if (param->kind == STATE_COUNTER && tensor->dtype == I64) {
        int64_t count;
        memcpy(&count, tensor->data, sizeof count);
        FAIL_IF(count < 0 || count > 1 << 24, SK_EFORMAT,
                "%s: %s is %lld, which is no count of batches that siskin "
                "can keep",
                what, tensor->name, (long long)count);
        *to = (float)count;
        return SK_OK;
    }
    FAIL_IF(tensor->dtype == I64, SK_EFORMAT, "%s: %s holds integers, but the model wants numbers", what, tensor->name);
    bool packed = param->kind == PARAM_CONV || param->kind == PARAM_LINEAR; /* the others are small, or read as they are */
    if (tensor->dtype == F32 && network->files && packed) {
        network->files[param - network->graph->params] = tensor->data;
        return SK_OK;
    }
    if (tensor->dtype == F32) {
        param_from_file(param, tensor->data, to);
        return SK_OK;
    }
    struct region file; /* may be megabytes, and is gone at once */
    TRY(region_new(&file, (size_t)param->count * sizeof(float)));
    tensor_to_f32(tensor->dtype, tensor->data, file.data, param->count);
    param_from_file(param, file.data, to);
    region_free(&file);
    return SK_OK;
}

sk_status network_take(struct network *network, const struct weights *weights, const char *what) {
    const struct graph *graph = network->graph;
    size_t used = 0, next = 0; /* files mostly hold tensors in the graph's order */
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        const struct tensor *tensor = next < weights->count ? &weights->tensors[next] : NULL;
        if (!tensor || strcmp(tensor->name, param->name) != 0) tensor = weights_find(weights, param->name);
        next = tensor ? (size_t)(tensor - weights->tensors) + 1 : next;
        if (!tensor && param->kind == STATE_COUNTER) {
            network->state[param->offset] = 0;
            continue;
        }
        FAIL_IF(!tensor, SK_EFORMAT, "%s has no tensor %s, which a %s needs", what, param->name, network->args.name);
        TRY(take_tensor(network, param, tensor, what));
        if (!network->files) file_drop(&weights->bytes, tensor->data, (size_t)param->count * dtype_size(tensor->dtype));
        used++;
    }
    for (size_t i = 0; used < weights->count && i < weights->count; i++)
        FAIL_IF(!graph_find_param(graph, weights->tensors[i].name), SK_EFORMAT,
                "%s holds a tensor %s, which a %s has no use for; are the model's name and arguments right?", what,
                weights->tensors[i].name, network->args.name);
    return SK_OK;
}

static sk_status same_tensors(const struct graph *have, const struct graph *want, const char *what) {
    for (size_t i = 0; i < have->param_count || i < want->param_count; i++) {
        const struct param *a = i < have->param_count ? &have->params[i] : NULL;
        const struct param *b = i < want->param_count ? &want->params[i] : NULL;
        FAIL_IF(!a || !b || strcmp(a->name, b->name) != 0 || !shape_equal(&a->shape, &b->shape), SK_EUSAGE,
                "%s: the model's arguments are those of its weights; the changed ones want another %s", what,
                b ? b->name : a->name);
    }
    return SK_OK;
}

sk_status network_allows(const struct network *network, const struct model_args *args, const char *what) {
    struct arena arena = {0};
    struct graph *graph;
    sk_status status = model_graph(&arena, args, &(struct model_request){.batch = 1}, &graph);
    if (status == SK_OK) status = same_tensors(network->graph, graph, what);
    arena_free(&arena);
    return status;
}

static sk_status read_classes(struct network *network, const char *text, const char *what) {
    struct json *json;
    TRY(json_parse(&network->arena, text, strlen(text), what, &json));
    FAIL_IF(json->kind != JSON_ARRAY || (int64_t)json->count != network->args.num_classes, SK_EFORMAT,
            "%s: siskin.classes must be a list of %lld names", what, (long long)network->args.num_classes);
    network->classes = arena_array(&network->arena, json->count + 1, sizeof *network->classes);
    if (!network->classes) return SK_EMEMORY;
    size_t i = 0;
    for (const struct json *item = json->child; item; item = item->next) {
        FAIL_IF(item->kind != JSON_STRING, SK_EFORMAT, "%s: siskin.classes must hold names", what);
        network->classes[i++] = item->string;
    }
    return SK_OK;
}

/* Copy a metadata text that may be absent. */
static sk_status keep_text(struct network *network, const struct weights *weights, const char *key, const char **text) {
    const char *found = weights_metadata(weights, key);
    if (!found) return SK_OK;
    *text = arena_strdup(&network->arena, found);
    return *text ? SK_OK : SK_EMEMORY;
}

static sk_status fill(struct network *network, const struct weights *weights, const char *what) {
    TRY(network_take(network, weights, what));
    TRY(keep_text(network, weights, "siskin.preprocess", &network->preprocess));
    TRY(keep_text(network, weights, "siskin.recipe", &network->recipe));
    TRY(keep_text(network, weights, "siskin.provenance", &network->provenance));
    TRY(keep_text(network, weights, "siskin.golden", &network->golden));
    const char *classes = NULL;
    TRY(keep_text(network, weights, "siskin.classes", &classes));
    return classes ? read_classes(network, classes, what) : SK_OK;
}

static sk_status parse(struct arena *arena, const struct file_bytes *bytes, const char *what, bool lent,
                       struct network **out) {
    struct weights weights;
    TRY(safetensors_parse(arena, bytes->data, bytes->size, what, &weights));
    weights.bytes = *bytes;
    const char *text = weights_metadata(&weights, "siskin.model");
    FAIL_IF(!text, SK_EFORMAT,
            "%s holds weights but does not say of which model; `siskin import` makes a model file "
            "of it",
            what);
    struct json *json;
    TRY(json_parse(arena, text, strlen(text), what, &json));
    struct model_args args;
    TRY(model_args_read(json, what, &args));
    struct network *network;
    TRY(network_make(&network, &args, lent));
    sk_status status = fill(network, &weights, what);
    if (status == SK_OK)
        *out = network;
    else
        network_free(network);
    return status;
}

/* A lent network keeps what was parsed, for weights may lie there, too (those that the file does not align). */
static sk_status parse_file(const struct file_bytes *bytes, const char *what, bool lent, struct network **network) {
    struct arena arena = {0};
    sk_status status = parse(&arena, bytes, what, lent, network);
    if (status == SK_OK && lent)
        (*network)->file_arena = arena;
    else
        arena_free(&arena);
    return status;
}

sk_status network_parse(const void *bytes, size_t size, const char *what, struct network **network) {
    return parse_file(&(struct file_bytes){.data = bytes, .size = size}, what, false, network);
}

sk_status network_lend(const void *bytes, size_t size, const char *what, struct network **network) {
    return parse_file(&(struct file_bytes){.data = bytes, .size = size}, what, true, network);
}

sk_status network_open(const char *path, struct network **network) {
    struct file_bytes bytes;
    TRY(file_map(path, &bytes));
    sk_status status = parse_file(&bytes, path, false, network);
    file_unmap(&bytes);
    return status;
}

sk_status network_lend_file(const char *path, struct network **network) {
    struct file_bytes bytes;
    TRY(file_map(path, &bytes));
    sk_status status = parse_file(&bytes, path, true, network);
    if (status == SK_OK)
        (*network)->file = bytes;
    else
        file_unmap(&bytes);
    return status;
}

void network_settle(struct network *network) {
    network->files = NULL;
    if (network->file.data) file_unmap(&network->file);
    arena_free(&network->file_arena);
}
