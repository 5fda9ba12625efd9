/* onnx_emit.c — names, forms and constants of an ONNX file in the making.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/onnx_emit.h"

#include <stdio.h>
#include <string.h>

void onnx_fail(struct onnx_emitter *emitter, sk_status status) {
    if (emitter->file.status == SK_OK) emitter->file.status = status;
}

static bool name_taken(const struct onnx_emitter *emitter, const char *name) {
    for (size_t i = 0; i < emitter->name_count; i++)
        if (strcmp(emitter->names[i], name) == 0) return true;
    return false;
}

/* Note the name as taken. Returns it, or "" after a failure. */
static const char *take_name(struct onnx_emitter *emitter, const char *name) {
    const char **grown =
        arena_grow(emitter->arena, emitter->names, &emitter->name_capacity, emitter->name_count + 1, sizeof *grown);
    if (!grown || !name) {
        onnx_fail(emitter, SK_EMEMORY);
        return "";
    }
    emitter->names = grown;
    return emitter->names[emitter->name_count++] = name;
}

/* "features.0.0/Conv"; a second one of the same node and op is "…/Conv_2". */
static const char *fresh_name(struct onnx_emitter *emitter, const char *op) {
    char *name = arena_printf(emitter->arena, "%s/%s", emitter->node->name, op);
    for (int i = 2; name && name_taken(emitter, name); i++)
        name = arena_printf(emitter->arena, "%s/%s_%d", emitter->node->name, op, i);
    return take_name(emitter, name);
}

const char *onnx_emit(struct onnx_emitter *emitter, const struct onnx_node *node) {
    struct onnx_node named = *node;
    if (!named.output) named.output = fresh_name(emitter, node->op);
    onnx_node(&emitter->file, &named);
    return named.output;
}

void onnx_finish(struct onnx_emitter *emitter, enum onnx_form form, const struct onnx_node *node) {
    struct onnx_node named = *node;
    int value = emitter->node->out[0];
    if (value == emitter->logits && form == FORM_ROWS) named.output = take_name(emitter, "logits");
    emitter->values[value].form[form] = onnx_emit(emitter, &named);
}

void onnx_pass(struct onnx_emitter *emitter, int value) {
    emitter->values[emitter->node->out[0]] = emitter->values[value];
}

/* ---- forms ---- */

bool onnx_has_form(const struct onnx_emitter *emitter, int value, enum onnx_form form) {
    return emitter->values[value].form[form] != NULL;
}

static const char *transpose(struct onnx_emitter *emitter, const char *x, enum onnx_form to) {
    static const int64_t orders[FORM_COUNT][4] = {{0, 3, 1, 2}, {0, 2, 3, 1}};
    struct onnx_attribute order = {.name = "perm", .kind = ONNX_LIST, .count = 4};
    memcpy(order.list, orders[to], sizeof orders[to]);
    return onnx_emit(emitter, &(struct onnx_node){.op = "Transpose", .in = {x}, .attribute = {order}});
}

/* (N,C,1,1) -> (N,C), and back */
static const char *squeeze(struct onnx_emitter *emitter, const char *x, enum onnx_form to) {
    static const int64_t axes[2] = {2, 3};
    if (to == FORM_ROWS)
        return onnx_emit(emitter, &(struct onnx_node){
                                      .op = "Flatten", .in = {x}, .attribute = {{"axis", ONNX_INTEGER, .integer = 1}}});
    return onnx_emit(emitter, &(struct onnx_node){.op = "Unsqueeze", .in = {x, onnx_integers(emitter, axes, 2)}});
}

const char *onnx_form(struct onnx_emitter *emitter, int value, enum onnx_form form) {
    struct onnx_value *v = &emitter->values[value];
    const char *other = v->form[form == FORM_PLANES ? FORM_ROWS : FORM_PLANES];
    int rank = value_shape(emitter->graph, value)->rank;
    if (v->form[form]) return v->form[form];
    if (!other || (rank != 2 && rank != 4)) {
        onnx_fail(emitter,
                  status_fail(SK_EINTERNAL, "ONNX: %s reads a value that has no form there", emitter->node->name));
        return "";
    }
    return v->form[form] = rank == 4 ? transpose(emitter, other, form) : squeeze(emitter, other, form);
}

/* ---- constants ---- */

const char *onnx_constant(struct onnx_emitter *emitter, const char *name, struct shape shape, const float *data) {
    if (name_taken(emitter, name)) return name;
    onnx_tensor(&emitter->file, &(struct tensor){name, F32, shape, (void *)(uintptr_t)data});
    return take_name(emitter, name);
}

const char *onnx_scalar(struct onnx_emitter *emitter, double number) {
    float *data = arena_alloc(emitter->arena, sizeof *data);
    const char *name = arena_printf(emitter->arena, "constant/%.9g", number);
    if (!data || !name) {
        onnx_fail(emitter, SK_EMEMORY);
        return "";
    }
    *data = (float)number;
    return onnx_constant(emitter, name, (struct shape){0}, data);
}

const char *onnx_integers(struct onnx_emitter *emitter, const int64_t *list, int count) {
    char name[128];
    int length = snprintf(name, sizeof name, "constant/integers");
    int64_t *data = arena_array(emitter->arena, (size_t)count, sizeof *data);
    for (int i = 0; i < count; i++)
        length += snprintf(name + length, sizeof name - (size_t)length, "_%lld", (long long)list[i]);
    if (name_taken(emitter, name)) return arena_strdup(emitter->arena, name);
    const char *kept = take_name(emitter, arena_strdup(emitter->arena, name));
    if (!data) {
        onnx_fail(emitter, SK_EMEMORY);
        return "";
    }
    memcpy(data, list, (size_t)count * sizeof *data);
    onnx_tensor(&emitter->file, &(struct tensor){kept, I64, {1, {count}}, data});
    return kept;
}

/* The parameter that a value is, or is computed from; its numbers in memory order. */
static const struct param *param_of(struct onnx_emitter *emitter, int value, const float **numbers) {
    const struct value *v = &emitter->graph->values[value];
    const struct network *network = emitter->network;
    int index = emitter->values[value].folded ? emitter->values[value].param : v->param;
    if (index < 0) {
        onnx_fail(emitter,
                  status_fail(SK_EINTERNAL, "ONNX: %s reads a weight that is no parameter", emitter->node->name));
        return NULL;
    }
    const struct param *param = &emitter->graph->params[index];
    *numbers = emitter->values[value].folded;
    if (!*numbers) *numbers = (param->state ? network->state : network->params) + param->offset;
    return param;
}

const char *onnx_param(struct onnx_emitter *emitter, int value, const struct shape *shape) {
    const float *numbers;
    const struct param *param = param_of(emitter, value, &numbers);
    if (!param) return "";
    float *data = arena_array(emitter->arena, (size_t)param->count, sizeof *data);
    if (!data) {
        onnx_fail(emitter, SK_EMEMORY);
        return "";
    }
    param_to_file(param, numbers, data);
    return onnx_constant(emitter, param->name, shape ? *shape : param_file_shape(param), data);
}

const char *onnx_param_as_stored(struct onnx_emitter *emitter, int value, struct shape shape) {
    const float *numbers;
    const struct param *param = param_of(emitter, value, &numbers);
    return param ? onnx_constant(emitter, param->name, shape, numbers) : "";
}
