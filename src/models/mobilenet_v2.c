/* mobilenet_v2.c — MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al., CVPR 2018).
 *
 * Layers, names and rounding as torchvision's `mobilenet_v2`; the strides of stem and stages are arguments, for small
 * pictures. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "models/blocks.h"
#include "models/init.h"

/* Expansion t, output channels c, repeats n, stride s of the first block: table 2 of the paper. */
struct stage {
    int t, c, n, s;
};
static const struct stage stages[] = {
    {1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
};
enum { STAGES = sizeof stages / sizeof *stages, STEM = 32, LAST = 1280 };

static void defaults(struct model_args *args, int which) {
    (void)which;
    model_args_imagenet(args);
    args->dropout = 0.2;
    args->stages = STAGES;
    for (int i = 0; i < STAGES; i++) args->strides[i] = stages[i].s;
}

static struct stage stage_of(const struct model_args *args, int i) {
    if (!args->row_count) return stages[i];
    const int64_t *row = args->rows[i].item;
    return (struct stage){(int)row[0], (int)row[1], (int)row[2], (int)row[3]};
}

static sk_status check(const struct model_args *args) {
    FAIL_IF(!args->row_count && args->stages != STAGES, SK_EUSAGE,
            "mobilenet_v2 has %d stages, but model.strides names %lld", STAGES, (long long)args->stages);
    for (int i = 0; i < args->row_count; i++) {
        const int64_t *row = args->rows[i].item;
        bool sound = args->rows[i].count == 4 && row[0] >= 1 && row[0] <= 64 && row[1] >= 1 && row[1] <= 65536 &&
                     row[2] >= 1 && row[2] <= 256;
        FAIL_IF(!sound, SK_EUSAGE,
                "mobilenet_v2: row %d of model.blocks must be [expansion, channels, repeats, stride] as [6, 24, 2, 2]",
                i + 1);
    }
    return SK_OK;
}

/* timm's deeper variants repeat all stages more often but the first and the last. */
static int repeats(const struct model_args *args, int i) {
    int n = stage_of(args, i).n;
    return i == 0 || i == args->stages - 1 ? n : (int)ceil(n * args->depth_mult);
}

static int build(struct graph *graph, const struct model_args *args, int image, bool training) {
    struct block_style style = block_style(args, training, ACT_RELU6);
    struct drop_rates drops = drop_rates(args, (int)args->stages);
    double wide = args->fixed_head ? 1 : args->width_mult;
    int index = 0;
    for (int i = 0; i < args->stages; i++) drops.blocks += repeats(args, i);

    char name[64];
    int64_t in = make_divisible(STEM * wide, args->round_nearest);
    int x = conv_norm_act(graph, image, "features.0",
                          (struct conv){.out = in, .kernel = 3, .stride = (int)args->stem_stride}, &style);
    for (int i = 0; i < args->stages; i++) {
        struct stage stage = stage_of(args, i);
        int64_t out = make_divisible(stage.c * args->width_mult, args->round_nearest);
        for (int j = 0; j < repeats(args, i); j++) {
            snprintf(name, sizeof name, "features.%d", ++index);
            struct inverted_residual_block block = {.kernel = 3,
                                                    .stride = j == 0 ? (int)args->strides[i] : 1,
                                                    .in = in,
                                                    .hidden = in * stage.t,
                                                    .out = out,
                                                    .drop = next_drop(&drops, i)};
            x = inverted_residual_v2(graph, x, name, &block, &style);
            in = out;
        }
    }
    snprintf(name, sizeof name, "features.%d", ++index);
    struct conv last = {.out = make_divisible(LAST * fmax(1, wide), args->round_nearest)};
    x = conv_norm_act(graph, x, name, last, &style);
    x = build_gap(graph, x, "avgpool");
    if (training) x = build_dropout(graph, x, args->dropout, false, "classifier.0");
    return last_layers(graph, args, x, training, "classifier.1");
}

static const char *const published[] = {"mobilenet_v2", NULL};

const struct model_family family_mobilenet_v2 = {
    .name = "mobilenet_v2",
    .published = published,
    .defaults = defaults,
    .check = check,
    .build = build,
    .uses = USES_DEPTH_MULT | USES_SAME_PADDING | USES_WRAP_PADDING | USES_FIXED_HEAD | USES_ROWS | USES_DROPOUT | USES_BATCH_NORM,
    .head = "classifier.",
    .classifier = "classifier.1",
    .init = &init_mobilenet,
};
