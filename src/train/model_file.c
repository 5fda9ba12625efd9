/* model_file.c — a network as a model file, with a golden input whose logits can be replayed.
 *
 * The golden input is noise made from a seed, so that it costs the file nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/model_file.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "files/seal.h"
#include "files/weights.h"

enum { GOLDEN_LOGITS = 64, GOLDEN_SEED = 20260101 };

sk_status model_tensors(struct arena *arena, const struct network *network, struct weights *weights) {
    const struct graph *graph = network->graph;
    *weights = (struct weights){0};
    weights->tensors = arena_array(arena, graph->param_count + 1, sizeof *weights->tensors);
    if (!weights->tensors) return SK_EMEMORY;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        const float *from = (param->state ? network->state : network->params) + param->offset;
        struct tensor *tensor = &weights->tensors[weights->count++];
        *tensor = (struct tensor){.name = param->name, .dtype = F32, .shape = param_file_shape(param)};
        if (param->kind == STATE_COUNTER) {
            int64_t *count = arena_alloc(arena, sizeof *count);
            if (!count) return SK_EMEMORY;
            *count = (int64_t)*from;
            tensor->dtype = I64;
            tensor->data = count;
        } else {
            tensor->data = arena_array(arena, (size_t)param->count, sizeof(float));
            if (!tensor->data) return SK_EMEMORY;
            param_to_file(param, from, tensor->data);
        }
    }
    return SK_OK;
}

/* The logits of the golden input: at most GOLDEN_LOGITS of them, evenly spread. */
static sk_status golden_logits(const struct network *network, struct team *team, int64_t seed, float *kept,
                               int64_t *count) {
    const struct model_args *args = &network->args;
    int64_t floats = args->height * args->width * args->in_channels;
    struct arena arena = {0};
    struct runner *runner = NULL;
    float *image = arena_array(&arena, (size_t)floats, sizeof *image);
    float *logits = arena_array(&arena, (size_t)args->num_classes, sizeof *logits);
    sk_status status = image && logits ? SK_OK : SK_EMEMORY;
    if (status == SK_OK) status = runner_new(&runner, network, &(struct runner_options){.batch = 1, .team = team});
    if (status == SK_OK) {
        struct rng rng = rng_at((uint64_t)seed, RNG_TEST, 0, 0);
        for (int64_t j = 0; j < floats; j++) image[j] = 2 * rng_float(&rng) - 1;
        runner_run(runner, 1, image, logits);
        *count = args->num_classes < GOLDEN_LOGITS ? args->num_classes : GOLDEN_LOGITS;
        for (int64_t i = 0; i < *count; i++) kept[i] = logits[i * args->num_classes / *count];
    }
    runner_free(runner);
    arena_free(&arena);
    return status;
}

static sk_status add_metadata(struct arena *arena, struct weights *weights, const char *key, const char *value) {
    if (!value) return SK_OK;
    size_t capacity = weights->metadata_count; /* few: grown one by one */
    struct weights_pair *grown = arena_grow(arena, weights->metadata, &capacity, capacity + 1, sizeof *grown);
    if (!grown) return SK_EMEMORY;
    weights->metadata = grown;
    weights->metadata[weights->metadata_count++] = (struct weights_pair){key, value};
    return SK_OK;
}

static sk_status finish_text(struct arena *arena, struct json_writer *writer, const char **text) {
    sk_status status = text_check(&writer->text);
    if (status == SK_OK) {
        *text = arena_strdup(arena, writer->text.data);
        if (!*text) status = SK_EMEMORY;
    }
    text_free(&writer->text);
    return status;
}

static sk_status golden_text(struct arena *arena, const struct network *network, struct team *team, const char **text) {
    float kept[GOLDEN_LOGITS];
    int64_t count;
    TRY(golden_logits(network, team, GOLDEN_SEED, kept, &count));
    struct json_writer writer = {0};
    jw_object(&writer, NULL);
    jw_integer(&writer, "seed", GOLDEN_SEED);
    jw_array(&writer, "logits");
    for (int64_t i = 0; i < count; i++) jw_float(&writer, NULL, kept[i]);
    jw_end_array(&writer);
    jw_end_object(&writer);
    return finish_text(arena, &writer, text);
}

