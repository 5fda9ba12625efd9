/* init.c — fresh weights: the rules of five code bases for four families, each parameter from its own random sequence.
 *
 * Rows are torchvision, tf, timm, Keras, Flax (jax_examples). Biases are 0, norms 1 and 0, layer scales args.layer_scale,
 * unless a row says otherwise. torchvision cuts ConvNeXt's normal at +-2, a hundred deviations: that is no cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/init.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

/* A normal cut at two deviations has this deviation. */
static const double truncated_deviation = 0.87962566103423978;

#define HE_OUT                                                                                                         \
    { DRAW_NORMAL, FAN_OUT, 2 }
#define HE_GROUP                                                                                                       \
    { DRAW_NORMAL, FAN_GROUP, 2 }
#define HE_TRUNCATED                                                                                                   \
    { DRAW_TRUNCATED, FAN_GROUP, 2 }
#define LECUN                                                                                                          \
    { DRAW_TRUNCATED, FAN_IN, 1 }
#define GLOROT                                                                                                         \
    { DRAW_UNIFORM, FAN_AVERAGE, 1 }
#define SMALL                                                                                                          \
    { DRAW_NORMAL, FAN_NONE, 0.01 }
#define FIXED                                                                                                          \
    { DRAW_NORMAL, FAN_NONE, 0.02 }
#define FIXED_CUT                                                                                                      \
    { DRAW_CUT, FAN_NONE, 0.02 }
#define WITHIN_OUT                                                                                                     \
    { DRAW_UNIFORM, FAN_OUT, 1.0 / 3 } /* +-1/sqrt(outputs) */
#define WITHIN_IN                                                                                                      \
    { DRAW_UNIFORM, FAN_IN, 1.0 / 3 } /* +-1/sqrt(inputs) */

#define ALL(rule)                                                                                                      \
    { .conv = rule, .linear = rule, .head = rule }
#define MOBILE(rule)                                                                                                   \
    { .conv = rule, .linear = WITHIN_OUT, .head = WITHIN_OUT }

const struct init_table init_mobilenet = {.rules = {
                                              {.conv = HE_OUT, .linear = SMALL, .head = SMALL},
                                              MOBILE(HE_TRUNCATED),
                                              MOBILE(HE_GROUP),
                                              ALL(GLOROT),
                                              ALL(LECUN),
                                          }};

const struct init_table init_efficientnet = {
    .rules = {MOBILE(HE_OUT), MOBILE(HE_TRUNCATED), MOBILE(HE_GROUP), MOBILE(HE_TRUNCATED), MOBILE(HE_OUT)}};

const struct init_table init_convnext = {.rules = {
                                             ALL(FIXED),
                                             ALL(FIXED),
                                             ALL(FIXED),
                                             ALL(GLOROT),
                                             {.conv = FIXED_CUT, .linear = FIXED_CUT, .head = LECUN},
                                         }};

/* "layer1.0.bn3.weight", or bn2 where blocks have no third: torchvision's names. */
static bool resnet_last_norm(const struct graph *graph, const struct param *param) {
    const char *norm = graph_find_param(graph, "layer1.0.bn3.weight") ? ".bn3." : ".bn2.";
    return strncmp(param->name, "layer", 5) == 0 && strstr(param->name, norm);
}

const struct init_table init_resnet = {
    .rules =
        {
            {.conv = HE_OUT, .linear = WITHIN_IN, .head = WITHIN_IN, .head_bias = true},
            MOBILE(HE_TRUNCATED),
            {.conv = HE_OUT, .linear = WITHIN_IN, .head = WITHIN_IN, .head_bias = true, .zero_last_norm = true},
            ALL(GLOROT),
            {.conv = FIXED_CUT, .linear = FIXED_CUT, .head = LECUN, .zero_last_norm = true},
        },
    .last_norm = resnet_last_norm,
};

static double fan_of(enum fan fan, enum param_kind kind, const struct shape *s) {
    double taps = (double)(s->dim[0] * s->dim[1]), in = (double)s->dim[2], out = (double)s->dim[3];
    bool depthwise = kind == PARAM_DEPTHWISE;
    switch (fan) {
    case FAN_IN: return taps * in;
    case FAN_OUT: return taps * out;
    case FAN_GROUP: return depthwise ? taps : taps * out;
    case FAN_AVERAGE: return depthwise ? taps * (out + 1) / 2 : taps * (in + out) / 2;
    default: return 1;
    }
}

