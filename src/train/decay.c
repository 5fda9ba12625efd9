/* decay.c — the weight-decay mask: rules by what a tensor is, patterns by its name.
 *
 * The same words in different code: jax's masks go by module name, torchvision's by module type, timm's by rank
 * (one_dim). SPDX-License-Identifier: Apache-2.0 */
#include "train/decay.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "train/optimizer.h"

struct rule {
    const char *name;
    bool (*hits)(const struct decay_tensor *tensor);
};

static bool hits_bias(const struct decay_tensor *t) {
    size_t length = strlen(t->name);
    return !strcmp(t->name, "bias") || (length > 5 && !strcmp(t->name + length - 5, ".bias"));
}

static bool hits_norm(const struct decay_tensor *t) {
    return t->kind == DECAY_BATCH_NORM || t->kind == DECAY_LAYER_NORM;
}

static bool hits_batch_norm(const struct decay_tensor *t) {
    return t->kind == DECAY_BATCH_NORM;
}

static bool hits_layer_norm(const struct decay_tensor *t) {
    return t->kind == DECAY_LAYER_NORM;
}

/* The kernel; a depthwise convolution's bias falls under `bias`. */
static bool hits_depthwise(const struct decay_tensor *t) {
    return t->kind == DECAY_DEPTHWISE && !hits_bias(t);
}

static bool hits_layer_scale(const struct decay_tensor *t) {
    return t->kind == DECAY_LAYER_SCALE;
}

static bool hits_one_dim(const struct decay_tensor *t) {
    return t->rank <= 1;
}

/* To add a rule: a function and a row, and its name in the help of weight_decay.exclude. */
static const struct rule rules[] = {
    {"bias", hits_bias},
    {"norm", hits_norm},
    {"batch_norm", hits_batch_norm},
    {"layer_norm", hits_layer_norm},
    {"depthwise", hits_depthwise},
    {"layer_scale", hits_layer_scale},
    {"one_dim", hits_one_dim},
};
enum { RULES = sizeof rules / sizeof *rules };

static const struct rule *find_rule(const char *name) {
    for (int i = 0; i < RULES; i++) {
        if (!strcmp(rules[i].name, name)) return &rules[i];
    }
    return NULL;
}

/* A pattern has a dot or a wildcard; a word without is meant as a rule. */
static sk_status check_entry(const struct recipe *recipe, const char *entry) {
    if (find_rule(entry) || strpbrk(entry, ".*?")) return SK_OK;
    const char *names[RULES + 1];
    for (int i = 0; i < RULES; i++) names[i] = rules[i].name;
    names[RULES] = "a pattern with . * or ?";
    return recipe_fail_word(recipe, RECIPE_weight_decay_exclude, entry, names, RULES + 1);
}

sk_status decay_decide(const struct recipe *recipe, const struct decay_tensor *tensors, size_t count,
                       struct decay_decision *decisions) {
    for (size_t i = 0; i < count; i++) decisions[i] = (struct decay_decision){recipe->weight_decay_value, "decayed"};
    for (size_t e = 0; e < recipe->weight_decay_exclude.count; e++) {
        const char *entry = recipe->weight_decay_exclude.item[e];
        const struct rule *rule = find_rule(entry);
        size_t hit = 0;
        TRY(check_entry(recipe, entry));
        for (size_t i = 0; i < count; i++) {
            if (!(rule ? rule->hits(&tensors[i]) : glob_match(entry, tensors[i].name))) continue;
            hit++;
            if (!strcmp(decisions[i].rule, "decayed")) decisions[i] = (struct decay_decision){0, entry};
        }
        if (!rule && !hit)
            return recipe_fail(recipe, RECIPE_weight_decay_exclude, "the pattern '%.80s' hits no parameter", entry);
    }
    return SK_OK;
}

void decay_segments(const struct decay_tensor *tensors, const struct decay_decision *decisions, size_t count,
                    int64_t elements, struct decay_segment *segments) {
    for (size_t i = 0; i < count; i++) {
        segments[i] = (struct decay_segment){
            .begin = i ? tensors[i].offset : 0,
            .end = i + 1 < count ? tensors[i + 1].offset : elements,
            .decay = decisions[i].coefficient,
        };
    }
}
