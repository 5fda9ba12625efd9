/* names_transform.h — one tensor from another framework's layout to torch's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_NAMES_TRANSFORM_H
#define SK_FILES_NAMES_TRANSFORM_H

#include "ir/graph.h"

/* `from` as the file of torchvision would hold `param`; channels_last: a kernel is (kh,kw,in,out), as Keras and Flax have
 * it. How is said in *transform. Copies where numbers move, else points to them. The name is the caller's. */
sk_status names_transform(struct arena *arena, const struct tensor *from, const struct param *param, bool channels_last,
                          struct tensor *to, const char **transform);

#endif
