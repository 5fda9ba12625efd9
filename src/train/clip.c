/* clip.c — torch.nn.utils.clip_grad_norm_ and clip_grad_value_; optax.clip_by_global_norm and clip.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/clip.h"

sk_status clip_make(struct clip *clip, const struct recipe *recipe) {
    *clip = (struct clip){recipe->clip_norm, recipe->clip_value, recipe->clip_norm_of == CHOICE_CLIP_OPTAX};
    if (clip->norm > 0 && clip->value > 0)
        return recipe_fail(recipe, RECIPE_clip_value,
                           "%g, but clip.norm is %g; gradients are clipped in one way or the "
                           "other",
                           clip->value, clip->norm);
    if (clip->norm == 0 && clip->optax)
        return recipe_fail(recipe, RECIPE_clip_norm_of, "optax, but clip.norm is 0: nothing is clipped by it");
    return SK_OK;
}

/* PyTorch clips a hair early: its 1e-6 stands beside the norm. */
bool clip_acts(const struct clip *clip, double norm) {
    if (clip->value > 0) return true;
    return clip->norm > 0 && (clip->optax ? norm >= clip->norm : clip->norm / (norm + 1e-6) < 1);
}

#define BOTH_REALS "train/clip_real.h"
#include "base/both_reals.h"
