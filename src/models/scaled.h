/* scaled.h — networks that are one base table scaled in depth, width and resolution: EfficientNet and its Lite form.
 *
 * Compound scaling (Tan and Le, ICML 2019): depth alpha^phi, width beta^phi, resolution gamma^phi. What was published was
 * rounded by hand; scaled_notes says by how much. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_SCALED_H
#define SK_MODELS_SCALED_H

#include "models/init.h"
#include "models/model.h"

/* Expansion, kernel, stride of the first block, channels, repeats. */
struct scaled_stage {
    int t, k, s, c, n;
};
/* Table 1 of the paper: B0's seven stages. */
enum { SCALED_STAGES = 7 };
extern const struct scaled_stage scaled_b0[SCALED_STAGES];

/* A published network: its multipliers, input size, dropout, and the phi that it stands for. */
struct scaled_network {
    double width, depth;
    int size;
    double dropout, phi;
};

struct scaled_table {
    const struct scaled_stage *stages; /* (SCALED_STAGES) */
    const struct scaled_network *networks;
    const char *const *published;
    int stem;
    int head; /* channels of the last convolution; 0: four times the last stage's */
    enum act act;
    bool squeeze;    /* squeeze-excite with a quarter of the channels that enter the block, sigmoid gate */
    bool fixed_ends; /* width leaves stem and head alone, depth the first and the last stage */
};

/* A scaled family's functions; they take the table from the family that published args->name. */
void scaled_defaults(struct model_args *args, int which);
sk_status scaled_check(const struct model_args *args);
int scaled_build(struct graph *graph, const struct model_args *args, int image, bool training);
void scaled_notes(const struct model_args *args, struct text *text);

/* What all scaled families' rows say. */
#define SCALED_FAMILY                                                                                                  \
    .check = scaled_check, .build = scaled_build, .notes = scaled_notes, .head = "classifier.",                        \
    .classifier = "classifier.1", .init = &init_efficientnet, .scaled_from = 224,                                      \
    .uses = USES_DEPTH_MULT | USES_SAME_PADDING | USES_DROPOUT | USES_BATCH_NORM

#endif
