/* clip.h — clipping the gradient: by its global norm, in PyTorch's form and Optax's, or element by element.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_CLIP_H
#define SK_TRAIN_CLIP_H

#include "files/recipe.h"

struct clip {
    double norm, value; /* 0: off */
    bool optax;
};
sk_status clip_make(struct clip *clip, const struct recipe *recipe);

/* True where a gradient of this norm is changed; finite norms only. */
bool clip_acts(const struct clip *clip, double norm);
/* Elements begin … end-1 of a gradient whose global norm is `norm`. */
void clip_f32(const struct clip *clip, double norm, float *gradient, int64_t begin, int64_t end);
void clip_f64(const struct clip *clip, double norm, double *gradient, int64_t begin, int64_t end);

#endif
