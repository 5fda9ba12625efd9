/* trace_policy.c — what a recipe's random policy comes to: each operation with its chance and its arguments.
 *
 * The same magnitude means different things in the three sources; here they stand side by side in pixels, degrees and
 * factors of this input's size. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/from_recipe.h"
#include "train/recipe_policy.h"

static const char *const sources[] = {[PIXEL_RULES_TORCHVISION] = "torchvision",
                                      [PIXEL_RULES_TIMM] = "timm",
                                      [PIXEL_RULES_TF] = "TF Model Garden",
                                      [PIXEL_RULES_TENSOR] = "torchvision, on tensors"};
static const char *const filters[] = {[POLICY_FILTER_NEAREST] = "nearest",
                                      [POLICY_FILTER_BILINEAR] = "bilinear",
                                      [POLICY_FILTER_BICUBIC] = "bicubic",
                                      [POLICY_FILTER_RANDOM] = "bilinear or bicubic"};

/* "ShearX +-0.27": the argument at a level, or both where a sign is drawn and they are not each other's negative. */
static void add_argument(const struct policy *p, const struct policy_op *op, double level, int side,
                         struct text *text) {
    struct policy_chance plus = {.level = level, .draw = 1}, minus = {.level = level, .negative = true};
    struct pixel_step up = policy_step(p, op, &plus, side, side), down = policy_step(p, op, &minus, side, side);
    text_addf(text, "%s", pixel_op_name(op->op));
    if (op->scale == LEVEL_NONE) return;
    if (!level_is_signed(op->scale))
        text_addf(text, " %.6g", up.argument);
    else if (up.argument == -down.argument)
        text_addf(text, " +-%.6g", up.argument);
    else
        text_addf(text, " %.6g or %.6g", up.argument, down.argument);
}

static void add_set(const struct policy *p, int side, struct text *text) {
    double sum = 0;
    const struct policy_op *op;
    for (int i = 0; (op = policy_op_at(p->set, i)); i++)
        if (!(p->exclude >> op->op & 1)) sum += op->weight;
    if (p->of == PIXEL_RULES_TF && p->kind == POLICY_RAND) sum += 1;
    double level = fmin(p->magnitude, p->of == PIXEL_RULES_TIMM ? p->magnitude_max : p->magnitude);
    if (p->kind == POLICY_TRIVIAL) level = p->bins - 1;
    if (p->of == PIXEL_RULES_TENSOR) level = p->magnitude - 1;
    for (int i = 0; (op = policy_op_at(p->set, i)); i++) {
        if (p->exclude >> op->op & 1) continue;
        text_addf(text, "  %6.3f ", op->weight / sum);
        add_argument(p, op, level, side, text);
        text_add(text, "\n");
    }
    if (p->of == PIXEL_RULES_TF && p->kind == POLICY_RAND)
        text_addf(text, "  %6.3f nothing (the index drawn goes one too far)\n", 1 / sum);
}

static void add_list(const struct policy *p, int side, struct text *text) {
    const struct policy_row *row;
    for (int i = 0; (row = policy_row_at(p->list, i)); i++) {
        text_add(text, "  ");
        for (int k = 0; k < 3 && row->step[k].op != PIXEL_IDENTITY; k++) {
            const struct policy_op op = policy_list_op(p, row->step[k].op);
            text_addf(text, "%s%g ", k ? ", then " : "", row->step[k].probability);
            add_argument(p, &op, row->step[k].level, side, text);
        }
        text_add(text, "\n");
    }
}

static void add_noise(const struct policy *p, struct text *text) {
    if (p->of == PIXEL_RULES_TF && p->magnitude_std > 0)
        text_add(text, "  the magnitude has a deviation of 1 whatever magnitude_std says, cut to 0 to 10\n");
    else if (p->of == PIXEL_RULES_TIMM && isinf(p->magnitude_std))
        text_addf(text, "  the magnitude is drawn from 0 to %g for each operation\n", p->magnitude);
    else if (p->of == PIXEL_RULES_TIMM && p->magnitude_std > 0)
        text_addf(text, "  the magnitude has a deviation of %g, cut to 0 to %g\n", p->magnitude_std, p->magnitude_max);
}

static void add_policy(const struct policy *p, int side, struct text *text) {
    static const char *const kinds[] = {[POLICY_RAND] = "RandAugment",
                                        [POLICY_AUTO] = "AutoAugment",
                                        [POLICY_TRIVIAL] = "TrivialAugmentWide",
                                        [POLICY_MIX] = "AugMix"};
    char depth[16] = "1 to 3";
    if (p->mix_depth) snprintf(depth, sizeof depth, "%d", p->mix_depth);
    text_addf(text, "policy: %s of %s", kinds[p->kind], sources[p->of]);
    if (p->kind == POLICY_RAND)
        text_addf(text, ", %d operations a picture, each applied with a probability of %g\n", p->layers,
                  p->probability);
    if (p->kind == POLICY_AUTO) text_add(text, ", one row a picture, each operation with its probability\n");
    if (p->kind == POLICY_TRIVIAL)
        text_addf(text, ", one operation a picture at one of %d magnitudes; the highest\n", p->bins);
    if (p->kind == POLICY_MIX)
        text_addf(text, ", %d chains of %s operations, shares of alpha %g%s\n", p->mix_width, depth, p->mix_alpha,
                  p->mix_blended ? ", blended" : "");
    if (p->kind == POLICY_MIX && p->of == PIXEL_RULES_TENSOR)
        text_addf(text, "  each at one of %g magnitudes; the highest below\n", p->magnitude);
    if (p->of == PIXEL_RULES_TF)
        text_add(text, "  nearest pixels, reflected at the borders\n");
    else
        text_addf(text, "  %s, outside is (%d, %d, %d)\n", filters[p->filter], p->fill[0], p->fill[1], p->fill[2]);
    add_noise(p, text);
    if (p->kind == POLICY_AUTO)
        add_list(p, side, text);
    else
        add_set(p, side, text);
}

sk_status recipe_policy_json(const struct recipe *recipe, struct json_writer *w) {
    struct text text = {0};
    sk_status status = recipe_policy_text(recipe, &text);
    jw_array(w, "augmentation");
    for (char *line = text.data; status == SK_OK && line && *line;) {
        size_t length = strcspn(line, "\n");
        bool more = line[length] != 0;
        line[length] = 0;
        jw_string(w, NULL, line);
        line += length + more;
    }
    jw_end_array(w);
    text_free(&text);
    return status;
}

sk_status recipe_policy_text(const struct recipe *recipe, struct text *text) {
    static const char *const parts[JITTER_PARTS] = {"brightness", "contrast", "saturation", "hue"};
    struct pipeline pipeline;
    TRY(recipe_pipeline(recipe, &pipeline));
    const struct augment_options *o = &pipeline.options;
    if (o->policy.kind != POLICY_NONE) add_policy(&o->policy, o->preprocess.crop_height, text);
    for (int i = 0; i < JITTER_PARTS; i++) {
        if (o->jitter[i] == 0) continue;
        double middle = i == JITTER_HUE ? 0 : 1;
        text_addf(text, "colour jitter: %s %g to %g\n", parts[i],
                  i == JITTER_HUE ? -o->jitter[i] : fmax(0, middle - o->jitter[i]), middle + o->jitter[i]);
    }
    if (o->grayscale_probability > 0) text_addf(text, "grayscale with a probability of %g\n", o->grayscale_probability);
    return text_check(text);
}
