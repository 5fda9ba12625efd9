/* scaled.c — a base table of inverted residuals, scaled.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/scaled.h"

#include <math.h>
#include <stdio.h>

#include "models/blocks.h"

const struct scaled_stage scaled_b0[SCALED_STAGES] = {
    {1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2},  {6, 3, 2, 80, 3},
    {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1},
};

/* alpha, beta, gamma: found by the paper's authors on B0. */
static const double by_depth = 1.2, by_width = 1.1, by_size = 1.15;
enum { BASE = 224, WIDER = 4 };

static const struct scaled_table *table_of(const struct model_args *args) {
    const struct model_family *family;
    return model_find(args->name, &family) == SK_OK ? family->scaled : NULL;
}

void scaled_defaults(struct model_args *args, int which) {
    const struct scaled_table *table = table_of(args);
    const struct scaled_network *network = &table->networks[which];
    model_args_imagenet(args);
    args->width_mult = network->width;
    args->depth_mult = network->depth;
    args->height = args->width = network->size;
    args->dropout = network->dropout;
    args->stochastic_depth = 0.2;
    args->stages = SCALED_STAGES;
    for (int i = 0; i < SCALED_STAGES; i++) args->strides[i] = table->stages[i].s;
}

sk_status scaled_check(const struct model_args *args) {
    FAIL_IF(args->stages != SCALED_STAGES, SK_EUSAGE, "%s has %d stages, but model.strides names %lld", args->name,
            SCALED_STAGES, (long long)args->stages);
    return SK_OK;
}

static int repeats(const struct model_args *args, const struct scaled_table *table, int i) {
    bool fixed = table->fixed_ends && (i == 0 || i == SCALED_STAGES - 1);
    return fixed ? table->stages[i].n : (int)ceil(table->stages[i].n * args->depth_mult);
}

/* All blocks of stage i; *in becomes its channels. */
static int build_stage(struct graph *graph, const struct model_args *args, const struct scaled_table *table, int i,
                       int x, struct block_style *style, struct drop_rates *drops) {
    const struct scaled_stage *stage = &table->stages[i];
    char name[64];
    for (int j = 0; j < repeats(args, table, i) && graph->status == SK_OK; j++) {
        int64_t in = value_shape(graph, x)->dim[3];
        struct mbconv block = {.kernel = stage->k,
                               .stride = j == 0 ? (int)args->strides[i] : 1,
                               .in = in,
                               .hidden = in * stage->t,
                               .out = make_divisible(stage->c * args->width_mult, args->round_nearest),
                               .act = style->act,
                               .drop = next_drop(drops, i)};
        if (table->squeeze) block.se = (struct squeeze_excite){in >= 8 ? in / 4 : 1, style->act, ACT_SIGMOID};
        snprintf(name, sizeof name, "features.%d.%d", i + 1, j);
        x = mbconv(graph, x, name, &block, style);
    }
    return x;
}

int scaled_build(struct graph *graph, const struct model_args *args, int image, bool training) {
    const struct scaled_table *table = table_of(args);
    struct block_style style = block_style(args, training, table->act);
    struct drop_rates drops = drop_rates(args, SCALED_STAGES);
    for (int i = 0; i < SCALED_STAGES; i++) drops.blocks += repeats(args, table, i);

    double wide = table->fixed_ends ? 1 : args->width_mult;
    struct conv stem = {
        .out = make_divisible(table->stem * wide, args->round_nearest), .kernel = 3, .stride = (int)args->stem_stride};
    int x = conv_norm_act(graph, image, "features.0", stem, &style);
    for (int i = 0; i < SCALED_STAGES; i++) x = build_stage(graph, args, table, i, x, &style, &drops);
    if (graph->status != SK_OK) return 0;
    struct conv last = {.out = table->head ? table->head : WIDER * value_shape(graph, x)->dim[3]};
    x = conv_norm_act(graph, x, "features.8", last, &style);
    x = build_gap(graph, x, "avgpool");
    if (training) x = build_dropout(graph, x, args->dropout, false, "classifier.0");
    return last_layers(graph, args, x, training, "classifier.1");
}

void scaled_notes(const struct model_args *args, struct text *text) {
    const struct scaled_table *table = table_of(args);
    const struct scaled_network *network = &table->networks[model_which(table->published, args->name)];
    text_addf(
        text,
        "compound scaling: depth_mult %.4g is phi %.2f (alpha 1.2), width_mult %.4g is phi %.2f (beta 1.1), input "
        "%lld is phi %.2f (gamma 1.15 from 224)\n",
        args->depth_mult, log(args->depth_mult) / log(by_depth), args->width_mult,
        log(args->width_mult) / log(by_width), (long long)args->height,
        log((double)args->height / BASE) / log(by_size));
    if (args->width_mult != network->width || args->depth_mult != network->depth) return;
    text_addf(text, "%s as published: %.4g, %.4g, %d; the rule at phi %g gives %.4g, %.4g, %.0f\n", args->name,
              network->depth, network->width, network->size, network->phi, pow(by_depth, network->phi),
              pow(by_width, network->phi), BASE * pow(by_size, network->phi));
}