sk_status model_metadata(struct arena *arena, const struct network *network, struct weights *weights) {
    const char *model, *classes = NULL;
    struct json_writer writer = {0};
    jw_object(&writer, NULL);
    model_args_write(&network->args, &writer);
    jw_end_object(&writer);
    TRY(finish_text(arena, &writer, &model));
    if (network->classes) {
        writer = (struct json_writer){0};
        jw_array(&writer, NULL);
        for (int64_t i = 0; i < network->args.num_classes; i++) jw_string(&writer, NULL, network->classes[i]);
        jw_end_array(&writer);
        TRY(finish_text(arena, &writer, &classes));
    }
    TRY(add_metadata(arena, weights, "siskin.version", sk_version()));
    TRY(add_metadata(arena, weights, "siskin.model", model));
    TRY(add_metadata(arena, weights, "siskin.preprocess", network->preprocess));
    TRY(add_metadata(arena, weights, "siskin.classes", classes));
    TRY(add_metadata(arena, weights, "siskin.provenance", network->provenance));
    return add_metadata(arena, weights, "siskin.recipe", network->recipe);
}

static sk_status add_golden(struct arena *arena, const struct network *network, struct team *team,
                            struct weights *weights) {
    const char *golden;
    TRY(golden_text(arena, network, team, &golden));
    return add_metadata(arena, weights, "siskin.golden", golden);
}

/* Last: it covers the rest. */
static sk_status add_seal(struct arena *arena, struct weights *weights) {
    char *text = arena_alloc(arena, SHA256_TEXT);
    if (!text) return SK_EMEMORY;
    TRY(seal_compute(weights, text));
    return add_metadata(arena, weights, SEAL_KEY, text);
}

sk_status model_file_save(const struct network *network, struct team *team, const char *path) {
    struct arena arena = {0};
    struct weights weights;
    sk_status status = model_tensors(&arena, network, &weights);
    if (status == SK_OK) status = model_metadata(&arena, network, &weights);
    if (status == SK_OK) status = add_golden(&arena, network, team, &weights);
    if (status == SK_OK) status = add_seal(&arena, &weights);
    if (status == SK_OK) status = safetensors_save(path, &weights);
    arena_free(&arena);
    return status;
}

static sk_status replay(struct arena *arena, const struct network *network, struct team *team, double *difference) {
    FAIL_IF(!network->golden, SK_EFORMAT, "the model file has no golden logits to replay");
    struct json *json;
    TRY(json_parse(arena, network->golden, strlen(network->golden), "siskin.golden", &json));
    const struct json *logits = json_get(json, "logits");
    float kept[GOLDEN_LOGITS];
    int64_t count, i = 0;
    TRY(golden_logits(network, team, json_integer(json, "seed", GOLDEN_SEED), kept, &count));
    FAIL_IF(!logits || logits->kind != JSON_ARRAY || (int64_t)logits->count != count, SK_EFORMAT,
            "siskin.golden must hold %lld logits", (long long)count);
    double worst = 0, largest = 0;
    for (const struct json *item = logits->child; item; item = item->next, i++) {
        double d = fabs(kept[i] - item->number);
        if (!(d <= worst)) worst = d;
        if (fabs(item->number) > largest) largest = fabs(item->number);
    }
    *difference = largest > 0 ? worst / largest : worst;
    return SK_OK;
}

static sk_status check(struct arena *arena, const struct file_bytes *bytes, const char *path, struct team *team,
                       struct model_check *result) {
    struct weights weights;
    struct network *network;
    TRY(safetensors_parse(arena, bytes->data, bytes->size, path, &weights));
    TRY(network_parse(bytes->data, bytes->size, path, &network));
    sk_status status = seal_check(&weights, path);
    if (status == SK_OK) {
        memcpy(result->model, network->args.name, sizeof result->model);
        status = model_file_replay(network, team, &result->difference);
        if (status != SK_OK) status_prefix(status, "%s", path);
    }
    network_free(network);
    return status;
}

sk_status model_file_check(const char *path, struct team *team, struct model_check *result) {
    struct arena arena = {0};
    struct file_bytes bytes;
    TRY(file_map(path, &bytes));
    sk_status status = check(&arena, &bytes, path, team, result);
    file_unmap(&bytes);
    arena_free(&arena);
    return status;
}

sk_status model_file_replay(const struct network *network, struct team *team, double *difference) {
    struct arena arena = {0};
    sk_status status = replay(&arena, network, team, difference);
    arena_free(&arena);
    return status;
}
