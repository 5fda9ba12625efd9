/* start.h — beginning with a model file: its arguments and preprocessing into the recipe, its weights by name.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_START_H
#define SK_TRAIN_START_H

#include "augment/preprocess.h"
#include "files/recipe.h"
#include "models/network.h"

/* What a run began with. */
struct start {
    struct network *from;         /* NULL: fresh weights, or gone on with */
    bool known;                   /* args and preprocess are those of a model file */
    struct model_args args;       /* before the recipe's own keys */
    struct preprocess preprocess; /* the same */
};

/* Open recipe.init_from, where it is set, and let the recipe's keys that were left at their default follow it. */
sk_status start_open(struct start *start, struct recipe *recipe);
void start_free(struct start *start);

/* RUN/model.json: arguments and preprocessing of the network that is trained, for a resume, which does without the model
 * file. Reading leaves *start unknown where there is no such file. */
sk_status start_keep(const char *run, const struct model_args *args, const struct preprocess *preprocess);
sk_status start_find(struct start *start, const char *run);

/* Take everything but the head from the model file, and the head where the classes are the same and head.reset is
 * false; what is not there, or has another shape, is an error. say(user, sentence) tells what stays fresh. */
struct start_call {
    const struct recipe *recipe;
    const char *const *classes; /* of the data */
    void (*say)(void *user, const char *sentence);
    void *user;
};
sk_status start_take(const struct start *start, const struct start_call *call, struct network *to);

#endif
