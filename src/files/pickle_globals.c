/* pickle_globals.c — the only names a pickle may use, and what each of them builds.
 *
 * To allow another name: one row, and its builder where no present one fits. Nothing here calls anything
 * that the file brings with it. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "files/pickle.h"

#define QUANTISED "which belongs to quantised tensors; siskin imports float weights and quantises them itself"
#define STORAGE(name, dtype, bytes)                                                                                    \
    { "torch", name, USE_STORAGE, dtype, bytes, NULL }

static const struct pickle_global globals[] = {
    {"collections", "OrderedDict", USE_DICT, -1, 0, NULL},
    {"argparse", "Namespace", USE_DICT, -1, 0, NULL}, /* the arguments in torchvision's checkpoints */
    {"__builtin__", "set", USE_LIST, -1, 0, NULL},
    {"builtins", "set", USE_LIST, -1, 0, NULL},
    {"torch", "Size", USE_TUPLE, -1, 0, NULL},
    {"torch", "device", USE_STRING, -1, 0, NULL},
    {"torch._utils", "_rebuild_tensor", USE_TENSOR, -1, 0, NULL},
    {"torch._utils", "_rebuild_tensor_v2", USE_TENSOR, -1, 0, NULL},
    {"torch._utils", "_rebuild_parameter", USE_PARAMETER, -1, 0, NULL},
    {"torch._utils", "_rebuild_qtensor", USE_REFUSED, -1, 0, QUANTISED},
    {"torch._utils", "_rebuild_tensor_v3", USE_REFUSED, -1, 0,
     "which builds tensors of types that siskin does not hold (unsigned 16 to 64 bits, 8-bit floats)"},
    STORAGE("DoubleStorage", F64, 8),
    STORAGE("FloatStorage", F32, 4),
    STORAGE("HalfStorage", F16, 2),
    STORAGE("BFloat16Storage", BF16, 2),
    STORAGE("LongStorage", I64, 8),
    STORAGE("IntStorage", S32, 4),
    STORAGE("ShortStorage", S16, 2),
    STORAGE("CharStorage", S8, 1),
    STORAGE("ByteStorage", U8, 1),
    STORAGE("BoolStorage", BOOL8, 1),
    STORAGE("ComplexFloatStorage", -1, 8),
    STORAGE("ComplexDoubleStorage", -1, 16),
    {"torch", "float32", USE_NAME, -1, 0, NULL},
    {"torch", "float64", USE_NAME, -1, 0, NULL},
    {"torch", "float16", USE_NAME, -1, 0, NULL},
    {"torch", "bfloat16", USE_NAME, -1, 0, NULL},
    {"torch", "int64", USE_NAME, -1, 0, NULL},
    {"torch", "int32", USE_NAME, -1, 0, NULL},
    {"torch", "uint8", USE_NAME, -1, 0, NULL},
    {"torch", "int8", USE_NAME, -1, 0, NULL},
    {"torch", "qint8", USE_REFUSED, -1, 0, QUANTISED},
    {"torch", "quint8", USE_REFUSED, -1, 0, QUANTISED},
    {"torch", "per_tensor_affine", USE_REFUSED, -1, 0, QUANTISED},
    {"torch", "per_channel_affine", USE_REFUSED, -1, 0, QUANTISED},
};

sk_status pickle_find_global(const char *module, const char *name, const struct pickle_global **global) {
    char shown_module[100], shown_name[100];
    printable(module, strlen(module), shown_module, sizeof shown_module);
    printable(name, strlen(name), shown_name, sizeof shown_name);
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (strcmp(globals[i].module, module) != 0 || strcmp(globals[i].name, name) != 0) continue;
        *global = &globals[i];
        FAIL_IF(globals[i].use == USE_REFUSED, SK_EFORMAT, "the pickle asks for %s.%s, %s", shown_module, shown_name,
                globals[i].why);
        return SK_OK;
    }
    FAIL_IF(strncmp(module, "torch.nn.", 9) == 0 || strncmp(module, "torchvision.", 12) == 0 ||
                strncmp(module, "timm.", 5) == 0,
            SK_EFORMAT,
            "the pickle asks for %s.%s: the file holds a whole Python model, which only its code could rebuild; "
            "save model.state_dict() instead",
            shown_module, shown_name);
    return status_fail(SK_EFORMAT,
                       "the pickle asks for %s.%s, which a weight file has no use for; siskin runs no code from files",
                       shown_module, shown_name);
}

static sk_status new_items(struct arena *arena, enum pickle_kind kind, struct pickle_value *result) {
    *result = (struct pickle_value){.kind = kind};
    result->items = arena_alloc(arena, sizeof *result->items);
    return result->items ? SK_OK : SK_EMEMORY;
}

/* dict(), dict([(key, value), …]) as older Pythons wrote ordered dicts. */
static sk_status build_dict(struct arena *arena, const struct pickle_items *arguments, struct pickle_value *result) {
    TRY(new_items(arena, PICKLE_DICT, result));
    if (arguments->count == 0) return SK_OK;
    FAIL_IF(arguments->count != 1 || arguments->at[0].kind != PICKLE_LIST, SK_EFORMAT,
            "a dict is built from something else than a list of pairs");
    const struct pickle_items *pairs = arguments->at[0].items;
    struct pickle_items *items = result->items;
    items->at = arena_array(arena, pairs->count, 2 * sizeof *items->at);
    if (!items->at) return SK_EMEMORY;
    items->capacity = 2 * pairs->count;
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pickle_value *pair = &pairs->at[i];
        FAIL_IF((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->items->count != 2, SK_EFORMAT,
                "a dict is built from something else than a list of pairs");
        items->at[items->count++] = pair->items->at[0];
        items->at[items->count++] = pair->items->at[1];
    }
    return SK_OK;
}

