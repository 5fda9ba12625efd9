/* onnx_export.h — a network as an ONNX file: opset 17, NCHW, input "image", output "logits".
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_ONNX_EXPORT_H
#define SK_TRAIN_ONNX_EXPORT_H

#include "augment/preprocess.h"
#include "models/network.h"

struct onnx_options {
    int64_t batch;                       /* 0: the batch's size stays open, as "N" */
    bool keep_norms;                     /* BatchNormalization nodes instead of folded weights */
    bool softmax;                        /* a second output, "probabilities" */
    const struct preprocess *preprocess; /* "image" is u8 (N,H,W,C) at the crop's size, normalised inside; or NULL */
};

/* Write atomically; *nodes: how many nodes the file has. */
sk_status onnx_export(const struct network *network, const struct onnx_options *options, const char *path,
                      size_t *nodes);

#endif
