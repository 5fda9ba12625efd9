/* from_published.h — an entry of the catalogue of published weights as model arguments and preprocessing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_FROM_PUBLISHED_H
#define SK_TRAIN_FROM_PUBLISHED_H

#include "augment/preprocess.h"
#include "files/published.h"
#include "models/model.h"

/* The network that the file holds, with the input size that its preprocessing ends in. */
sk_status published_model(const struct published *published, struct model_args *args);

/* Exactly what its source does with a picture. EXIF orientation is ignored, as those sources' loaders do. */
sk_status published_preprocess(const struct published *published, struct preprocess *preprocess);

#endif
