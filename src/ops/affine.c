/* affine.c — z = act(scale[c]*x + shift[c]) + add: a view written out, with a residual; every part optional.
 *
 * With add_first what is added comes under the activation, a clamp: where its slope is 0 is seen in z.
 * Activations, residual additions and the application of a norm are lowered to it where no producer's store and no
 * consumer's load takes them. SPDX-License-Identifier: Apache-2.0 */
#include "ops/attrs.h"
#include "ops/build.h"
#include "ops/gradients.h"

static sk_status affine_infer(struct graph *graph, int node) {
    const int *in = graph->nodes[node].in;
    const struct shape *x = value_shape(graph, in[AF_X]);
    FAIL_IF(in[AF_ADD] && !shape_equal(x, value_shape(graph, in[AF_ADD])), SK_ESHAPE,
            "%s: cannot add tensors of %lld and %lld numbers", graph->nodes[node].name, (long long)shape_elements(x),
            (long long)value_elements(graph, in[AF_ADD]));
    const struct affine_attr *attr = graph->nodes[node].attr;
    FAIL_IF(attr->add_first && attr->act > ACT_RELU6, SK_EINTERNAL, "%s: only a clamp follows a sum",
            graph->nodes[node].name);
    graph_output(graph, node, 0, F32, *x);
    return graph->status;
}

/* Of act(scale*x + shift + add): g reaches both, and one walk over z and x makes it and its sums. */
static void sum_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    struct affine_grad_attr grad = {((const struct affine_attr *)n.attr)->act, true,
                                    gradients_wanted(gradients, n.in[AF_SCALE])};
    int in[AG_INPUTS] = {[AG_DZ] = gradients_plain(gradients, n.out[0]),
                         [AG_X] = grad.want_sums ? n.in[AF_X] : n.out[0],
                         [AG_MADE] = n.out[0]};
    int made = op_node(graph, &op_affine_grad, &grad, sizeof grad, in, AG_INPUTS, n.name);
    int g = node_out(graph, made, AG_G);
    gradients_add(gradients, n.in[AF_ADD], g);
    if (grad.want_sums) gradients->of[n.in[AF_SCALE]].sums = node_out(graph, made, AG_SUMS);
    if (n.in[AF_SCALE])
        gradients_view(gradients, n.in[AF_X], g, n.in[AF_SCALE]);
    else
        gradients_add(gradients, n.in[AF_X], g);
}

static void affine_gradient(struct gradients *gradients, int node) {
    struct graph *graph = gradients->graph;
    struct node n = graph->nodes[node];
    const struct affine_attr *attr = n.attr;
    if (attr->add_first && n.in[AF_ADD]) {
        sum_gradient(gradients, node);
        return;
    }
    int dz = gradients_plain(gradients, n.out[0]);
    if (n.in[AF_ADD]) gradients_add(gradients, n.in[AF_ADD], dz);
    if (!n.in[AF_SCALE] && attr->act == ACT_NONE) {
        gradients_add(gradients, n.in[AF_X], dz);
        return;
    }
    struct affine_grad_attr grad = {attr->act, attr->act != ACT_NONE, gradients_wanted(gradients, n.in[AF_SCALE])};
    int in[AG_INPUTS] = {dz, n.in[AF_X], n.in[AF_SCALE], n.in[AF_SHIFT]}, made = -1;
    if (grad.want_g || grad.want_sums)
        made = op_node(graph, &op_affine_grad, &grad, sizeof grad, in, AG_INPUTS, n.name);
    int g = grad.want_g ? node_out(graph, made, AG_G) : dz;
    if (!n.in[AF_SCALE]) {
        gradients_add(gradients, n.in[AF_X], g);
        return;
    }
    if (grad.want_sums) gradients->of[n.in[AF_SCALE]].sums = node_out(graph, made, AG_SUMS);
    gradients_view(gradients, n.in[AF_X], g, n.in[AF_SCALE]);
}

static void affine_reference(const struct reference_call *call) {
    const struct affine_attr *attr = call->node->attr;
    const struct shape *x = value_shape(call->graph, call->node->in[AF_X]);
    int64_t channels = x->dim[x->rank - 1], count = shape_elements(x);
    for (int64_t j = 0; j < count; j++) {
        double add = call->in[AF_ADD] ? call->in[AF_ADD][j] : 0;
        enum act act = attr->add_first ? ACT_NONE : attr->act;
        double z = view_value(act, call->in[AF_SCALE], call->in[AF_SHIFT], j % channels, call->in[AF_X][j]) + add;
        call->out[0][j] = attr->add_first ? act_value(attr->act, z) : z;
    }
}

static sk_status affine_op_plan(const struct plan_request *request, struct step_plan *step) {
    const struct affine_attr *attr = request->node->attr;
    const struct shape *x = value_shape(request->graph, request->node->in[AF_X]);
    struct affine_job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) return SK_EMEMORY;
    job->c = x->dim[x->rank - 1];
    job->rows = shape_elements(x) / job->c;
    job->in.act = attr->act;
    job->add_first = attr->add_first;
    job->in.bf16 = value_is_bf16(request->graph, request->node->in[AF_X]);
    job->add_bf16 = value_is_bf16(request->graph, request->node->in[AF_ADD]);
    job->z_bf16 = value_is_bf16(request->graph, request->node->out[0]);
    request->kernels->affine_plan(job);
    *step = (struct step_plan){.job = job, .phases = 1, .tiles = {job->tiles}};
    return SK_OK;
}

static void affine_bind(const struct bind_request *request, void *to) {
    struct affine_job *job = to;
    job->in.x = request->in[AF_X], job->in.scale = request->in[AF_SCALE], job->in.shift = request->in[AF_SHIFT];
    job->add = request->in[AF_ADD];
    job->z = request->out[0];
}

static void affine_op_run(const struct kernels *kernels, const void *job, int phase, int64_t tile, struct lane *lane) {
    (void)phase, (void)lane;
    kernels->affine_run(job, tile);
}

const struct op op_affine = {
    .name = "affine",
    .bf16_in = SLOT(AF_X) | SLOT(AF_ADD),
    .bf16_out = SLOT(0),
    .outputs = 1,
    .infer = affine_infer,
    .gradient = affine_gradient,
    .reference = affine_reference,
    .plan = affine_op_plan,
    .bind = affine_bind,
    .run = affine_op_run,
};
