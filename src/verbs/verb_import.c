/* verb_import.c — siskin import: named tensors of a .pth or .safetensors into a model file, every one accounted for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/team.h"
#include "files/npy.h"
#include "files/weights.h"
#include "train/from_recipe.h"
#include "train/model_file.h"
#include "verbs/model_arg.h"

const struct option options_import[] = {
    {"model", 'm', "NAME", "The architecture that the weights belong to; model.* keys say its arguments."},
    {"out", 'o', "OUT.safetensors", "The model file to write."},
    {"key", 0, "KEY", "Entry of a .pth that holds the tensors; found by itself where it has a usual name."},
    {"classes", 0, "FILE", "Class names, one a line."},
    {"verify-input", 0, "X.npy", "Run this input (float32 NCHW) and"},
    {"verify", 0, "Y.npy", "compare with these logits: more than 1e-4 of the largest apart fails (exit 4)."},
    {0},
};

static const double VERIFY_TOLERANCE = 1e-4;

/* One line per tensor of the file: where it went. Counters of batches that the file lacks are the only silence. */
static void report(struct call *call, const struct network *network, const struct weights *weights) {
    struct json_writer *w = &call->json;
    char shape[96];
    int64_t statistics = 0, counters = 0;
    jw_array(w, "tensors");
    for (size_t i = 0; i < weights->count; i++) {
        const struct tensor *t = &weights->tensors[i];
        const struct param *p = graph_find_param(network->graph, t->name);
        const char *use = !p ? "unused" : p->kind == STATE_COUNTER ? "counter" : p->state ? "statistic" : "parameter";
        statistics += p && p->state && p->kind != STATE_COUNTER;
        counters += p && p->kind == STATE_COUNTER;
        jw_object(w, NULL);
        jw_string(w, "name", t->name);
        jw_string(w, "shape", shape_text(&t->shape, shape, sizeof shape));
        jw_string(w, "dtype", dtype_name(t->dtype));
        jw_string(w, "use", use);
        jw_end_object(w);
        call_result(call, "%-48s %-20s %-4s %s", t->name, shape, dtype_name(t->dtype), use);
    }
    jw_end_array(w);
    call_result(call,
                "%zu tensors taken: %lld parameters' numbers, %lld statistics, %lld counters; none missing, none left "
                "over",
                weights->count, (long long)graph_parameter_count(network->graph), (long long)statistics,
                (long long)counters);
}

static sk_status read_classes(struct call *call, struct network *network, const char *path) {
    uint8_t *bytes;
    size_t size, at = 0;
    TRY(file_read(&network->arena, path, 1 << 26, &bytes, &size));
    int64_t count = 0, classes = network->args.num_classes;
    network->classes = arena_array(&network->arena, (size_t)classes + 1, sizeof *network->classes);
    if (!network->classes) return SK_EMEMORY;
    while (at < size) {
        char *line = (char *)bytes + at;
        size_t length = strcspn(line, "\r\n");
        at += length + strspn(line + length, "\r");
        at += at < size;
        line[length] = '\0';
        if (count < classes) network->classes[count] = line;
        count++;
    }
    FAIL_IF(count != classes, SK_EDATA, "%s has %lld lines, but the model has %lld classes", path, (long long)count,
            (long long)classes);
    (void)call;
    return SK_OK;
}

/* What the model file says beside the weights. */
static sk_status describe(struct call *call, struct network *network, const char *path) {
    struct preprocess preprocess;
    struct json_writer w = {0};
    TRY(model_preprocess(call, network, &preprocess));
    preprocess_write(&preprocess, &w, NULL);
    sk_status status = text_check(&w.text);
    if (status == SK_OK) {
        network->preprocess = arena_strdup(&network->arena, w.text.data);
        network->provenance =
            arena_printf(&network->arena, "imported from %s by siskin %s", path_base(path), sk_version());
        if (!network->preprocess || !network->provenance) status = SK_EMEMORY;
    }
    text_free(&w.text);
    const char *classes = call_option(call, "classes");
    return status == SK_OK && classes ? read_classes(call, network, classes) : status;
}

