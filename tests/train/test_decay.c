/* test_decay.c — the weight-decay mask against published masks, its rules and its refusals.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/decay.h"

#include "sequences.h"
#include "train/optimizer.h"

/* A network with every kind of tensor; `jax` and `jax_norm` are what a Flax mask decides for its twin with the
 * exclusions (bias, norms, depthwise, layer scale) and (batch-norm alone). */
struct twin {
    struct decay_tensor tensor;
    bool jax, jax_norm, timm;
};
static const struct twin twins[] = {
    {{"features.0.0.weight", 4, DECAY_CONV, 1, 0}, true, true, true},            /* Stem_Conv/kernel */
    {{"features.0.0.bias", 1, DECAY_CONV, 1, 0}, false, true, false},            /* Stem_Conv/bias */
    {{"features.0.1.weight", 1, DECAY_BATCH_NORM, 1, 0}, false, false, false},   /* BatchNorm_0/scale */
    {{"features.0.1.bias", 1, DECAY_BATCH_NORM, 1, 0}, false, false, false},     /* BatchNorm_0/bias */
    {{"features.1.0.weight", 4, DECAY_DEPTHWISE, 1, 0}, false, true, true},      /* DepthWise_Conv/kernel */
    {{"features.1.1.weight", 4, DECAY_CONV, 1, 0}, true, true, true},            /* Project_Conv/kernel */
    {{"features.1.layer_scale", 3, DECAY_LAYER_SCALE, 1, 0}, false, true, true}, /* LayerScale_0/scale */
    {{"features.1.2.weight", 1, DECAY_LAYER_NORM, 1, 0}, false, true, false},    /* LayerNorm_0/scale */
    {{"features.1.2.bias", 1, DECAY_LAYER_NORM, 1, 0}, false, true, false},      /* LayerNorm_0/bias */
    {{"features.2.fc1.weight", 4, DECAY_CONV, 1, 0}, true, true, true},          /* SeBlock_0/Conv_0/kernel */
    {{"features.2.fc1.bias", 1, DECAY_CONV, 1, 0}, false, true, false},          /* SeBlock_0/Conv_0/bias */
    {{"classifier.1.weight", 2, DECAY_LINEAR, 1, 0}, true, true, true},          /* Head/kernel */
    {{"classifier.1.bias", 1, DECAY_LINEAR, 1, 0}, false, true, false},          /* Head/bias */
};
enum { TENSORS = sizeof twins / sizeof *twins };

static sk_status decide(const char *exclude, struct decay_decision decisions[TENSORS], struct arena *arena) {
    struct recipe recipe;
    struct decay_tensor tensors[TENSORS];
    for (int i = 0; i < TENSORS; i++) tensors[i] = twins[i].tensor;
    assert_int_equal(recipe_default(&recipe, arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.value", "1e-5"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.exclude", exclude), SK_OK);
    return decay_decide(&recipe, tensors, TENSORS, decisions);
}

static void test_published_masks(void **state) {
    (void)state;
    struct arena arena = {0};
    struct decay_decision jax[TENSORS], jax_norm[TENSORS], timm[TENSORS];
    assert_int_equal(decide("bias,norm,depthwise,layer_scale", jax, &arena), SK_OK);
    assert_int_equal(decide("batch_norm", jax_norm, &arena), SK_OK);
    assert_int_equal(decide("one_dim,bias", timm, &arena), SK_OK);
    for (int i = 0; i < TENSORS; i++) {
        assert_true(jax[i].coefficient == (twins[i].jax ? 1e-5 : 0));
        assert_true(jax_norm[i].coefficient == (twins[i].jax_norm ? 1e-5 : 0));
        assert_true(timm[i].coefficient == (twins[i].timm ? 1e-5 : 0));
    }
    arena_free(&arena);
}

