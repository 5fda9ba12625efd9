/* effect_rows.h — the functions of effects.def, in effect.c and effect_pictures.c.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_EFFECT_ROWS_H
#define SK_TRAIN_EFFECT_ROWS_H

#include "train/effect.h"

#define EFFECT(row, name, keys) void tell_##row(const struct effect_facts *facts, struct text *text);
#include "train/effects.def"
#undef EFFECT

#endif
