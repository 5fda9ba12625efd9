/* onnx_write.c — encoding ModelProto: nodes, initializers, ports and metadata.
 *
 * The weights' bytes are never copied: heads and bytes alternate in a list of chunks. Nested lengths come first in
 * this format, so that the list is summed before anything is written. SPDX-License-Identifier: Apache-2.0 */
#include "files/onnx_write.h"

#include <siskin.h>

#include "files/wire.h"

/* onnx.proto's field numbers. */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_META = 14
};
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_IN = 1, NODE_OUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_INTS = 7 };
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { PORT_NAME = 1, PORT_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2 };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2, OPSET_VERSION = 2, ENTRY_KEY = 1, ENTRY_VALUE = 2 };

static const uint64_t message_limit = (uint64_t)1 << 31;

static int element_type(enum dtype dtype) {
    switch (dtype) {
    case F32: return 1;
    case U8: return 2;
    case S8: return 3;
    case S32: return 6;
    case I64: return 7;
    case BOOL8: return 9;
    case F16: return 10;
    case F64: return 11;
    case BF16: return 16;
    default: return 0;
    }
}

static void write_attribute(struct text *node, const struct onnx_attribute *attribute) {
    struct text out = {0};
    wire_string(&out, ATTRIBUTE_NAME, attribute->name);
    switch (attribute->kind) {
    case ONNX_FLOAT:
        wire_float(&out, ATTRIBUTE_F, attribute->number);
        wire_integer(&out, ATTRIBUTE_TYPE, TYPE_FLOAT);
        break;
    case ONNX_INTEGER:
        wire_integer(&out, ATTRIBUTE_I, attribute->integer);
        wire_integer(&out, ATTRIBUTE_TYPE, TYPE_INT);
        break;
    default: /* a list is not packed: proto2 */
        for (int i = 0; i < attribute->count; i++) wire_integer(&out, ATTRIBUTE_INTS, attribute->list[i]);
        wire_integer(&out, ATTRIBUTE_TYPE, TYPE_INTS);
        break;
    }
    wire_message(node, NODE_ATTRIBUTE, &out);
    text_free(&out);
}

void onnx_node(struct onnx_file *file, const struct onnx_node *node) {
    struct text out = {0};
    for (int i = 0; i < ONNX_NODE_INPUTS && node->in[i]; i++) wire_string(&out, NODE_IN, node->in[i]);
    wire_string(&out, NODE_OUT, node->output);
    wire_string(&out, NODE_NAME, node->output);
    wire_string(&out, NODE_OP, node->op);
    for (int i = 0; i < ONNX_NODE_ATTRIBUTES && node->attribute[i].kind; i++)
        write_attribute(&out, &node->attribute[i]);
    wire_message(&file->nodes, GRAPH_NODE, &out);
    file->node_count++;
    text_free(&out);
}

/* The bytes of a text into the arena and the list. */
static sk_status add_text(struct onnx_file *file, struct chunks *chunks, const struct text *text) {
    TRY(text_check(text));
    if (!text->length) return SK_OK;
    char *copy = arena_strndup(file->arena, text->data, text->length);
    return copy ? chunks_add(file->arena, chunks, copy, text->length) : SK_EMEMORY;
}

static sk_status add_tensor(struct onnx_file *file, const struct tensor *tensor) {
    struct text head = {0}, field = {0};
    uint64_t bytes = (uint64_t)shape_elements(&tensor->shape) * dtype_size(tensor->dtype);
    for (int d = 0; d < tensor->shape.rank; d++) wire_integer(&head, TENSOR_DIM, tensor->shape.dim[d]);
    wire_integer(&head, TENSOR_TYPE, element_type(tensor->dtype));
    wire_string(&head, TENSOR_NAME, tensor->name);
    wire_head(&head, TENSOR_RAW, bytes);
    wire_head(&field, GRAPH_INITIALIZER, head.length + bytes);
    text_add_n(&field, head.data ? head.data : "", head.length);
    field.failed = field.failed || head.failed;
    sk_status status = add_text(file, &file->tensors, &field);
    if (status == SK_OK && bytes) status = chunks_add(file->arena, &file->tensors, tensor->data, (size_t)bytes);
    text_free(&head);
    text_free(&field);
    return status;
}

