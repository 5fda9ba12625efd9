/* sk_model.c — the small library's public calls: load a model file, preprocess a picture, run.
 *
 * Everything that a run needs is made by loading: sk_run allocates nothing. SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "augment/preprocess.h"
#include "base/cpu.h"
#include "base/team.h"
#include "models/network.h"

struct sk_model {
    struct network *network;
    struct team *team;
    struct runner *runner;
    struct preprocess preprocess;
    struct scratch scratch; /* of sk_preprocess; grows to the largest picture seen */
    bool has_preprocess;
    int batch;
};

/* The file's preprocessing; for another input size resize and crop keep their proportion. */
static sk_status read_preprocess(struct sk_model *model) {
    const struct network *network = model->network;
    if (!network->preprocess) return SK_OK;
    struct arena arena = {0};
    struct json *json;
    struct preprocess *p = &model->preprocess;
    sk_status status = json_parse(&arena, network->preprocess, strlen(network->preprocess), "siskin.preprocess", &json);
    if (status == SK_OK) status = preprocess_read(json, p);
    arena_free(&arena);
    TRY(status);
    preprocess_scale(p, (int)network->args.height, (int)network->args.width);
    FAIL_IF(p->channels != network->args.in_channels, SK_EFORMAT,
            "the model takes %lld channels, but its preprocessing gives %d", (long long)network->args.in_channels,
            p->channels);
    model->has_preprocess = true;
    return SK_OK;
}

static sk_status check_options(const struct sk_load_options *o) {
    FAIL_IF(o->threads < 0 || o->threads > 1024, SK_EUSAGE, "%d threads; expected 0 to 1024", o->threads);
    FAIL_IF(o->batch < 0 || o->batch > 65536, SK_EUSAGE, "a batch of %d; expected 0 to 65536", o->batch);
    FAIL_IF(o->height < 0 || o->width < 0, SK_EUSAGE, "an input of %d x %d pixels", o->height, o->width);
    return SK_OK;
}

static sk_status prepare(struct sk_model *model, const struct sk_load_options *o) {
    struct model_args *args = &model->network->args;
    if (o->height) args->height = o->height;
    if (o->width) args->width = o->width;
    TRY(read_preprocess(model));
    TRY(team_new(&model->team, o->threads ? o->threads : cpu_cores()));
    model->batch = o->batch ? o->batch : 1;
    TRY(runner_new(&model->runner, model->network,
                   &(struct runner_options){.batch = model->batch, .team = model->team, .once = true}));
    network_settle(model->network);
    return SK_OK;
}

/* Takes the network, also on failure. */
static sk_status make_model(struct network *network, const struct sk_load_options *options, sk_model **out) {
    struct sk_model *model = block_new(sizeof *model);
    if (!model) {
        network_free(network);
        return SK_EMEMORY;
    }
    model->network = network;
    sk_status status = prepare(model, options);
    if (status == SK_OK)
        *out = model;
    else
        sk_free(model);
    return status;
}

sk_status sk_load(const void *bytes, size_t size, const struct sk_load_options *options, sk_model **model) {
    struct sk_load_options defaults = {0};
    struct network *network;
    *model = NULL;
    FAIL_IF(!bytes, SK_EUSAGE, "sk_load was given no bytes");
    if (!options) options = &defaults;
    TRY(check_options(options));
    TRY(network_lend(bytes, size, "the model", &network));
    return make_model(network, options, model);
}

sk_status sk_load_file(const char *path, const struct sk_load_options *options, sk_model **model) {
    struct sk_load_options defaults = {0};
    struct network *network;
    *model = NULL;
    FAIL_IF(!path, SK_EUSAGE, "sk_load_file was given no path");
    if (!options) options = &defaults;
    TRY(check_options(options));
    TRY(network_lend_file(path, &network));
    return make_model(network, options, model);
}

void sk_free(sk_model *model) {
    if (!model) return;
    runner_free(model->runner);
    team_free(model->team);
    network_free(model->network);
    scratch_free(&model->scratch);
    block_free(model);
}

void sk_input_shape(const sk_model *model, int64_t nhwc[4]) {
    const struct model_args *args = &model->network->args;
    nhwc[0] = model->batch;
    nhwc[1] = args->height;
    nhwc[2] = args->width;
    nhwc[3] = args->in_channels;
}

int64_t sk_class_count(const sk_model *model) {
    return model->network->args.num_classes;
}

const char *sk_class_name(const sk_model *model, int64_t index) {
    const struct network *network = model->network;
    return network->classes && index >= 0 && index < network->args.num_classes ? network->classes[index] : NULL;
}

sk_status sk_run(sk_model *model, int n, const float *input, float *logits) {
    FAIL_IF(n < 1 || n > model->batch, SK_EUSAGE, "a run of %d pictures; the model was loaded for 1 to %d", n,
            model->batch);
    runner_run(model->runner, n, input, logits);
    return SK_OK;
}

sk_status sk_preprocess(sk_model *model, const uint8_t *pixels, int height, int width, int channels, float *input) {
    FAIL_IF(!model->has_preprocess, SK_EFORMAT, "the model file does not say how its pictures are preprocessed");
    FAIL_IF(height < 1 || width < 1 || height > INT_MAX / 4 / width, SK_EUSAGE, "a picture of %d x %d pixels", height,
            width);
    FAIL_IF(channels != 1 && channels != 3, SK_EUSAGE, "a picture of %d channels; expected 1 (grey) or 3 (RGB)",
            channels);
    struct picture picture = {(uint8_t *)(uintptr_t)pixels, height, width, channels}; /* only read */
    return preprocess_apply(&model->preprocess, &picture, &model->scratch, input);
}
