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
static sk_status check_entry(const struct recipe *recipe, enum recipe_key_id key, const char *entry) {
    if (find_rule(entry) || strpbrk(entry, ".*?")) return SK_OK;
    const char *names[RULES + 1];
    for (int i = 0; i < RULES; i++) names[i] = rules[i].name;
    names[RULES] = "a pattern with . * or ?";
    return recipe_fail_word(recipe, key, entry, names, RULES + 1);
}

/* What one entry of a key does to the tensors that it hits. */
struct entry {
    enum recipe_key_id key;
    const char *hits; /* a rule's name or a pattern */
    const char *text; /* the whole entry, for decisions */
    double coefficient;
    bool wins; /* over an entry before it */
};

static sk_status apply(const struct recipe *recipe, const struct entry *entry, const struct decay_tensor *tensors,
                       size_t count, struct decay_decision *decisions) {
    const struct rule *rule = find_rule(entry->hits);
    size_t hit = 0;
    TRY(check_entry(recipe, entry->key, entry->hits));
    for (size_t i = 0; i < count; i++) {
        if (!(rule ? rule->hits(&tensors[i]) : glob_match(entry->hits, tensors[i].name))) continue;
        hit++;
        if (entry->wins || !strcmp(decisions[i].rule, "decayed"))
            decisions[i] = (struct decay_decision){entry->coefficient, entry->text, 0};
    }
    if (!rule && !hit) return recipe_fail(recipe, entry->key, "the pattern '%.80s' hits no parameter", entry->hits);
    return SK_OK;
}

enum { GROUP_TEXT = 256 };

/* "norm: 0" into its two sides. */
static sk_status read_group(const struct recipe *recipe, const char *text, char hits[GROUP_TEXT], double *value) {
    const char *colon = strrchr(text, ':'), *end = colon, *right = colon;
    if (colon) {
        while (*text == ' ') text++;
        while (end > text && end[-1] == ' ') end--;
        for (right++; *right == ' ';) right++;
    }
    if (!colon || end == text || end - text >= GROUP_TEXT || !parse_f64(right, value) || !(*value >= 0 && *value <= 10))
        return recipe_fail(recipe, RECIPE_weight_decay_groups,
                           "'%.80s': expected a rule or pattern, a colon and a number from 0 to 10, as in norm: 0",
                           text);
    memcpy(hits, text, (size_t)(end - text));
    hits[end - text] = 0;
    return SK_OK;
}

sk_status decay_decide(const struct recipe *recipe, const struct decay_tensor *tensors, size_t count,
                       struct decay_decision *decisions) {
    const struct text_list *exclude = &recipe->weight_decay_exclude, *groups = &recipe->weight_decay_groups;
    if (recipe->weight_decay_l2 > 0 && recipe->weight_decay_order != CHOICE_DECAY_DECOUPLED)
        return recipe_fail(recipe, RECIPE_weight_decay_l2, "weight_decay.order is before: weight_decay.value is the L2");
    for (size_t i = 0; i < count; i++) decisions[i] = (struct decay_decision){recipe->weight_decay_value, "decayed", 0};
    for (size_t e = 0; e < exclude->count; e++) {
        struct entry entry = {RECIPE_weight_decay_exclude, exclude->item[e], exclude->item[e], 0, false};
        TRY(apply(recipe, &entry, tensors, count, decisions));
    }
    for (size_t g = 0; g < groups->count; g++) {
        char hits[GROUP_TEXT];
        struct entry entry = {RECIPE_weight_decay_groups, hits, groups->item[g], 0, true};
        TRY(read_group(recipe, groups->item[g], hits, &entry.coefficient));
        TRY(apply(recipe, &entry, tensors, count, decisions));
    }
    for (size_t i = 0; i < count; i++)
        if ((tensors[i].kind == DECAY_CONV || tensors[i].kind == DECAY_LINEAR) && !hits_bias(&tensors[i]))
            decisions[i].l2 = recipe->weight_decay_l2;
    return SK_OK;
}

void decay_segments(const struct decay_tensor *tensors, const struct decay_decision *decisions, size_t count,
                    int64_t elements, struct decay_segment *segments) {
    for (size_t i = 0; i < count; i++) {
        segments[i] = (struct decay_segment){
            .begin = i ? tensors[i].offset : 0,
            .end = i + 1 < count ? tensors[i + 1].offset : elements,
            .decay = decisions[i].coefficient,
            .l2 = decisions[i].l2,
        };
    }
}
