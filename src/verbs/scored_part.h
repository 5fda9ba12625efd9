/* scored_part.h — the part of a dataset that eval and predict look at, checked against the model's classes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_SCORED_PART_H
#define SK_VERBS_SCORED_PART_H

#include "data/data.h"
#include "models/network.h"
#include "verbs/verb.h"

/* MODEL where it may also be a run's folder: then its best model, the data that it was trained on, and its lists. */
struct scored_model {
    const char *path; /* of the model file, or the argument itself */
    const char *spec; /* --data, else the run's data; NULL: neither */
    const char *lists; /* the run's split, or NULL; not with --data */
    bool skip_corrupt; /* a run that went on without pictures that cannot be decoded */
};
/* The model file of a run that option --weights names, or its best. */
sk_status run_weights(struct call *call, const char *run, const struct recipe *recipe, const char **path);
sk_status scored_model(struct call *call, const char *argument, struct scored_model *model);

/* Option --part, else test where there is one, else val; said where val was split off train. */
sk_status scored_part_open(const struct call *call, const struct scored_model *model, const struct network *network,
                           enum exif_policy exif, struct dataset **dataset, enum data_part *part);

#endif
