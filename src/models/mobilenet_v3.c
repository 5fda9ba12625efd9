/* mobilenet_v3.c — MobileNetV3 Large and Small: searched inverted residuals with squeeze-excite and hardswish (Howard et
 * al., ICCV 2019).
 *
 * Layers, names and rounding as torchvision's `mobilenet_v3_large` and `_small`, with its reduced_tail and dilated forms;
 * timm's and Keras's fixed heads and minimal forms. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "models/blocks.h"
#include "models/init.h"

/* Tables 1 and 2 of the paper: kernel, expanded, out, squeeze-excite, activation, stride. */
struct row {
    int kernel, expanded, out, squeeze; /* squeeze: 0 none, 1 a quarter of expanded, more: its channels */
    enum act act;
    int stride, dilation;
};
#define RE ACT_RELU
#define HS ACT_HARDSWISH
static const struct row large[] = {
    {3, 16, 16, 0, RE, 1, 1},   {3, 64, 24, 0, RE, 2, 1},   {3, 72, 24, 0, RE, 1, 1},   {5, 72, 40, 1, RE, 2, 1},
    {5, 120, 40, 1, RE, 1, 1},  {5, 120, 40, 1, RE, 1, 1},  {3, 240, 80, 0, HS, 2, 1},  {3, 200, 80, 0, HS, 1, 1},
    {3, 184, 80, 0, HS, 1, 1},  {3, 184, 80, 0, HS, 1, 1},  {3, 480, 112, 1, HS, 1, 1}, {3, 672, 112, 1, HS, 1, 1},
    {5, 672, 160, 1, HS, 2, 1}, {5, 960, 160, 1, HS, 1, 1}, {5, 960, 160, 1, HS, 1, 1},
};
static const struct row small[] = {
    {3, 16, 16, 1, RE, 2, 1},  {3, 72, 24, 0, RE, 2, 1},  {3, 88, 24, 0, RE, 1, 1},  {5, 96, 40, 1, HS, 2, 1},
    {5, 240, 40, 1, HS, 1, 1}, {5, 240, 40, 1, HS, 1, 1}, {5, 120, 48, 1, HS, 1, 1}, {5, 144, 48, 1, HS, 1, 1},
    {5, 288, 96, 1, HS, 2, 1}, {5, 576, 96, 1, HS, 1, 1}, {5, 576, 96, 1, HS, 1, 1},
};
static const char *const published[] = {"mobilenet_v3_large", "mobilenet_v3_small", NULL};
static const struct {
    const struct row *rows;
    int count, head; /* head: channels between the two linear layers */
} networks[] = {{large, sizeof large / sizeof *large, 1280}, {small, sizeof small / sizeof *small, 1024}};
enum { STEM = 16, WIDER = 6 }; /* the last convolution has six times the channels of the last block */

static void defaults(struct model_args *args, int which) {
    model_args_imagenet(args);
    args->dropout = 0.2;
    args->norm_eps = 1e-3;
    args->norm_momentum = 0.01;
    args->stages = networks[which].count;
    for (int i = 0; i < networks[which].count; i++) args->strides[i] = networks[which].rows[i].stride;
}

static struct row row_of(const struct model_args *args, int which, int i) {
    if (!args->row_count) return networks[which].rows[i];
    const int64_t *item = args->rows[i].item;
    return (struct row){.kernel = (int)item[0],
                        .expanded = (int)item[1],
                        .out = (int)item[2],
                        .squeeze = (int)item[3],
                        .act = (enum act)item[ROW_ACT],
                        .stride = (int)item[5],
                        .dilation = args->rows[i].count > 6 ? (int)item[6] : 1};
}

static bool between(int64_t value, int64_t low, int64_t high) {
    return low <= value && value <= high;
}

static sk_status check(const struct model_args *args) {
    int count = networks[model_which(published, args->name)].count;
    FAIL_IF(!args->row_count && args->stages != count, SK_EUSAGE, "%s has %d blocks, but model.strides names %lld",
            args->name, count, (long long)args->stages);
    for (int i = 0; i < args->row_count; i++) {
        const struct model_row *row = &args->rows[i];
        const int64_t *item = row->item;
        bool sound = between(row->count, 6, 7) && between(item[0], 1, 31) && item[0] % 2 == 1 &&
                     between(item[1], 1, 65536) && between(item[2], 1, 65536) && between(item[3], 0, 65536) &&
                     (row->count < 7 || between(item[6], 1, 64));
        FAIL_IF(
            !sound, SK_EUSAGE,
            "%s: row %d of model.blocks must be [odd kernel, expanded, out, squeeze, activation, stride, dilation] as "
            "[3, 16, 16, 0, RE, 1]; the dilation may be left out",
            args->name, i + 1);
    }
    return SK_OK;
}