static sk_status verify(struct call *call, struct network *network, struct team *team) {
    const char *input = call_option(call, "verify-input"), *output = call_option(call, "verify");
    if (!input && !output) return SK_OK;
    FAIL_IF(!input || !output, SK_EUSAGE, "--verify-input X.npy and --verify Y.npy go together");
    struct tensor x, y;
    TRY(npy_open(&call->arena, input, &x));
    TRY(npy_open(&call->arena, output, &y));
    const struct model_args *a = &network->args;
    struct shape want = {4, {x.shape.dim[0], a->in_channels, a->height, a->width}};
    struct shape logits = {2, {x.shape.dim[0], a->num_classes}};
    char found[96], expected[96];
    FAIL_IF(!shape_equal(&x.shape, &want) || x.dtype != F32, SK_ESHAPE, "%s has shape %s; expected f32 %s", input,
            shape_text(&x.shape, found, sizeof found), shape_text(&want, expected, sizeof expected));
    FAIL_IF(!shape_equal(&y.shape, &logits) || y.dtype != F32, SK_ESHAPE, "%s has shape %s; expected f32 %s", output,
            shape_text(&y.shape, found, sizeof found), shape_text(&logits, expected, sizeof expected));
    int64_t n = want.dim[0], hw = a->height * a->width, c = a->in_channels;
    float *images = arena_array(&call->arena, (size_t)(n * c * hw), sizeof *images);
    float *mine = arena_array(&call->arena, (size_t)(n * a->num_classes), sizeof *mine);
    if (!images || !mine) return SK_EMEMORY;
    for (int64_t i = 0; i < n * c * hw; i++)
        images[(i / (c * hw) * hw + i % hw) * c + i / hw % c] = ((float *)x.data)[i];
    struct runner *runner;
    TRY(runner_new(&runner, network, &(struct runner_options){.batch = n, .team = team}));
    runner_run(runner, n, images, mine);
    runner_free(runner);
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n * a->num_classes; i++) {
        double theirs = ((float *)y.data)[i], d = fabs(mine[i] - theirs);
        if (!(d <= worst)) worst = d;
        if (fabs(theirs) > largest) largest = fabs(theirs);
    }
    double relative = largest > 0 ? worst / largest : worst;
    jw_number(&call->json, "difference", relative);
    FAIL_IF(!(relative <= VERIFY_TOLERANCE), SK_EGATE,
            "the logits differ from %s by %.3g of the largest; at most %g is "
            "accepted: are model.* keys and the order of channels right?",
            output, relative, VERIFY_TOLERANCE);
    call_result(call, "the logits equal %s within %.2g of the largest", output, relative);
    return SK_OK;
}

static sk_status import(struct call *call, struct network *network, struct team *team, const char *out) {
    const char *path = call->arguments[0];
    struct weights weights;
    struct weights_options options = {.key = call_option(call, "key")};
    TRY(weights_open(&call->arena, path, &options, &weights));
    if (weights.note) call_note(call, "%s", weights.note);
    sk_status status = network_take(network, &weights, path);
    if (status == SK_OK) status = describe(call, network, path);
    if (status == SK_OK) status = verify(call, network, team);
    if (status == SK_OK) status = model_file_save(network, team, out);
    if (status == SK_OK) {
        report(call, network, &weights);
        jw_string(&call->json, "out", out);
        jw_integer(&call->json, "parameters", graph_parameter_count(network->graph));
        call_result(call, "%s", out);
    }
    weights_close(&weights);
    return status;
}

sk_status verb_import(struct call *call) {
    const char *model, *out;
    int threads;
    struct network *network = NULL;
    struct team *team = NULL;
    TRY(call_need(call, "model", &model));
    TRY(call_need(call, "out", &out));
    TRY(call_threads(call, &threads));
    const struct model_family *family;
    TRY(model_find(model, &family));
    sk_status status = model_open(call, model, false, &network);
    if (status == SK_OK) status = team_new(&team, threads);
    if (status == SK_OK) status = import(call, network, team, out);
    team_free(team);
    network_free(network);
    return status;
}
