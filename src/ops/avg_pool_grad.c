/* avg_pool_grad.c — each output's gradient, divided by its window's numbers, goes to all of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/attrs.h"

enum { APG_DY, APG_X };

static sk_status avg_pool_grad_infer(struct graph *graph, int node) {
    graph_output(graph, node, 0, F32, *value_shape(graph, graph->nodes[node].in[APG_X]));
    return graph->status;
}

static int64_t inside(int64_t from, int64_t kernel, int64_t size) {
    int64_t to = from + kernel < size ? from + kernel : size;
    return to - (from > 0 ? from : 0);
}

static void avg_pool_grad_reference(const struct reference_call *call) {
    const struct avg_pool_attr *a = call->node->attr;
    const int64_t *d = value_shape(call->graph, call->node->in[APG_X])->dim;
    const int64_t *o = value_shape(call->graph, call->node->in[APG_DY])->dim;
    int64_t c = d[3];
    memset(call->out[0], 0, (size_t)(d[0] * d[1] * d[2] * c) * sizeof(double));
    for (int64_t j = 0; j < o[0] * o[1] * o[2] * c; j++) {
        int64_t n = j / (o[1] * o[2] * c), top = j / (o[2] * c) % o[1] * a->stride - a->padding;
        int64_t left = j / c % o[2] * a->stride - a->padding, count = (int64_t)a->kernel * a->kernel;
        if (a->exclude_padding) count = inside(top, a->kernel, d[1]) * inside(left, a->kernel, d[2]);
        for (int64_t h = top; h < top + a->kernel; h++)
            for (int64_t w = left; w < left + a->kernel; w++)
                if (h >= 0 && h < d[1] && w >= 0 && w < d[2])
                    call->out[0][((n * d[1] + h) * d[2] + w) * c + j % c] += call->in[APG_DY][j] / (double)count;
    }
}

const struct op op_avg_pool_grad = {
    .name = "avg_pool_grad",
    .outputs = 1,
    .infer = avg_pool_grad_infer,
    .reference = avg_pool_grad_reference,
};
