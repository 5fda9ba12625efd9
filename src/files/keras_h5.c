/* keras_h5.c — Keras's names for the datasets of an HDF5 file, which the helper siskin-h5 has read.
 *
 * Keras 3 (.weights.h5): …/<class>_<n>/vars/<i>, the layer's own name an attribute of "vars" in recent files. Legacy
 * (.h5): the attributes layer_names and weight_names say which dataset is which. The optimizer's state is set aside.
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/keras_h5.h"

#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/json.h"

enum { VARIABLES_MAX = 4 };

/* ---- the helper ---- */

static sk_status run_helper(struct arena *arena, const char *path, struct file_bytes *bytes) {
    const char *program;
    uint64_t size;
    uint8_t *output;
    size_t length;
    TRY(file_size(path, &size));
    sk_status status = child_find(arena, "siskin-h5", "SISKIN_H5", &program);
    if (status != SK_OK) return status_prefix(status, "%s: Keras's files are HDF5", path);
    FAIL_IF(size > (uint64_t)1 << 36, SK_EFORMAT, "%s: no weights of Keras are larger than 64 GiB", path);
    const char *const arguments[] = {program, path, NULL};
    struct child_request request = {
        .arguments = arguments,
        .what = path,
        .seconds = 60 + (double)(size >> 24),
        .memory_max = ((size_t)1 << 30) + 2 * (size_t)size,
        .output_max = ((size_t)65 << 20) + 64 * (size_t)size,
    };
    TRY(child_run(&request, &output, &length));
    *bytes = (struct file_bytes){.data = output, .size = length};
    return SK_OK;
}

sk_status keras_h5_open(struct arena *arena, const char *path, struct weights *out) {
    struct file_bytes bytes;
    *out = (struct weights){.key = ""};
    TRY(run_helper(arena, path, &bytes));
    sk_status status = safetensors_parse(arena, bytes.data, bytes.size, path, out);
    if (status == SK_OK && (status = keras_h5_name(arena, out)) != SK_OK) status_prefix(status, "%s", path);
    out->format = WEIGHTS_KERAS;
    out->bytes = bytes;
    if (status != SK_OK) weights_close(out);
    return status;
}

/* ---- an index of the datasets by path ---- */

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct tensor *)left)->name, ((const struct tensor *)right)->name);
}

static struct tensor *find(const struct weights *sorted, const char *name) {
    struct tensor key = {.name = name};
    if (sorted->count == 0) return NULL;
    return bsearch(&key, sorted->tensors, sorted->count, sizeof key, by_name);
}

/* ---- Keras 3 ---- */

/* The variables of the layers that networks of pictures have, in Keras's order. */
static const struct class_variables {
    const char *class, *names[VARIABLES_MAX + 1];
} classes[] = {
    {"conv2d", {"kernel", "bias"}},
    {"depthwise_conv2d", {"kernel", "bias"}},
    {"dense", {"kernel", "bias"}},
    {"batch_normalization", {"gamma", "beta", "moving_mean", "moving_variance"}},
    {"layer_normalization", {"gamma", "beta"}},
    {"normalization", {"mean", "variance", "count"}},
    {"layer_scale", {"gamma"}},
};

/* Does name[length] say this class, maybe with a number behind it? */
static bool is_class(const char *name, size_t length, const char *class) {
    size_t n = strlen(class);
    if (length < n || memcmp(name, class, n) != 0) return false;
    if (length == n) return true;
    return name[n] == '_' && length > n + 1 && n + 1 + strspn(name + n + 1, "0123456789") >= length;
}

/* The name of variable `digits` of a group, or the digits themselves where the class is unknown. */
static const char *variable_name(const char *group, size_t length, const char *digits) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (is_class(group, length, classes[i].class))
            for (int v = 0; v < VARIABLES_MAX && classes[i].names[v]; v++)
                if (digits[0] == '0' + v && digits[1] == '\0') return classes[i].names[v];
    return digits;
}

/* "layers/conv2d_3/vars/0" -> "conv2d_3/kernel", or with the attribute's name "block_1_expand/kernel". NULL: not such. */
static sk_status rename_keras3(struct arena *arena, const struct weights *weights, struct tensor *tensor) {
    const char *name = tensor->name, *digits = strrchr(name, '/'), *attribute = NULL;
    static const char VARS[] = "/vars";
    size_t size = digits ? (size_t)(digits - name) : 0;
    FAIL_IF(size <= strlen(VARS) || memcmp(digits - strlen(VARS), VARS, strlen(VARS)) != 0, SK_EFORMAT,
            "'%s' is no variable of a layer, as Keras saves them", name);
    size_t group_end = size - strlen(VARS), group = group_end;
    while (group > 0 && name[group - 1] != '/') group--;
    char *key = arena_printf(arena, "%.*s@name", (int)size, name);
    if (!key) return SK_EMEMORY;
    attribute = weights_metadata(weights, key);
    const char *variable = variable_name(name + group, group_end - group, digits + 1);
    if (attribute && attribute[0] == '"' && strlen(attribute) > 2) /* a JSON text */
        tensor->name = arena_printf(arena, "%.*s/%s", (int)strlen(attribute) - 2, attribute + 1, variable);
    else
        tensor->name = arena_printf(arena, "%.*s/%s", (int)(group_end - group), name + group, variable);
    return tensor->name ? SK_OK : SK_EMEMORY;
}

