/* convnext.c — ConvNeXt Tiny, Small, Base, Large: a ResNet rebuilt after transformers (Liu et al., CVPR 2022).
 *
 * Layers and names as torchvision's `convnext_tiny` …; its state_dict begins each block with the layer scale, so that
 * parameter is made before the layers that stand before it. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "models/blocks.h"
#include "models/init.h"
#include "ops/attrs.h"

enum { STAGES = 4, KERNEL = 7, WIDER = 4 };
static const struct {
    int dims[STAGES], depths[STAGES];
    double stochastic_depth;
} networks[] = {
    {{96, 192, 384, 768}, {3, 3, 9, 3}, 0.1},
    {{96, 192, 384, 768}, {3, 3, 27, 3}, 0.4},
    {{128, 256, 512, 1024}, {3, 3, 27, 3}, 0.5},
    {{192, 384, 768, 1536}, {3, 3, 27, 3}, 0.5},
};
static const char *const published[] = {"convnext_tiny", "convnext_small", "convnext_base", "convnext_large", NULL};

static void defaults(struct model_args *args, int which) {
    model_args_imagenet(args);
    args->norm_eps = 1e-6; /* of layer norms */
    args->layer_scale = 1e-6;
    args->stochastic_depth = networks[which].stochastic_depth;
    args->stochastic_depth_reaches_end = true;
    args->stem_stride = 4;
    args->stages = STAGES;
    for (int i = 0; i < STAGES; i++) args->strides[i] = i == 0 ? 1 : 2;
}

static sk_status check(const struct model_args *args) {
    FAIL_IF(args->stages != STAGES, SK_EUSAGE, "%s has %d stages, but model.strides names %lld", args->name, STAGES,
            (long long)args->stages);
    FAIL_IF(args->strides[0] != 1, SK_EUSAGE, "%s: the first stage has no stride of its own; set model.stem_stride",
            args->name);
    return SK_OK;
}

static int repeats(const struct model_args *args, int i) {
    return (int)ceil(networks[model_which(published, args->name)].depths[i] * args->depth_mult);
}

/* A convolution whose windows do not overlap, with bias. */
static int patches(struct graph *graph, int x, int64_t out, int64_t stride, const char *name) {
    struct conv conv = {.out = out,
                        .kernel = (int)stride,
                        .stride = (int)stride,
                        .padding = PADDING_EXPLICIT, /* none */
                        .bias = true};
    return build_conv(graph, x, conv, name);
}

static int scaled_by(struct graph *graph, int x, int scale, const char *name) {
    int in[LS_INPUTS] = {[LS_X] = x, [LS_SCALE] = scale};
    return op_value(graph, &op_layer_scale, NULL, 0, in, LS_INPUTS, name);
}

static int block(struct graph *graph, const struct model_args *args, int x, const char *name, double drop,
                 bool training) {
    if (graph->status != SK_OK) return 0;
    char part[96];
    int input = x;
    int64_t c = value_shape(graph, x)->dim[3];
    enum act act = args->activation != ACT_NONE ? args->activation : ACT_GELU;
    int scale = graph_param(graph, PARAM_LAYER_SCALE, (struct shape){1, {c}}, "%s.layer_scale", name);
    snprintf(part, sizeof part, "%s.block.0", name);
    x = build_conv(graph, x, (struct conv){.out = c, .kernel = KERNEL, .groups = (int)c, .bias = true}, part);
    snprintf(part, sizeof part, "%s.block.2", name);
    x = build_layer_norm(graph, x, args->norm_eps, part);
    snprintf(part, sizeof part, "%s.block.3", name);
    x = build_conv(graph, x, (struct conv){.out = WIDER * c, .bias = true, .linear = true}, part);
    snprintf(part, sizeof part, "%s.block.4", name);
    x = build_act(graph, x, act, part);
    snprintf(part, sizeof part, "%s.block.5", name);
    x = build_conv(graph, x, (struct conv){.out = c, .bias = true, .linear = true}, part);
    snprintf(part, sizeof part, "%s.layer_scale", name);
    x = scaled_by(graph, x, scale, part);
    return residual_add(graph, input, x, drop, training, name);
}

static int build(struct graph *graph, const struct model_args *args, int image, bool training) {
    struct drop_rates drops = drop_rates(args, STAGES);
    for (int i = 0; i < STAGES; i++) drops.blocks += repeats(args, i);
    const int *dims = networks[model_which(published, args->name)].dims;
    char name[64];
    int x = image;
    for (int i = 0; i < STAGES; i++) {
        int64_t dim = make_divisible(dims[i] * args->width_mult, args->round_nearest);
        if (i == 0) {
            x = patches(graph, x, dim, args->stem_stride, "features.0.0");
            x = build_layer_norm(graph, x, args->norm_eps, "features.0.1");
        } else {
            snprintf(name, sizeof name, "features.%d.0", 2 * i);
            x = build_layer_norm(graph, x, args->norm_eps, name);
            snprintf(name, sizeof name, "features.%d.1", 2 * i);
            x = patches(graph, x, dim, args->strides[i], name);
        }
        for (int j = 0; j < repeats(args, i); j++) {
            snprintf(name, sizeof name, "features.%d.%d", 2 * i + 1, j);
            x = block(graph, args, x, name, next_drop(&drops, i), training);
        }
    }
    x = build_gap(graph, x, "avgpool");
    x = build_layer_norm(graph, x, args->norm_eps, "classifier.0");
    if (training) x = build_dropout(graph, x, args->dropout, false, "classifier.1");
    return last_layers(graph, args, x, training, "classifier.2");
}

const struct model_family family_convnext = {
    .name = "convnext",
    .published = published,
    .defaults = defaults,
    .check = check,
    .build = build,
    .uses = USES_DEPTH_MULT | USES_DROPOUT | USES_LAYER_SCALE,
    .head = "classifier.",
    .classifier = "classifier.2",
    .init = &init_convnext,
};
