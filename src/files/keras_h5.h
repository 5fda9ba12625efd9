/* keras_h5.h — Keras's weights: legacy .h5 (also within a whole saved model) and Keras 3's .weights.h5.
 *
 * The HDF5 itself is read by the helper program siskin-h5. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_KERAS_H5_H
#define SK_FILES_KERAS_H5_H

#include "files/weights.h"

/* Read a file through the helper. Tensors are called "<layer>/<variable>", as Keras calls them: "block_1_expand/kernel".
 * A .weights.h5 from before Keras wrote its layers' names in it has "conv2d_3/kernel": class, and number in the model's
 * order. weights_close frees what the tensors point into. */
sk_status keras_h5_open(struct arena *arena, const char *path, struct weights *out);

/* The same from what the helper made of the file: datasets by path, attributes as metadata. Renames in place. */
sk_status keras_h5_name(struct arena *arena, struct weights *weights);

#endif
