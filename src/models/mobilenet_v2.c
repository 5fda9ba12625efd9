/* mobilenet_v2.c — MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al., CVPR 2018).
 *
 * Layers, names and rounding as torchvision's `mobilenet_v2`; the strides of stem and stages are arguments, for small
 * pictures. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "models/blocks.h"

/* Expansion t, output channels c, repeats n, stride s of the first block: table 2 of the paper. */
struct stage {
    int t, c, n, s;
};
static const struct stage stages[] = {
    {1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
};
enum { STAGES = sizeof stages / sizeof *stages, STEM = 32, LAST = 1280 };

static void defaults(struct model_args *args) {
    *args = (struct model_args){.num_classes = 1000,
                                .height = 224,
                                .width = 224,
                                .in_channels = 3,
                                .round_nearest = 8,
                                .width_mult = 1,
                                .dropout = 0.2,
                                .stem_stride = 2,
                                .stages = STAGES,
                                .norm_eps = 1e-5,
                                .norm_momentum = 0.1,
                                .norm_unbiased = true};
    for (int i = 0; i < STAGES; i++) args->strides[i] = stages[i].s;
}

static sk_status check(const struct model_args *args) {
    FAIL_IF(args->stages != STAGES, SK_EUSAGE, "mobilenet_v2 has %d stages, but model.strides names %lld", STAGES,
            (long long)args->stages);
    return SK_OK;
}

static int build(struct graph *graph, const struct model_args *args, int image, bool training) {
    struct block_style style = block_style(args, training, ACT_RELU6);
    int blocks = 0, done = 0, index = 0;
    for (int i = 0; i < STAGES; i++) blocks += stages[i].n;

    char name[64];
    int64_t in = make_divisible(STEM * args->width_mult, args->round_nearest);
    int x = conv_norm_act(graph, image, "features.0",
                          (struct conv){.out = in, .kernel = 3, .stride = (int)args->stem_stride}, &style);
    for (int i = 0; i < STAGES; i++) {
        int64_t out = make_divisible(stages[i].c * args->width_mult, args->round_nearest);
        for (int j = 0; j < stages[i].n; j++, done++) {
            snprintf(name, sizeof name, "features.%d", ++index);
            struct inverted_residual_block block = {.kernel = 3,
                                                    .stride = j == 0 ? (int)args->strides[i] : 1,
                                                    .in = in,
                                                    .hidden = in * stages[i].t,
                                                    .out = out,
                                                    .drop = args->stochastic_depth * done / blocks};
            x = inverted_residual_v2(graph, x, name, &block, &style);
            in = out;
        }
    }
    double wide = args->width_mult > 1 ? args->width_mult : 1;
    snprintf(name, sizeof name, "features.%d", ++index);
    x = conv_norm_act(graph, x, name, (struct conv){.out = make_divisible(LAST * wide, args->round_nearest)}, &style);
    x = build_gap(graph, x, "avgpool");
    if (training) x = build_dropout(graph, x, args->dropout, false, "classifier.0");
    return build_linear(graph, x, args->num_classes, "classifier.1");
}

const struct model_family family_mobilenet_v2 = {
    .name = "mobilenet_v2",
    .defaults = defaults,
    .check = check,
    .build = build,
    .classifier = "classifier.1",
};
