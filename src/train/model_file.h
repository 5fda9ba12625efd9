/* model_file.h — writing a model file: weights, arguments, preprocessing, classes, recipe, the golden logits, the seal.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_MODEL_FILE_H
#define SK_TRAIN_MODEL_FILE_H

#include "models/network.h"

/* The network's tensors in state_dict order under torchvision's names and shapes (counters as i64), in the arena. */
sk_status model_tensors(struct arena *arena, const struct network *network, struct weights *weights);

/* What a file says beside its tensors, as pairs: version, arguments, preprocessing, classes, provenance, recipe. */
sk_status model_metadata(struct arena *arena, const struct network *network, struct weights *weights);

/* Save as a model file (atomic). Runs the golden input once on `team` to store its logits. */
sk_status model_file_save(const struct network *network, struct team *team, const char *path);

/* Replay the golden input: the greatest difference relative to the largest logit. Fails where the file has none. */
sk_status model_file_replay(const struct network *network, struct team *team, double *difference);

/* Is the file what was saved? Its seal first (SK_EGATE), then its golden input, for the caller to judge. */
struct model_check {
    char model[64];    /* the network's name */
    double difference; /* of the logits, relative to the largest */
};
sk_status model_file_check(const char *path, struct team *team, struct model_check *result);

#endif
