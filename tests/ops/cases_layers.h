/* cases_layers.h — cases of golden/ops.json: pooling, layer norm, gates, layer scale, concatenation, dropout.
 *
 * Part of test_ops.c, which runs them and then asks whether any op had none. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_CASES_LAYERS_H
#define SK_TEST_CASES_LAYERS_H

#include "base/rng.h"
#include "ops/golden.h"

/* ---- pooling ---- */

static int pool_layer(struct graph *g, int x, const void *one) {
    struct pool pool = {(int)json_integer(one, "kernel", 0), (int)json_integer(one, "stride", 0),
                        (int)json_integer(one, "padding", 0), false};
    return build_max_pool(g, x, pool, "layer");
}

static void max_pools(void **state) {
    (void)state;
    for (const struct json *one = json_get(golden, "max_pool")->child; one; one = one->next) {
        struct subject s = {.build = pool_layer, .with = one, .x = shape_of(json_get(one, "x"))};
        check_case(&s, one, NULL, "max_pool");
        subject_free(&s);
    }
}

static double constant_x(int64_t j, int64_t c, void *with) {
    (void)j, (void)c;
    return *(double *)with;
}

/* A tie's gradient goes to the first of the window; padding never wins, even over negatives. */
static void max_pool_ties(void **state) {
    (void)state;
    const struct json *one = json_get(golden, "max_pool_ties");
    double fill = json_number(one, "fill", 0);
    struct subject s = {
        .build = pool_layer, .with = one, .x = shape_of(json_get(one, "x")), .fill = constant_x, .fill_with = &fill};
    subject_reference(&s);
    subject_engine(&s, team);
    for (int engine = 0; engine < 2; engine++) {
        struct found y = found_y(&s, engine), dx = found_gradient(&s, engine, "x");
        for (int64_t j = 0; j < y.count; j++) assert_true(y.value[j] == number_at(json_get(one, "y"), j));
        for (int64_t j = 0; j < dx.count; j++)
            note(engine, fabs(dx.value[j] - number_at(json_get(one, "dx"), j)), "ties");
    }
    subject_free(&s);
}

static int gap_layer(struct graph *g, int x, const void *with) {
    (void)with;
    return build_gap(g, x, "layer");
}

static void average_pools(void **state) {
    (void)state;
    for (const struct json *one = json_get(golden, "global_average_pool")->child; one; one = one->next) {
        struct subject s = {.build = gap_layer, .x = shape_of(json_get(one, "x"))};
        check_case(&s, one, NULL, "global_average_pool");
        subject_free(&s);
    }
}

static int avg_pool_layer(struct graph *g, int x, const void *one) {
    struct pool pool = {(int)json_integer(one, "kernel", 0), (int)json_integer(one, "stride", 0),
                        (int)json_integer(one, "padding", 0), false};
    return build_avg_pool(g, x, pool, json_boolean(one, "exclude_padding", false), "layer");
}

/* ---- layer norm, gates, layer scale, concatenation ---- */

static double layer_norm_x(int64_t j, int64_t c, void *with) {
    (void)c, (void)with;
    return (float)(3 * symmetric(j, STREAM_X) + 2);
}

static int layer_norm_layer(struct graph *g, int x, const void *one) {
    return build_layer_norm(g, x, json_number(one, "eps", 0), "layer");
}

static int gate_layer(struct graph *g, int x, const void *with) {
    const struct shape *s = value_shape(g, x);
    (void)with;
    return build_gate(g, x, graph_param(g, PARAM_BIAS, (struct shape){2, {s->dim[0], s->dim[3]}}, "gate"), "layer");
}

static int layer_scale_layer(struct graph *g, int x, const void *with) {
    (void)with;
    return build_layer_scale(g, x, "layer");
}

static int concat_layer(struct graph *g, int x, const void *one) {
    struct shape s = *value_shape(g, x);
    s.dim[3] = json_integer(one, "other", 0);
    int in[3] = {x, graph_param(g, PARAM_BIAS, s, "b"), x};
    return build_concat(g, in, 3, "layer");
}

static int wrap_pad_layer(struct graph *g, int x, const void *one) {
    const struct json *pads = json_get(one, "pad_top_bottom_left_right");
    return build_wrap_pad(g, x, (struct wrap){item(pads, 0), item(pads, 1), item(pads, 2), item(pads, 3)}, "layer");
}

static int wrap_conv_layer(struct graph *g, int x, const void *one) {
    int64_t c = value_shape(g, x)->dim[3];
    struct conv conv = {.out = c,
                        .kernel = (int)json_integer(one, "kernel", 0),
                        .stride = (int)json_integer(one, "stride", 0),
                        .dilation = (int)json_integer(one, "dilation", 0),
                        .groups = (int)c,
                        .padding = PADDING_WRAP};
    return build_conv(g, x, conv, "layer");
}

/* Each kind of layer: its cases, how it is said, which gradients are compared beside dx. */
static const struct layer_cases {
    const char *key;
    int (*build)(struct graph *graph, int x, const void *one);
    filling *fill;
    struct checked gradients[3];
    int at_least;
} layer_cases[] = {
    {"avg_pool", avg_pool_layer, NULL, {{0}}, 9},
    {"layer_norm", layer_norm_layer, layer_norm_x, {{"dgamma", "layer.weight"}, {"dbeta", "layer.bias"}}, 4},
    {"gate", gate_layer, NULL, {{"dgate", "gate"}}, 3},
    {"layer_scale", layer_scale_layer, NULL, {{"dscale", "layer"}}, 2},
    {"wrap_pad", wrap_pad_layer, NULL, {{0}}, 4},
    {"wrap_conv", wrap_conv_layer, NULL, {{"dw", "layer.weight"}}, 10},
    {"concat", concat_layer, NULL, {{"db", "b"}}, 2},
};

