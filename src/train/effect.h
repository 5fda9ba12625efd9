/* effect.h — what a recipe comes to, named and in one set of units, so that two recipes can be laid side by side.
 *
 * Two recipes of different words can be the same run, two of the same words different ones: effects compare what is
 * computed. Each row of effects.def is one of them. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_EFFECT_H
#define SK_TRAIN_EFFECT_H

#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/trace.h"

/* What the rows read. */
struct effect_facts {
    const struct trace_input *input;
    const struct recipe *recipe;
    struct epoch_plan plan;
    struct schedule schedule;
    struct optimizer optimizer;
    struct decay_decision *decisions; /* NULL without tensors */
    double highest_lr;                /* of all steps */
    int64_t highest_at;
};

/* Settles the recipe's model keys, so that defaults of two families compare. */
sk_status effect_facts_make(struct effect_facts *facts, struct recipe *recipe, const struct trace_input *input,
                            struct arena *arena);

size_t effect_count(void);
const char *effect_name(size_t index);
/* The value for people: "0.064", "inside the root", or "none" where the recipe has no such thing. */
sk_status effect_text(size_t index, const struct effect_facts *facts, struct text *text);
/* True where a key is told by some effect. */
bool effect_tells(enum recipe_key_id id);

/* One line of a difference: an effect, or a key that no effect tells; or, with same_effect, a key that differs while the
 * effect that tells it is the same. Texts lie in the arena. */
struct effect_difference {
    const char *name, *left, *right;
    bool same_effect, is_key;
};
sk_status effect_diff(const struct effect_facts *left, const struct effect_facts *right, struct arena *arena,
                      struct effect_difference **differences, size_t *count);

#endif
