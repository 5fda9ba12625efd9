/* init.h — how fresh weights are drawn: a rule for each kind of layer, a table of rules for each origin.
 *
 * The same network starts in five ways, by which code base it is: that decides accuracies, and a factor of 45 in the
 * deviation of depthwise weights. Every family names one of the tables below. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_INIT_H
#define SK_MODELS_INIT_H

#include "models/model.h"

enum draw {
    DRAW_NORMAL,
    DRAW_TRUNCATED, /* cut at two deviations, widened to have the one asked for: TF, Keras, Flax variance_scaling */
    DRAW_CUT,       /* cut at two deviations and left so, 0.88 of the deviation: jax.nn.initializers.truncated_normal */
    DRAW_UNIFORM,   /* with the deviation asked for: half-width sqrt(3) deviations */
};
enum fan {
    FAN_NONE,    /* the scale is the deviation; for the others the variance is scale / fan */
    FAN_IN,      /* taps * inputs of one output */
    FAN_OUT,     /* taps * outputs of the weight tensor, groups ignored: depthwise k*k*C */
    FAN_GROUP,   /* taps * outputs of one group: depthwise k*k */
    FAN_AVERAGE, /* mean of taps * inputs and taps * outputs (Glorot); depthwise as Keras, C inputs and one output */
};
struct init_rule {
    enum draw draw;
    enum fan fan;
    double scale;
};

struct init_rules {
    struct init_rule conv; /* depthwise too */
    struct init_rule linear;
    struct init_rule head; /* the last linear layer */
    bool head_bias;        /* the last layer's bias is uniform within 1/sqrt(inputs) (torch's default), not 0 */
    bool zero_last_norm;   /* the norm before each residual sum starts at weight 0 */
};
struct init_table {
    struct init_rules rules[INIT_COUNT];
    /* Is this norm weight the last of its residual branch? NULL: no family member asks. */
    bool (*last_norm)(const struct graph *graph, const struct param *param);
};

extern const struct init_table init_mobilenet, init_efficientnet, init_resnet, init_convnext;

#endif