/* The row as these arguments have it: reduced, dilated, minimal; channels not yet multiplied. `tail` is the last row
 * with a stride, where backbones' fourth level begins. */
static struct row shaped_row(const struct model_args *args, int which, int i, int tail) {
    struct row row = row_of(args, which, i);
    if (args->reduced_tail && i >= tail) row.out /= 2;
    if (args->reduced_tail && i > tail) row.expanded /= 2;
    if (args->dilated && i >= tail) row.dilation = 2;
    if (row.act == ACT_HARDSWISH && args->activation != ACT_NONE) row.act = args->activation;
    if (args->minimal) row.kernel = 3, row.squeeze = 0, row.act = ACT_RELU;
    row.stride = (int)args->strides[i];
    return row;
}

/* Stages among the first `rows` rows: one begins where the channels change. */
static int stages_before(const struct model_args *args, int which, int rows) {
    int stages = 0;
    for (int i = 0; i < rows; i++) stages += i == 0 || row_of(args, which, i).out != row_of(args, which, i - 1).out;
    return stages;
}

static int64_t squeeze_of(const struct row *row, int64_t hidden) {
    return row->squeeze == 1 ? make_divisible((double)(hidden / 4), 8) : row->squeeze;
}

static int build_head(struct graph *graph, const struct model_args *args, int x, int which, enum act act) {
    double wide = args->fixed_head ? fmax(1, args->width_mult) : args->width_mult;
    int head = networks[which].head / (args->reduced_tail ? 2 : 1);
    x = build_gap(graph, x, "avgpool");
    x = build_linear(graph, x, make_divisible(head * wide, 8), "classifier.0");
    x = build_act(graph, x, act, "classifier.1");
    return x;
}

static int build(struct graph *graph, const struct model_args *args, int image, bool training) {
    int which = model_which(published, args->name), count = (int)args->stages, tail = 0;
    struct block_style style = block_style(args, training, args->minimal ? ACT_RELU : ACT_HARDSWISH);
    struct drop_rates drops = drop_rates(args, stages_before(args, which, count));
    drops.blocks = count;
    for (int i = 0; i < count; i++)
        if (row_of(args, which, i).stride > 1) tail = i;

    char name[64];
    double w = args->width_mult;
    bool fixed_stem = args->fixed_head && w < 0.75; /* timm's rule */
    int64_t in = fixed_stem ? STEM : make_divisible(STEM * w, args->round_nearest), before = STEM;
    struct conv stem = {.out = in, .kernel = 3, .stride = (int)args->stem_stride};
    int x = conv_norm_act(graph, image, "features.0", stem, &style);
    for (int i = 0; i < count; i++) {
        struct row row = shaped_row(args, which, i, tail);
        double expanded = args->fixed_head ? (double)(in * row.expanded) / (double)before : row.expanded * w;
        int64_t hidden = make_divisible(expanded, args->round_nearest);
        struct mbconv block = {.kernel = row.kernel,
                               .stride = row.stride,
                               .dilation = row.dilation,
                               .in = in,
                               .hidden = hidden,
                               .out = make_divisible(row.out * w, args->round_nearest),
                               .act = row.act,
                               .se = {squeeze_of(&row, hidden), ACT_RELU, ACT_HARDSIGMOID},
                               .drop = next_drop(&drops, stages_before(args, which, i + 1) - 1)};
        snprintf(name, sizeof name, "features.%d", i + 1);
        x = mbconv(graph, x, name, &block, &style);
        in = block.out, before = row.out;
    }
    snprintf(name, sizeof name, "features.%d", count + 1);
    x = conv_norm_act(graph, x, name, (struct conv){.out = WIDER * in}, &style);
    x = build_head(graph, args, x, which, style.act);
    if (training) x = build_dropout(graph, x, args->dropout, false, "classifier.2");
    return last_layers(graph, args, x, training, "classifier.3");
}

const struct model_family family_mobilenet_v3 = {
    .name = "mobilenet_v3",
    .published = published,
    .defaults = defaults,
    .check = check,
    .build = build,
    .uses = USES_SAME_PADDING | USES_REDUCED_TAIL | USES_DILATED | USES_MINIMAL | USES_FIXED_HEAD | USES_ROWS |
            USES_DROPOUT | USES_BATCH_NORM,
    .head = "classifier.",
    .classifier = "classifier.3",
    .init = &init_mobilenet,
};