void onnx_tensor(struct onnx_file *file, const struct tensor *tensor) {
    if (file->status == SK_OK) file->status = add_tensor(file, tensor);
}

static void write_port(struct text *out, int field, const struct onnx_port *port) {
    struct text shape = {0}, tensor = {0}, type = {0}, info = {0};
    for (int d = 0; d < port->shape.rank; d++) {
        struct text dim = {0};
        if (port->shape.dim[d] < 0)
            wire_string(&dim, DIM_PARAM, "N");
        else
            wire_integer(&dim, DIM_VALUE, port->shape.dim[d]);
        wire_message(&shape, SHAPE_DIM, &dim);
        text_free(&dim);
    }
    wire_integer(&tensor, TENSOR_ELEMENT, element_type(port->dtype));
    wire_message(&tensor, TENSOR_SHAPE, &shape);
    wire_message(&type, TYPE_TENSOR, &tensor);
    wire_string(&info, PORT_NAME, port->name);
    wire_message(&info, PORT_TYPE, &type);
    wire_message(out, field, &info);
    text_free(&shape);
    text_free(&tensor);
    text_free(&type);
    text_free(&info);
}

void onnx_input(struct onnx_file *file, const struct onnx_port *port) {
    write_port(&file->inputs, GRAPH_INPUT, port);
}

void onnx_output(struct onnx_file *file, const struct onnx_port *port) {
    write_port(&file->outputs, GRAPH_OUTPUT, port);
}

void onnx_metadata(struct onnx_file *file, const char *key, const char *value) {
    struct text entry = {0};
    wire_string(&entry, ENTRY_KEY, key);
    wire_string(&entry, ENTRY_VALUE, value);
    wire_message(&file->metadata, MODEL_META, &entry);
    text_free(&entry);
}

/* Everything of the model but its graph's bytes. */
static sk_status write_model(struct onnx_file *file, const struct chunks *graph, struct chunks *out) {
    struct text head = {0}, opset = {0};
    wire_integer(&head, MODEL_IR, ONNX_IR);
    wire_string(&head, MODEL_PRODUCER, "siskin");
    wire_string(&head, MODEL_PRODUCER_VERSION, sk_version());
    wire_integer(&opset, OPSET_VERSION, ONNX_OPSET); /* the domain "" is ONNX's own */
    wire_message(&head, MODEL_OPSET, &opset);
    wire_head(&head, MODEL_GRAPH, graph->total);
    sk_status status = add_text(file, out, &head);
    for (size_t i = 0; status == SK_OK && i < graph->count; i++)
        status = chunks_add(file->arena, out, graph->list[i].bytes, graph->list[i].size);
    if (status == SK_OK) status = add_text(file, out, &file->metadata);
    text_free(&head);
    text_free(&opset);
    return status;
}

static sk_status layout(struct onnx_file *file, const char *graph_name, struct chunks *out) {
    struct chunks graph = {0};
    struct text name = {0};
    TRY(file->status);
    wire_string(&name, GRAPH_NAME, graph_name);
    sk_status status = add_text(file, &graph, &file->nodes);
    if (status == SK_OK) status = add_text(file, &graph, &name);
    text_free(&name);
    TRY(status);
    for (size_t i = 0; i < file->tensors.count; i++)
        TRY(chunks_add(file->arena, &graph, file->tensors.list[i].bytes, file->tensors.list[i].size));
    TRY(add_text(file, &graph, &file->inputs));
    TRY(add_text(file, &graph, &file->outputs));
    TRY(write_model(file, &graph, out));
    FAIL_IF(out->total >= message_limit, SK_EFORMAT,
            "the ONNX file would have %llu bytes, but the format ends at 2 GiB; export .safetensors instead",
            (unsigned long long)out->total);
    return SK_OK;
}

sk_status onnx_save(struct onnx_file *file, const char *graph_name, const char *path) {
    struct chunks out = {0};
    sk_status status = layout(file, graph_name, &out);
    return status == SK_OK ? chunks_save(&out, path) : status_prefix(status, "%s", path);
}

void onnx_free(struct onnx_file *file) {
    text_free(&file->nodes);
    text_free(&file->inputs);
    text_free(&file->outputs);
    text_free(&file->metadata);
}
