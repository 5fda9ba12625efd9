/* grad_cam.h — Grad-CAM: which pixels of a layer's map speak for a class.
 *
 * Selvaraju et al., ICCV 2017: the gradient of the class's logit by the map, averaged over pixels, weighs the map's
 * channels; what is positive in their sum is the answer. Running statistics, no dropout.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_EVAL_GRAD_CAM_H
#define SK_EVAL_GRAD_CAM_H

#include "base/team.h"
#include "models/network.h"

struct grad_cam_request {
    const float *image; /* (H,W,C), preprocessed */
    const char *at;     /* a layer (models/layer_name.h); NULL: the map before the last global average pool */
    int64_t class;      /* -1: the likeliest */
};

struct grad_cam {
    const char *layer; /* the node that makes the map */
    int64_t class;
    int64_t height, width;
    float *map;    /* (height,width), rectified, not scaled */
    float *logits; /* (classes) */
};

/* The answer's arrays lie in the arena. */
sk_status grad_cam(struct arena *arena, const struct network *network, struct team *team,
                   const struct grad_cam_request *request, struct grad_cam *answer);

#endif