/* ---- legacy ---- */

/* The texts of an attribute, which Keras splits where it is long: names, names0, names1, … */
struct texts {
    const char **list;
    size_t count, capacity;
};

static sk_status add_texts(struct arena *arena, const char *json_text, struct texts *texts) {
    struct json *json;
    TRY(json_parse(arena, json_text, strlen(json_text), "an attribute", &json));
    for (const struct json *item = json->child; item; item = item->next) {
        if (item->kind != JSON_STRING) continue;
        texts->list = arena_grow(arena, texts->list, &texts->capacity, texts->count + 1, sizeof *texts->list);
        if (!texts->list) return SK_EMEMORY;
        texts->list[texts->count++] = item->string;
    }
    return SK_OK;
}

static sk_status attribute_texts(struct arena *arena, const struct weights *weights, const char *path,
                                 const char *attribute, struct texts *texts) {
    *texts = (struct texts){0};
    for (int part = -1; part < 1000; part++) {
        char *key = part < 0 ? arena_printf(arena, "%s@%s", path, attribute)
                             : arena_printf(arena, "%s@%s%d", path, attribute, part);
        if (!key) return SK_EMEMORY;
        const char *value = weights_metadata(weights, key);
        if (value) TRY(add_texts(arena, value, texts));
        if (!value && part >= 0) break;
    }
    return SK_OK;
}

/* "Conv1/kernel:0" of layer "Conv1" -> "Conv1/kernel"; a bare "kernel" gets its layer. */
static sk_status legacy_name(struct arena *arena, const char *layer, const char *weight, const char **name) {
    size_t length = strlen(weight);
    const char *colon = strrchr(weight, ':');
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)) length = (size_t)(colon - weight);
    *name = memchr(weight, '/', length) ? arena_strndup(arena, weight, length)
                                        : arena_printf(arena, "%s/%.*s", layer, (int)length, weight);
    return *name ? SK_OK : SK_EMEMORY;
}

/* The weights of each layer in turn; `root` is "" or "model_weights". */
static sk_status name_legacy(struct arena *arena, struct weights *weights, const char *root, struct weights *named) {
    struct texts layers, names;
    size_t capacity = 0;
    const char *slash = root[0] ? "/" : "";
    TRY(attribute_texts(arena, weights, root, "layer_names", &layers));
    for (size_t i = 0; i < layers.count; i++) {
        char *group = arena_printf(arena, "%s%s%s", root, slash, layers.list[i]);
        if (!group) return SK_EMEMORY;
        TRY(attribute_texts(arena, weights, group, "weight_names", &names));
        for (size_t k = 0; k < names.count; k++) {
            char *path = arena_printf(arena, "%s/%s", group, names.list[k]);
            if (!path) return SK_EMEMORY;
            struct tensor *tensor = find(weights, path);
            FAIL_IF(!tensor, SK_EFORMAT, "layer '%s' should have a weight '%s', but there is no such dataset",
                    layers.list[i], names.list[k]);
            named->tensors = arena_grow(arena, named->tensors, &capacity, named->count + 1, sizeof *named->tensors);
            if (!named->tensors) return SK_EMEMORY;
            struct tensor *kept = &named->tensors[named->count++];
            *kept = *tensor;
            TRY(legacy_name(arena, layers.list[i], names.list[k], &kept->name));
        }
    }
    return SK_OK;
}

/* ---- both ---- */

static bool of_optimizer(const char *name) {
    return strncmp(name, "optimizer/", 10) == 0 || strncmp(name, "optimizer_weights/", 18) == 0 ||
           strncmp(name, "_optimizer/", 11) == 0;
}

static sk_status set_aside(struct arena *arena, struct weights *weights) {
    const char *others = weights_metadata(weights, "others");
    size_t kept = 0, left = others ? (size_t)strtoull(others, NULL, 10) : 0, count = weights->count;
    for (size_t i = 0; i < count; i++)
        if (!of_optimizer(weights->tensors[i].name)) weights->tensors[kept++] = weights->tensors[i];
    weights->count = kept;
    if (left + count > kept)
        weights->note = arena_printf(
            arena, "left aside %zu arrays of the optimizer and %zu of no type that weights have", count - kept, left);
    return left + count > kept && !weights->note ? SK_EMEMORY : SK_OK;
}

sk_status keras_h5_name(struct arena *arena, struct weights *weights) {
    TRY(set_aside(arena, weights));
    qsort(weights->tensors, weights->count, sizeof *weights->tensors, by_name);
    bool whole = weights_metadata(weights, "model_weights@layer_names") ||
                 weights_metadata(weights, "model_weights@layer_names0");
    if (whole || weights_metadata(weights, "@layer_names") || weights_metadata(weights, "@layer_names0")) {
        struct weights named = {.key = ""};
        TRY(name_legacy(arena, weights, whole ? "model_weights" : "", &named));
        weights->tensors = named.tensors;
        weights->count = named.count;
    } else {
        for (size_t i = 0; i < weights->count; i++) TRY(rename_keras3(arena, weights, &weights->tensors[i]));
    }
    FAIL_IF(weights->count == 0, SK_EFORMAT, "it holds no weights of Keras");
    return weights_check(weights);
}
