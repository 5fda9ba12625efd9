/* resnet.c — ResNet 18 to 152: residual blocks (He et al., CVPR 2016), the stride in the 3x3 convolution ("v1.5").
 *
 * Layers and names as torchvision's `resnet18` … `resnet152`; with same_padding TF's in the 3x3 convolutions and the max
 * pool, but not in the stem, as jax_examples and TF's Model Garden have it. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "models/blocks.h"
#include "models/init.h"

enum { STAGES = 4, STEM = 64, WIDER = 4 };
static const struct {
    bool bottleneck;
    int repeats[STAGES];
} networks[] = {
    {false, {2, 2, 2, 2}}, {false, {3, 4, 6, 3}}, {true, {3, 4, 6, 3}}, {true, {3, 4, 23, 3}}, {true, {3, 8, 36, 3}},
};
static const char *const published[] = {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152", NULL};

static void defaults(struct model_args *args, int which) {
    (void)which;
    model_args_imagenet(args);
    args->stages = STAGES;
    for (int i = 0; i < STAGES; i++) args->strides[i] = i == 0 ? 1 : 2;
}

static sk_status check(const struct model_args *args) {
    FAIL_IF(args->stages != STAGES, SK_EUSAGE, "%s has %d layers, but model.strides names %lld", args->name, STAGES,
            (long long)args->stages);
    return SK_OK;
}

struct residual {
    bool bottleneck;
    int stride, dilation; /* of the 3x3 convolution (of the first one) */
    int64_t width;        /* channels inside */
    double drop;
};

/* "<name>.conv<i>", "<name>.bn<i>", and the activation where there is one. */
static int conv_bn(struct graph *graph, int x, const char *name, int i, struct conv conv, const struct norm *norm) {
    char part[96];
    snprintf(part, sizeof part, "%s.conv%d", name, i);
    x = build_conv(graph, x, conv, part);
    snprintf(part, sizeof part, "%s.bn%d", name, i);
    return build_batch_norm(graph, x, *norm, part);
}

static int relu(struct graph *graph, int x, const char *name, int i, const struct block_style *style) {
    char part[96];
    snprintf(part, sizeof part, "%s.relu%d", name, i);
    return build_act(graph, x, style->act, part);
}

static int branch(struct graph *graph, int x, const char *name, const struct residual *r,
                  const struct block_style *style) {
    struct conv square = {.out = r->width, .kernel = 3, .stride = r->stride, .dilation = r->dilation, .padding = style->padding};
    if (!r->bottleneck) {
        x = relu(graph, conv_bn(graph, x, name, 1, square, &style->norm), name, 1, style);
        return conv_bn(graph, x, name, 2, (struct conv){.out = r->width, .kernel = 3}, &style->norm);
    }
    x = relu(graph, conv_bn(graph, x, name, 1, (struct conv){.out = r->width}, &style->norm), name, 1, style);
    x = relu(graph, conv_bn(graph, x, name, 2, square, &style->norm), name, 2, style);
    return conv_bn(graph, x, name, 3, (struct conv){.out = WIDER * r->width}, &style->norm);
}

static int block(struct graph *graph, int x, const char *name, const struct residual *r,
                 const struct block_style *style) {
    if (graph->status != SK_OK) return 0;
    char part[96];
    int input = x;
    int64_t in = value_shape(graph, x)->dim[3], out = r->width * (r->bottleneck ? WIDER : 1);
    x = branch(graph, x, name, r, style);
    if (r->stride != 1 || in != out) {
        struct block_style linear = *style;
        linear.act = ACT_NONE;
        snprintf(part, sizeof part, "%s.downsample", name);
        input = conv_norm_act(graph, input, part, (struct conv){.out = out, .stride = r->stride}, &linear);
    }
    x = residual_add(graph, input, x, r->drop, style->norm.training, name);
    return relu(graph, x, name, 3, style);
}

static int build(struct graph *graph, const struct model_args *args, int image, bool training) {
    int which = model_which(published, args->name), dilation = 1;
    struct block_style style = block_style(args, training, ACT_RELU);
    struct drop_rates drops = drop_rates(args, STAGES);
    for (int i = 0; i < STAGES; i++) drops.blocks += networks[which].repeats[i];

    char name[64];
    struct conv stem = {.out = make_divisible(STEM * args->width_mult, args->round_nearest),
                        .kernel = 7,
                        .stride = (int)args->stem_stride};
    int x = build_act(graph, build_batch_norm(graph, build_conv(graph, image, stem, "conv1"), style.norm, "bn1"),
                      style.act, "relu");
    x = build_max_pool(graph, x, (struct pool){3, 2, 1, args->same_padding}, "maxpool");
    for (int i = 0; i < STAGES; i++) {
        int before = dilation, stride = (int)args->strides[i];
        if (args->dilated && i >= 2) dilation *= stride, stride = 1;
        for (int j = 0; j < networks[which].repeats[i]; j++) {
            struct residual r = {.bottleneck = networks[which].bottleneck,
                                 .stride = j == 0 ? stride : 1,
                                 .dilation = j == 0 ? before : dilation,
                                 .width = make_divisible((STEM << i) * args->width_mult, args->round_nearest),
                                 .drop = next_drop(&drops, i)};
            snprintf(name, sizeof name, "layer%d.%d", i + 1, j);
            x = block(graph, x, name, &r, &style);
        }
    }
    x = build_gap(graph, x, "avgpool");
    if (training) x = build_dropout(graph, x, args->dropout, false, "dropout");
    return last_layers(graph, args, x, training, "fc");
}

const struct model_family family_resnet = {
    .name = "resnet",
    .published = published,
    .defaults = defaults,
    .check = check,
    .build = build,
    .uses = USES_SAME_PADDING | USES_DILATED | USES_DROPOUT | USES_BATCH_NORM,
    .head = "fc.",
    .classifier = "fc",
    .init = &init_resnet,
};
