/* recipe_import_word.h — siskin recipe import.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_RECIPE_IMPORT_WORD_H
#define SK_VERBS_RECIPE_IMPORT_WORD_H

#include "verbs/verb.h"

/* `recipe import FILE`, `recipe import -- COMMAND …`, with --from, --world, --images, -o. */
sk_status recipe_import_word(struct call *call);

#endif