static void layers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof layer_cases / sizeof *layer_cases; i++) {
        const struct layer_cases *kind = &layer_cases[i];
        int count = 0;
        for (const struct json *one = json_get(golden, kind->key)->child; one; one = one->next, count++) {
            struct subject s = {
                .build = kind->build, .with = one, .x = shape_of(json_get(one, "x")), .fill = kind->fill};
            check_case(&s, one, kind->gradients, kind->key);
            subject_free(&s);
        }
        assert_true(count >= kind->at_least);
    }
}

/* ---- dropout ---- */

struct drop {
    double p;
    bool rows;
};
static int dropout_layer(struct graph *g, int x, const void *with) {
    const struct drop *drop = with;
    return build_dropout(g, x, drop->p, drop->rows, "layer");
}

/* The same elements go in the reference, the engine and both gradients; what stays is scaled; their share is 1-p. */
static void check_dropout(struct drop drop, struct shape shape) {
    struct subject s = {.build = dropout_layer, .with = &drop, .x = shape};
    subject_reference(&s);
    subject_engine(&s, team);
    struct found y = found_y(&s, false), dx = found_gradient(&s, false, "x");
    struct found fast = found_y(&s, true), fast_dx = found_gradient(&s, true, "x");
    int64_t row = y.count / shape.dim[0], kept = 0, draws = drop.rows ? shape.dim[0] : y.count;
    for (int64_t j = 0; j < y.count; j++) {
        double x = symmetric(j, STREAM_X), dy = symmetric(j, STREAM_DY);
        bool keep = drop.rows ? y.value[j / row * row] != 0 : y.value[j] != 0;
        kept += drop.rows ? keep && j % row == 0 : keep;
        note(false, fabs(y.value[j] - (keep ? x / (1 - drop.p) : 0)), "dropout");
        note(false, fabs(dx.value[j] - (keep ? dy / (1 - drop.p) : 0)), "dropout gradient");
        note(true, fabs(fast.value[j] - y.value[j]), "dropout");
        note(true, fabs(fast_dx.value[j] - dx.value[j]), "dropout gradient");
    }
    double share = (double)kept / (double)draws, deviation = sqrt(drop.p * (1 - drop.p) / (double)draws);
    assert_true(fabs(share - (1 - drop.p)) < 4 * deviation);
    subject_free(&s);
}

/* Three random nodes in a row, the middle one by elements: what is kept is what Philox says at each node's address. */
static int drops_layer(struct graph *g, int x, const void *with) {
    (void)with;
    x = build_dropout(g, x, 0.5, true, "first");
    x = build_dropout(g, x, 0.25, false, "second");
    return build_dropout(g, x, 0.5, true, "third");
}

static void dropouts_have_streams_of_their_own(void **state) {
    (void)state;
    const struct shape shape = {4, {40, 3, 2, 5}};
    struct subject s = {.build = drops_layer, .x = shape};
    subject_reference(&s);
    subject_engine(&s, team);
    struct found y = found_y(&s, false), fast = found_y(&s, true);
    int differ = 0;
    for (int64_t i = 0; i < shape.dim[0]; i++) {
        struct rng rng[3];
        for (uint64_t k = 0; k < 3; k++)
            rng[k] = rng_at(5 + 0x9E3779B97F4A7C15u * (k + 1), RNG_DROPOUT, 2, (uint64_t)i);
        bool first = rng_float(&rng[0]) >= 0.5f, third = rng_float(&rng[2]) >= 0.5f;
        differ += first != third;
        for (int64_t j = 0; j < 30; j++) {
            bool kept = rng_float(&rng[1]) >= 0.25f && first && third;
            int64_t at = planar_index(&shape, i * 30 + j);
            double want = kept ? symmetric(at, STREAM_X) * 4 / 0.75 : 0;
            note(false, fabs(y.value[at] - want), "dropout's stream");
            note(true, fabs(fast.value[at] - want), "dropout's stream");
        }
    }
    assert_true(differ > 8);
    subject_free(&s);
}

static void dropouts(void **state) {
    (void)state;
    for (const struct json *one = json_get(golden, "dropout")->child; one; one = one->next) {
        double p = json_number(one, "p", 0);
        struct shape shape = shape_of(json_get(one, "x"));
        /* the fixture's mask and scale, which say what inverted dropout is */
        const struct json *y = json_get(one, "y"), *value = json_get(y, "value")->child;
        for (const struct json *at = json_get(y, "index")->child; at; at = at->next, value = value->next) {
            double kept = symmetric(at->integer, STREAM_X) / (1 - p);
            note(false, fabs(value->number - (formula_u(at->integer, 4) >= p ? kept : 0)), "dropout's fixture");
        }
        if (p > 0) check_dropout((struct drop){p, false}, shape);
    }
    check_dropout((struct drop){0.2, false}, (struct shape){2, {64, 1280}});
    check_dropout((struct drop){0.5, true}, (struct shape){4, {400, 2, 2, 3}});
}

#endif
