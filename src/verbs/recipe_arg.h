/* recipe_arg.h — RECIPE on the command line: a file, or the name of one that is installed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_RECIPE_ARG_H
#define SK_VERBS_RECIPE_ARG_H

#include "verbs/verb.h"

/* Folders that hold recipes, the first that exists wins: SISKIN_RECIPES, ./recipes, beside the program. NULL: none. */
const char *recipe_folder(struct arena *arena);

/* Names as "imagenet/mobilenet_v2", sorted; in the arena. */
sk_status recipe_names(struct arena *arena, const char ***names, size_t *count);

/* True where the argument is a recipe rather than a model. */
bool recipe_is_argument(struct arena *arena, const char *argument);

/* Load it, with the call's options and dotted keys over it. */
sk_status recipe_open(const struct call *call, struct arena *arena, const char *argument, struct recipe *recipe);

#endif
