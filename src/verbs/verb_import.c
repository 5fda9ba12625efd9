/* verb_import.c — siskin import: weights from PyTorch, timm, Keras or Flax into a model file, every tensor accounted for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "train/from_recipe.h"
#include "train/import.h"
#include "train/model_file.h"
#include "verbs/import_entry.h"

const struct option options_import[] = {
    {"model", 'm', "NAME",
     "The network that the weights belong to, or timm's name of one; model.* keys say its arguments."},
    {"from", 0, "SOURCE", "torchvision, timm, efficientnet_pytorch, facebook, keras or flax; else known by the names."},
    {"entry", 0, "NAME",
     "The published weights that these are, where their digest does not say so: see siskin models NAME."},
    {"out", 'o', "OUT.safetensors", "The model file to write."},
    {"key", 0, "KEY", "Entry of a .pth or msgpack that holds the tensors, as ema_state/ema; usual names are found."},
    {"classes", 0, "FILE", "Class names, one a line."},
    {"report", 0, "FILE", "Write what became of each tensor: name, shape, type, target, transform."},
    {"verify", 0, "X.npy", "Run this input, (N,C,H,W) or (N,H,W,C), and compare with the logits in Y.npy."},
    {"tolerance", 0, "T", "The greatest difference that --verify accepts, relative to the largest logit; 1e-4."},
    {0},
};

static void tell_tensors(struct call *call, const struct import *import) {
    struct json_writer *w = &call->json;
    char shape[96];
    size_t moved = 0;
    jw_string(w, "source", source_name(import->source));
    jw_array(w, "tensors");
    for (size_t i = 0; i < import->map.count; i++) {
        const struct name_row *row = &import->map.rows[i];
        moved += row->transform[0] && strcmp(row->transform, "as it is") != 0;
        jw_object(w, NULL);
        jw_string(w, "name", row->from->name);
        jw_string(w, "shape", shape_text(&row->from->shape, shape, sizeof shape));
        jw_string(w, "dtype", dtype_name(row->from->dtype));
        jw_string(w, "target", row->to);
        jw_string(w, "transform", row->transform);
        jw_end_object(w);
    }
    jw_end_array(w);
    call_result(call, "%zu tensors with names from %s: %zu taken, %zu of them transposed or reshaped; none missing%s",
                import->map.count, source_name(import->source), import->map.count - import->map.set_aside, moved,
                import->map.set_aside ? "" : ", none left over");
    if (import->map.set_aside)
        call_result(call, "%zu set aside that are no weights (optimizer, counters of steps)", import->map.set_aside);
}

static sk_status write_report(const struct import *import, const char *path) {
    struct text text = {0};
    sk_status status = import_report(import, &text);
    if (status == SK_OK) status = file_replace(path, text.data ? text.data : "", text.length);
    text_free(&text);
    return status;
}

static sk_status read_classes(struct network *network, const char *path) {
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
    return SK_OK;
}

/* What the model file says beside the weights. */
static sk_status describe(struct call *call, const struct import_entry *found, struct import *import,
                          const struct recipe *over, struct network *network) {
    struct json_writer w = {0};
    TRY(recipe_preprocess_over(over, &import->preprocess));
    preprocess_write(&import->preprocess, &w, NULL);
    sk_status status = text_check(&w.text);
    if (status == SK_OK) {
        network->preprocess = arena_strdup(&network->arena, w.text.data);
        network->provenance = import_entry_provenance(&network->arena, found, import->path);
        if (!network->preprocess || !network->provenance) status = SK_EMEMORY;
    }
    text_free(&w.text);
    const char *classes = call_option(call, "classes");
    if (status != SK_OK) return status;
    return classes ? read_classes(network, classes) : import_entry_classes(found->entry, network);
}

/* What --verify accepts; fails where its parts do not go together. */
static sk_status verify_tolerance(const struct call *call, double *tolerance) {
    const char *said = call_option(call, "tolerance");
    *tolerance = 1e-4;
    FAIL_IF(call_switch(call, "verify") != (call->argument_count > 1), SK_EUSAGE,
            "an input and its logits go together: --verify X.npy Y.npy");
    FAIL_IF(said && (!parse_f64(said, tolerance) || *tolerance < 0), SK_EUSAGE,
            "--tolerance %s is no number of 0 or more", said);
    return SK_OK;
}

static sk_status verify(struct call *call, const struct network *network, struct team *team) {
    const char *x = call_option(call, "verify");
    double tolerance, difference;
    TRY(verify_tolerance(call, &tolerance));
    if (!x) return SK_OK;
    const char *y = call->arguments[1];
    TRY(import_verify(network, team, x, y, &difference));
    jw_number(&call->json, "difference", difference);
    FAIL_IF(
        !(difference <= tolerance), SK_EGATE,
        "the logits differ from %s by %.3g of the largest; at most %g is accepted: are model.* keys and the order of "
        "channels right, are they logits and not probabilities?",
        y, difference, tolerance);
    call_result(call, "the logits equal %s within %.2g of the largest", y, difference);
    return SK_OK;
}

static sk_status finish(struct call *call, const struct import_entry *found, struct import *import,
                        const struct recipe *over, struct network *network) {
    struct team *team = NULL;
    int threads;
    const char *out = call_option(call, "out");
    TRY(call_threads(call, &threads));
    TRY(describe(call, found, import, over, network));
    TRY(team_new(&team, threads));
    sk_status status = verify(call, network, team);
    if (status == SK_OK) status = model_file_save(network, team, out);
    team_free(team);
    TRY(status);
    import_entry_say(call, found, network);
    tell_tensors(call, import);
    jw_string(&call->json, "model", network->args.name);
    jw_string(&call->json, "out", out);
    jw_integer(&call->json, "parameters", graph_parameter_count(network->graph));
    call_result(call, "%s: a %s of %lld parameters", out, network->args.name,
                (long long)graph_parameter_count(network->graph));
    return SK_OK;
}

static sk_status work(struct call *call, struct import *import, struct recipe *over) {
    struct network *network = NULL;
    struct import_entry found;
    double tolerance;
    TRY(verify_tolerance(call, &tolerance)); /* before anything is read */
    TRY(import_entry_find(call, call->arguments[0], &found));
    TRY(import_begin(import, call->arguments[0], call_option(call, "key")));
    if (import->weights.note) call_note(call, "%s", import->weights.note);
    TRY(recipe_default(over, &call->arena));
    TRY(call_overrides(call, over));
    import->published = found.entry;
    TRY(import_choose(import, found.entry ? NULL : call_option(call, "model"), call_option(call, "from"), over));
    found.entry = import->published; /* timm's names are entries, too */
    if (import->assumed) call_note(call, "assumed: %s", import->assumed);
    TRY(import_network(import, &network));
    const char *report = call_option(call, "report");
    sk_status status = report ? write_report(import, report) : SK_OK;
    if (status == SK_OK) status = finish(call, &found, import, over, network);
    network_free(network);
    return status;
}

sk_status verb_import(struct call *call) {
    const char *out;
    struct import import = {0};
    struct recipe over;
    TRY(call_need(call, "out", &out));
    sk_status status = work(call, &import, &over);
    import_end(&import);
    return status;
}