static sk_status read_whole(const struct pickle_value *value, const char *what, int64_t *out) {
    FAIL_IF(value->kind != PICKLE_INT || value->integer < 0, SK_EFORMAT,
            "a tensor's %s is not a whole number of 0 or more", what);
    *out = value->integer;
    return SK_OK;
}

/* (storage, offset, sizes, strides[, requires_grad, hooks[, metadata]]) */
static sk_status build_tensor(struct arena *arena, const struct pickle_items *arguments, struct pickle_value *result) {
    FAIL_IF(arguments->count < 4 || arguments->count > 7, SK_EFORMAT, "a tensor is built from %zu values, not 4 to 7",
            arguments->count);
    const struct pickle_value *given = arguments->at;
    FAIL_IF(given[0].kind != PICKLE_STORAGE || given[2].kind != PICKLE_TUPLE || given[3].kind != PICKLE_TUPLE,
            SK_EFORMAT, "a tensor is not built from a storage, an offset, sizes and strides");
    size_t rank = given[2].items->count;
    FAIL_IF(rank != given[3].items->count, SK_EFORMAT, "a tensor has %zu sizes but %zu strides", rank,
            given[3].items->count);
    FAIL_IF(rank > SHAPE_MAX, SK_EFORMAT, "a tensor has %zu dimensions, but siskin holds at most %d", rank, SHAPE_MAX);
    struct pickle_tensor *tensor = arena_alloc(arena, sizeof *tensor);
    if (!tensor) return SK_EMEMORY;
    tensor->storage = given[0].storage;
    TRY(read_whole(&given[1], "offset", &tensor->offset));
    tensor->shape.rank = (int)rank;
    for (size_t d = 0; d < rank; d++) {
        TRY(read_whole(&given[2].items->at[d], "size", &tensor->shape.dim[d]));
        TRY(read_whole(&given[3].items->at[d], "stride", &tensor->stride[d]));
    }
    *result = (struct pickle_value){.kind = PICKLE_TENSOR, .tensor = tensor};
    return SK_OK;
}

static sk_status take_first(const struct pickle_items *arguments, enum pickle_kind kind, const char *what,
                            struct pickle_value *result) {
    FAIL_IF(arguments->count < 1 || arguments->at[0].kind != kind, SK_EFORMAT, "%s is not built from %s", what,
            pickle_kind_name(kind));
    *result = arguments->at[0];
    return SK_OK;
}

sk_status pickle_call(struct arena *arena, const struct pickle_global *global, const struct pickle_items *arguments,
                      struct pickle_value *result) {
    switch (global->use) {
    case USE_DICT: return build_dict(arena, arguments, result);
    case USE_LIST:
        if (arguments->count == 0) return new_items(arena, PICKLE_LIST, result);
        return take_first(arguments, PICKLE_LIST, "a set", result);
    case USE_TUPLE: return take_first(arguments, PICKLE_TUPLE, "a torch.Size", result);
    case USE_STRING: return take_first(arguments, PICKLE_STRING, "a torch.device", result);
    case USE_TENSOR: return build_tensor(arena, arguments, result);
    case USE_PARAMETER: return take_first(arguments, PICKLE_TENSOR, "a parameter", result);
    case USE_STORAGE:
    case USE_NAME:
    case USE_REFUSED: break;
    }
    return status_fail(SK_EFORMAT, "the pickle calls %s.%s, which is no function", global->module, global->name);
}

/* Legacy files: None, or (key, offset, size) of the part that a storage views. */
static sk_status read_view(const struct pickle_value *view, struct pickle_storage *storage) {
    if (view->kind == PICKLE_NONE) return SK_OK;
    FAIL_IF(view->kind != PICKLE_TUPLE || view->items->count != 3, SK_EFORMAT, "a storage's view is not three values");
    TRY(read_whole(&view->items->at[1], "view offset", &storage->view_offset));
    TRY(read_whole(&view->items->at[2], "view size", &storage->view_size));
    FAIL_IF(storage->view_offset > storage->elements || storage->view_size > storage->elements - storage->view_offset,
            SK_EFORMAT, "a storage's view of %lld elements from %lld leaves its %lld elements",
            (long long)storage->view_size, (long long)storage->view_offset, (long long)storage->elements);
    return SK_OK;
}

sk_status pickle_read_storage(struct arena *arena, const struct pickle_value *id, struct pickle_storage **storage) {
    FAIL_IF(id->kind != PICKLE_TUPLE || id->items->count < 5 || id->items->count > 6 ||
                !pickle_equal(&id->items->at[0], "storage"),
            SK_EFORMAT, "the pickle refers to something outside that is no storage");
    const struct pickle_value *part = id->items->at;
    FAIL_IF(part[1].kind != PICKLE_GLOBAL || part[1].global->use != USE_STORAGE, SK_EFORMAT,
            "a storage's type is %s, not one of torch's storage types", pickle_kind_name(part[1].kind));
    FAIL_IF(part[2].kind != PICKLE_STRING || part[2].length == 0 || part[2].length > 100, SK_EFORMAT,
            "a storage's key is not a string of 1 to 100 bytes");
    struct pickle_storage *made = arena_alloc(arena, sizeof *made);
    if (!made) return SK_EMEMORY;
    made->type = part[1].global;
    made->key = part[2];
    TRY(read_whole(&part[4], "number of stored elements", &made->elements));
    FAIL_IF((uint64_t)made->elements > INT64_MAX / made->type->bytes, SK_EFORMAT, "a storage has %lld elements",
            (long long)made->elements);
    made->view_size = made->elements;
    if (id->items->count == 6) TRY(read_view(&part[5], made));
    *storage = made;
    return SK_OK;
}