static void test_rule_is_named(void **state) {
    (void)state;
    struct arena arena = {0};
    struct decay_decision d[TENSORS];
    assert_int_equal(decide("bias, norm, features.1.*", d, &arena), SK_OK);
    assert_string_equal(d[0].rule, "decayed");
    assert_string_equal(d[1].rule, "bias");
    assert_string_equal(d[2].rule, "norm");
    assert_string_equal(d[3].rule, "bias"); /* the first that hits */
    assert_string_equal(d[4].rule, "features.1.*");
    assert_true(d[4].coefficient == 0 && d[0].coefficient == 1e-5);
    arena_free(&arena);
}

/* torchvision's --norm-weight-decay 0 --bias-weight-decay 2e-5, and a part with a value of its own; the last one counts. */
static void test_groups(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct decay_tensor tensors[TENSORS];
    struct decay_decision d[TENSORS];
    for (int i = 0; i < TENSORS; i++) tensors[i] = twins[i].tensor;
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.value", "1e-4"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.exclude", "classifier.*"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.groups", "norm: 0, bias :2e-5, features.2.*: 3e-5"), SK_OK);
    assert_int_equal(decay_decide(&recipe, tensors, TENSORS, d), SK_OK);
    static const double want[TENSORS] = {1e-4, 2e-5, 0, 2e-5, 1e-4, 1e-4, 1e-4, 0, 2e-5, 3e-5, 3e-5, 0, 2e-5};
    for (int i = 0; i < TENSORS; i++) assert_true(d[i].coefficient == want[i]);
    assert_string_equal(d[2].rule, "norm: 0");
    static const char *const bad[] = {"norm", "norm: x", ": 1", "nrom: 1", "blocks.*: 1", "norm: 11", "norm: -1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(recipe_set(&recipe, "weight_decay.groups", bad[i]), SK_OK);
        assert_int_equal(decay_decide(&recipe, tensors, TENSORS, d), SK_EUSAGE);
        assert_non_null(strstr(sk_error(), "weight_decay.groups"));
    }
    arena_free(&arena);
}

/* A depthwise convolution's bias is a bias. */
static void test_depthwise_bias(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct decay_decision decision;
    static const struct decay_tensor bias = {"features.1.0.bias", 1, DECAY_DEPTHWISE, 1, 0};
    assert_int_equal(recipe_default(&recipe, &arena), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.value", "0.1"), SK_OK);
    assert_int_equal(recipe_set(&recipe, "weight_decay.exclude", "depthwise"), SK_OK);
    assert_int_equal(decay_decide(&recipe, &bias, 1, &decision), SK_OK);
    assert_true(decision.coefficient == 0.1);
    arena_free(&arena);
}

static void test_refusals(void **state) {
    (void)state;
    struct arena arena = {0};
    struct decay_decision d[TENSORS];
    assert_int_equal(decide("depthwize", d, &arena), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean 'depthwise'?"));
    assert_int_equal(decide("bias,blocks.*", d, &arena), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "'blocks.*' hits no parameter"));
    arena_free(&arena);
}

static void test_segments(void **state) {
    (void)state;
    static const struct decay_tensor tensors[] = {
        {"a.weight", 4, DECAY_CONV, 10, 0}, {"a.bias", 1, DECAY_CONV, 3, 16}, {"b.weight", 2, DECAY_LINEAR, 40, 32}};
    static const struct decay_decision decisions[] = {{0.5, "decayed", 0}, {0, "bias", 0}, {0.5, "decayed", 0.25}};
    struct decay_segment segments[3];
    decay_segments(tensors, decisions, 3, 80, segments);
    assert_true(segments[0].begin == 0 && segments[0].end == 16 && segments[0].decay == 0.5);
    assert_true(segments[1].begin == 16 && segments[1].end == 32 && segments[1].decay == 0);
    assert_true(segments[2].begin == 32 && segments[2].end == 80 && segments[2].decay == 0.5 && segments[2].l2 == 0.25);
    assert_true(segments[0].l2 == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_masks), cmocka_unit_test(test_rule_is_named),
        cmocka_unit_test(test_depthwise_bias),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_segments),        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