static double deviation_of(const struct init_rule *rule, enum param_kind kind, const struct shape *shape) {
    return rule->fan == FAN_NONE ? rule->scale : sqrt(rule->scale / fan_of(rule->fan, kind, shape));
}

static void draw(const struct init_rule *rule, double deviation, struct rng *rng, float *to, int64_t count) {
    for (int64_t j = 0; j < count; j++) { /* in memory order */
        switch (rule->draw) {
        case DRAW_NORMAL: to[j] = (float)(deviation * rng_normal(rng)); break;
        case DRAW_TRUNCATED: to[j] = (float)(deviation / truncated_deviation * rng_truncated_normal(rng)); break;
        case DRAW_CUT: to[j] = (float)(deviation * rng_truncated_normal(rng)); break;
        case DRAW_UNIFORM: to[j] = (float)((2 * rng_double(rng) - 1) * sqrt(3.0) * deviation); break;
        }
    }
}

static void fill(float *to, int64_t count, double value) {
    for (int64_t j = 0; j < count; j++) to[j] = (float)value;
}

struct init_call {
    const struct graph *graph;
    const struct model_args *args;
    const struct init_table *table;
    const struct init_rules *rules;
    const struct param *head; /* the last linear layer's weight, or NULL */
    double deviation;         /* of every kernel instead of the rules'; 0: as they say */
};

/* A hidden layer of one's own head: no published network has it, so it starts as torch's Linear does in all. */
static const struct init_rule hidden_rule = WITHIN_IN;

static bool is_hidden(const struct init_call *call, const struct param *param) {
    return call->args->head_count > 0 && strstr(param->name, ".hidden");
}

static void initialise_one(const struct init_call *call, const struct param *param, struct rng *rng, float *to) {
    const struct init_rules *rules = call->rules;
    const struct init_rule *rule = &rules->conv, plain = {DRAW_NORMAL, FAN_NONE, call->deviation};
    bool zero = false;
    switch (param->kind) {
    case PARAM_LINEAR:
        rule = param == call->head ? &rules->head : is_hidden(call, param) ? &hidden_rule : &rules->linear;
        /* fall through */
    case PARAM_CONV:
    case PARAM_DEPTHWISE:
        if (call->deviation > 0) rule = &plain;
        draw(rule, deviation_of(rule, param->kind, &param->shape), rng, to, param->count);
        break;
    case PARAM_NORM_WEIGHT:
        zero = rules->zero_last_norm && call->table->last_norm && call->table->last_norm(call->graph, param);
        fill(to, param->count, zero ? 0 : 1);
        break;
    case PARAM_BIAS:
        if (rules->head_bias && call->head && param == call->head + 1)
            draw(&rules->head, deviation_of(&rules->head, PARAM_LINEAR, &call->head->shape), rng, to, param->count);
        else
            fill(to, param->count, 0);
        break;
    case PARAM_LAYER_NORM_WEIGHT:
    case STATE_VARIANCE: fill(to, param->count, 1); break;
    case PARAM_LAYER_SCALE: fill(to, param->count, call->args->layer_scale); break;
    default: fill(to, param->count, 0); break;
    }
}

void model_initialise_by(const struct graph *graph, const struct model_args *args, enum model_init init,
                         double deviation, uint64_t seed, float *params, float *state) {
    const struct model_family *family = NULL;
    struct init_call call = {.graph = graph, .args = args, .table = &init_mobilenet, .deviation = deviation};
    if (model_find(args->name, &family) == SK_OK) {
        char head[128];
        snprintf(head, sizeof head, "%s.weight", family->classifier);
        call.head = graph_find_param(graph, head);
        if (family->init) call.table = family->init;
    }
    call.rules = &call.table->rules[init];
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        struct rng rng = rng_at(seed, RNG_INIT, 0, i);
        initialise_one(&call, param, &rng, (param->state ? state : params) + param->offset);
    }
}

void model_initialise(const struct graph *graph, const struct model_args *args, enum model_init init, uint64_t seed,
                      float *params, float *state) {
    model_initialise_by(graph, args, init, 0, seed, params, state);
}
