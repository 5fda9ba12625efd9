/* scored_part.h — the part of a dataset that eval and predict look at, checked against the model's classes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_SCORED_PART_H
#define SK_VERBS_SCORED_PART_H

#include "data/data.h"
#include "models/network.h"
#include "verbs/verb.h"

/* Option --part, else test where there is one, else val; said where val was split off train. */
sk_status scored_part_open(const struct call *call, const char *spec, const struct network *network,
                           enum exif_policy exif, struct dataset **dataset, enum data_part *part);

#endif
