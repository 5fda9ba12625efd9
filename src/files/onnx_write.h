/* onnx_write.h — an ONNX file as a list of nodes and constant tensors, with no knowledge of what they compute.
 *
 * Opset 17 in IR version 8: what ONNX Runtime, OpenVINO and PyTorch's own exporter agree on. Field numbers are those of
 * onnx.proto. Like the graph builder, no call is checked: the first failure stays and onnx_save reports it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_ONNX_WRITE_H
#define SK_FILES_ONNX_WRITE_H

#include "base/tensor.h"
#include "base/text.h"
#include "files/chunks.h"

enum { ONNX_OPSET = 17, ONNX_IR = 8, ONNX_NODE_INPUTS = 16, ONNX_NODE_ATTRIBUTES = 8, ONNX_INTEGERS = 4 };

enum onnx_kind { ONNX_NONE, ONNX_INTEGER, ONNX_FLOAT, ONNX_LIST };
struct onnx_attribute {
    const char *name;
    enum onnx_kind kind; /* ONNX_NONE ends a node's list */
    int64_t integer;
    float number;
    int64_t list[ONNX_INTEGERS];
    int count; /* of the list */
};

struct onnx_node {
    const char *op, *output; /* the output's name is the node's, too */
    const char *in[ONNX_NODE_INPUTS];
    struct onnx_attribute attribute[ONNX_NODE_ATTRIBUTES];
};

/* A way in or out; dim[0] < 0 is the symbolic "N". */
struct onnx_port {
    const char *name;
    enum dtype dtype;
    struct shape shape;
};

/* Zero-initialise but for the arena. Tensors' bytes are not copied: they live until onnx_save. */
struct onnx_file {
    struct arena *arena;
    struct text nodes, inputs, outputs, metadata; /* encoded fields, in the order of the calls */
    struct chunks tensors;
    size_t node_count;
    sk_status status;
};

void onnx_node(struct onnx_file *file, const struct onnx_node *node);
void onnx_tensor(struct onnx_file *file, const struct tensor *tensor);
void onnx_input(struct onnx_file *file, const struct onnx_port *port);
void onnx_output(struct onnx_file *file, const struct onnx_port *port);
void onnx_metadata(struct onnx_file *file, const char *key, const char *value);
/* Write atomically; fails where the one message would pass protobuf's 2 GiB. */
sk_status onnx_save(struct onnx_file *file, const char *graph_name, const char *path);
void onnx_free(struct onnx_file *file);

#endif
