/* test_trace.c — what the trace says of a published recipe, and which lints fire.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace.h"

#include "sequences.h"
#include "train/lint.h"

static const struct decay_tensor tensors[] = {
    {"features.0.0.weight", 4, DECAY_CONV, 864, 0},
    {"features.0.1.weight", 1, DECAY_BATCH_NORM, 32, 864},
    {"features.0.1.bias", 1, DECAY_BATCH_NORM, 32, 896},
    {"features.1.conv.0.0.weight", 4, DECAY_DEPTHWISE, 288, 928},
    {"classifier.1.weight", 2, DECAY_LINEAR, 1280000, 1216},
    {"classifier.1.bias", 1, DECAY_LINEAR, 1000, 1281216},
};

static struct trace_input input_of(const struct recipe *recipe, int64_t train) {
    return (struct trace_input){
        .recipe = recipe, .train_images = train, .val_images = 50000, .tensors = tensors, .tensor_count = 6};
}

static void load(struct recipe *recipe, struct arena *arena, const char *name) {
    if (recipe_load(recipe, arena, path_join(arena, FIXTURES "/../../recipes", name)) != SK_OK)
        fail_msg("%s", sk_error());
}

/* What the network does in training alone, of the keys that are set. */
static void expect_text(const char *const *keys, const char *const *lines) {
    struct arena arena = {0};
    struct recipe recipe;
    struct text text = {0};
    if (recipe_default(&recipe, &arena) != SK_OK) fail_msg("%s", sk_error());
    for (; *keys; keys++)
        if (recipe_override(&recipe, *keys) != SK_OK) fail_msg("%s", sk_error());
    struct trace_input input = input_of(&recipe, 1281167);
    if (trace_text(&input, &text) != SK_OK) fail_msg("%s", sk_error());
    for (; *lines; lines++) {
        if (!strstr(text.data, *lines)) print_error("not in the trace: %s%s\n", *lines, text.data);
        assert_non_null(strstr(text.data, *lines));
    }
    text_free(&text);
    arena_free(&arena);
}

static void test_network(void **state) {
    (void)state;
    static const char *const grouped[] = {"batch_size=1024", "batch_norm.group=128", "model.wrap_padding=true", NULL};
    static const char *const grouped_lines[] = {
        "  batch norm over groups of 128 pictures, 8 in a pass of 1024; running statistics move by the groups' mean\n",
        "  dropout 0.2 at classifier.0\n", "  4 convolutions see the opposite side beyond a border\n", NULL};
    static const char *const staged[] = {"model.name=resnet50", "model.stochastic_depth=0.1",
                                         "model.stochastic_depth_by=stage", "model.dropout=0.3", NULL};
    static const char *const staged_lines[] = {
        "  batch norm over all 32 pictures of a pass\n",
        "  stochastic depth 0.04 in 3 blocks, 0.06 in 4 blocks, 0.08 in 6 blocks, 0.1 in 3 blocks\n",
        "  dropout 0.3 at dropout\n", NULL};
    static const char *const exact[] = {"batch_size=64", "accumulate=4", "accumulate_batch_norm=exact",
                                        "batch_norm.group=128", NULL};
    static const char *const exact_lines[] = {"  batch norm over groups of 128 pictures, 2 in a pass of 256;", NULL};
    expect_text(grouped, grouped_lines);
    expect_text(staged, staged_lines);
    expect_text(exact, exact_lines);
}

static void test_published_recipe(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct json_writer w = {0};
    struct json *json = NULL;
    load(&recipe, &arena, "imagenet/mobilenet_v2.yaml");
    struct trace_input input = input_of(&recipe, 1281167);
    jw_object(&w, NULL);
    if (trace_json(&input, &w) != SK_OK) fail_msg("%s", sk_error());
    jw_end_object(&w);
    if (json_parse(&arena, w.text.data, w.text.length, "trace", &json) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(json_integer(json, "steps_per_epoch", 0), 1251);
    assert_int_equal(json_integer(json, "optimizer_steps", 0), 625500);
    assert_int_equal(json_integer(json, "images_scored", 0), 50000);
    assert_int_equal(json_integer(json, "images_left_out", 0), 143);
    double lr[500], target[1000];
    assert_int_equal(numbers(json_get(json, "lr"), lr, 500), 500);
    assert_true(lr[0] == 0);
    assert_true(fabs(lr[1] - 0.064 / 5) < 1e-12);
    assert_true(fabs(lr[5] - 0.064) < 1e-12);
    assert_true(fabs(lr[8] - 0.06016) < 1e-12); /* step 10,008 lies behind 6,255 + 3,127 */
    assert_int_equal(numbers(json_get(json, "target"), target, 1000), 1000);
    assert_true(fabs(target[0] - 0.9001) < 1e-12 && fabs(target[999] - 0.0001) < 1e-15);
    static const char *const rules[] = {"decayed", "norm", "bias", "depthwise", "decayed", "bias"};
    const struct json *tensor = json_get(json, "weight_decay")->child;
    for (int i = 0; i < 6; i++, tensor = tensor->next) {
        assert_string_equal(json_string(tensor, "tensor", ""), tensors[i].name);
        assert_string_equal(json_string(tensor, "rule", ""), rules[i]);
        assert_true(json_number(tensor, "coefficient", -1) == (strcmp(rules[i], "decayed") ? 0 : 1e-5));
    }
    text_free(&w.text);
    arena_free(&arena);
}

/* What the moving average keeps of its start: 0.9999^n, and with torchvision's copies nothing. */
static void test_average(void **state) {
    (void)state;
    static const char *const forms[][3] = {{"ema.form=optax", "ema.evaluate=debiased", NULL},
                                           {"ema.form=torchvision", "ema.every=32", "ema.adjust=true"}};
    static const int64_t steps[] = {1, 10, 100, 1000, 10000, 625500};
    for (int f = 0; f < 2; f++) {
        struct arena arena = {0};
        struct recipe recipe;
        struct json_writer w = {0};
        struct json *json = NULL;
        load(&recipe, &arena, "imagenet/mobilenet_v2.yaml");
        for (int k = 0; k < 3 && forms[f][k]; k++) assert_int_equal(recipe_override(&recipe, forms[f][k]), SK_OK);
        struct trace_input input = input_of(&recipe, 1281167);
        jw_object(&w, NULL);
        if (trace_json(&input, &w) != SK_OK) fail_msg("%s", sk_error());
        jw_end_object(&w);
        if (json_parse(&arena, w.text.data, w.text.length, "trace", &json) != SK_OK) fail_msg("%s", sk_error());
        assert_true(json_number(json, "decay_steps", 0) == 3127);
        const struct json *point = json_get(json_get(json, "ema"), "points")->child;
        for (int i = 0; i < 6; i++, point = point->next) {
            double n = (double)steps[i], left = f ? 0 : pow(0.9999, n);
            int64_t updates = f ? steps[i] / 1251 * 40 + (steps[i] % 1251 + 31) / 32 : steps[i];
            double decay = f == 0 ? 0.9999 : i == 0 ? 0 : i == 1 ? 0 : 1 - 1e-4 * 1024 * 32 / 500;
            assert_int_equal(json_integer(point, "step", 0), steps[i]);
            assert_int_equal(json_integer(point, "updates", 0), updates);
            assert_true(fabs(json_number(point, "start_left", -1) - left) <= 1e-9 * left);
            assert_true(fabs(json_number(point, "decay", -1) - decay) < 1e-12);
            if (!f) assert_true(fabs(json_number(point, "factor", 0) * (1 - left) - 1) < 1e-9);
        }
        text_free(&w.text);
        arena_free(&arena);
    }
}

static void test_text(void **state) {
    (void)state;
    struct arena arena = {0};
    struct recipe recipe;
    struct text text = {0};
    load(&recipe, &arena, "imagenet/mobilenet_v2_accumulate.yaml");
    struct trace_input input = input_of(&recipe, 1281167);
    if (trace_text(&input, &text) != SK_OK) fail_msg("%s", sk_error());
    assert_non_null(strstr(text.data, "500 epochs of 312 optimizer steps, 156000 in all"));
    assert_non_null(strstr(text.data, "4096 pictures per step (1248 batches per epoch)"));
    assert_non_null(strstr(text.data, "epoch 6 to 8: 0.256\n"));
    assert_non_null(strstr(text.data, "mean_square starts at 1"));
    assert_non_null(strstr(text.data, "the label 0.9001, every other class 0.0001"));
    assert_int_equal(recipe_set(&recipe, "optimizer.name", "x"), SK_OK);
    assert_int_equal(trace_text(&input, &text), SK_EUSAGE);
    text_free(&text);
    arena_free(&arena);
}

/* The lints that fire for a recipe with some values changed, as "name name …" in the table's order. */
static const char *fired(struct arena *arena, const char *const changes[], const struct trace_input *input_or_null,
                         int *code) {
    struct recipe recipe;
    struct lint_finding *findings = NULL;
    size_t count = 0;
    struct text text = {0};
    load(&recipe, arena, "imagenet/mobilenet_v2.yaml");
    for (size_t i = 0; changes[i]; i++) {
        if (recipe_override(&recipe, changes[i]) != SK_OK) fail_msg("%s", sk_error());
    }
    struct trace_input input = input_or_null ? *input_or_null : input_of(&recipe, 1281167);
    input.recipe = &recipe;
    if (lint_run(&input, arena, &findings, &count) != SK_OK) fail_msg("%s", sk_error());
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(findings[i].sentence) > 20);
        text_addf(&text, "%s%s", i ? " " : "", findings[i].lint);
    }
    if (code) *code = lint_exit_code(findings, count, true);
    const char *names = count ? arena_strdup(arena, text.data) : "";
    text_free(&text);
    return names;
}

static const struct {
    const char *changes[4], *fires;
    int strict;
} lint_cases[] = {
    {{NULL}, "images_left_out", 0},
    {{"optimizer.name=rmsporp"}, "recipe optimizer_keys_unused", 2},
    {{"schedule.name=exp"}, "recipe schedule_keys_unused", 2},
    {{"weight_decay.exclude=bias,norm,depthwize"}, "recipe images_left_out", 2},
    {{"model.in_channels=1"}, "channels images_left_out", 2},
    {{"model.input_size=160"}, "input_size images_left_out", 1},
    {{"preprocess.resize=200"}, "resize_below_crop images_left_out", 1},
    {{"epochs=5"}, "warmup_beyond_end decay_unused images_left_out", 2},
    {{"schedule.decay_from=warmup_twice"}, "warmup_twice images_left_out", 1},
    {{"schedule.decay_from=zero"}, "peak_never_reached images_left_out", 1},
    {{"schedule.lr_for_batch=0", "batch_size=256"}, "lr_not_scaled images_left_out", 1},
    {{"batch_size=256"}, "images_left_out", 0},
    {{"schedule.decay_epochs=500"}, "decay_unused images_left_out", 1},
    {{"schedule.name=multistep"}, "decay_unused schedule_keys_unused images_left_out", 1},
    {{"schedule.name=cosine"}, "schedule_keys_unused images_left_out", 1},
    {{"augment.policy=randaugment", "augment.randaugment.magnitude_std=0.5"}, "policy_keys_unused images_left_out", 1},
    {{"optimizer.name=sgd"}, "optimizer_keys_unused images_left_out", 1},
    {{"optimizer.eps_in_sqrt=false"}, "eps_torch_form lr_form images_left_out", 1},
    {{"optimizer.eps=0.0316"}, "eps_tf_form images_left_out", 1},
    {{"optimizer.lr_in_momentum=false"}, "lr_form images_left_out", 1},
    {{"optimizer.initial_mean_square=0", "schedule.warmup_epochs=0"}, "mean_square_start images_left_out", 1},
    {{"batch_norm.momentum_of=batch"}, "momentum_inverted images_left_out", 1},
    {{"batch_norm.momentum=0.001"}, "momentum_inverted images_left_out", 1},
    {{"epochs=2", "schedule.warmup_epochs=0", "schedule.decay_epochs=1"}, "momentum_slow images_left_out", 1},
    {{"weight_decay.exclude="}, "norm_decayed bias_decayed depthwise_decayed images_left_out", 1},
    {{"weight_decay.exclude=norm,depthwise"}, "bias_decayed images_left_out", 0},
    {{"weight_decay.value=0"}, "decay_unset images_left_out", 1},
    {{"drop_last=false"}, "", 0},
    {{"batch_size=4"}, "images_left_out batch_statistics", 1},
    {{"accumulate=2"}, "images_left_out accumulate_statistics", 0},
    {{"accumulate=2", "accumulate_batch_norm=exact"}, "images_left_out", 0},
    {{"ema.decay=0.999"}, "images_left_out ema_keys_unused", 1},
    {{"ema.form=tf", "ema.decay=0.999"}, "images_left_out", 0},
    {{"ema.best=ema"}, "recipe ema_keys_unused", 2},
    {{"schedule.noise_std=2"}, "schedule_keys_unused images_left_out", 1},
    {{"clip.norm=1", "clip.value=1"}, "recipe", 2},
    {{"data.split=none"}, "images_left_out no_validation", 1},
    {{"freeze=backbone"}, "images_left_out frozen_fresh", 1},
    {{"freeze=backbone", "init_from=a.safetensors"}, "images_left_out", 0},
    {{"freeze=backbone", "init_from=a.safetensors", "freeze_batch_norm=false"}, "images_left_out frozen_moving", 1},
    {{"sampling=balanced", "class_weights=balanced"}, "images_left_out balanced_twice", 1},
    {{"ema.form=tf", "ema.decay=0.999999"}, "images_left_out ema_slow", 1},
    {{"ema.form=optax", "ema.decay=0.9999"}, "images_left_out ema_zero_start", 1},
    {{"ema.form=optax", "ema.evaluate=debiased"}, "images_left_out", 0},
    {{"optimizer.name=adam", "weight_decay.order=decoupled", "weight_decay.l2=1e-5"},
     "optimizer_keys_unused images_left_out decay_twice",
     1},
    {{"weight_decay.l2=1e-5"}, "recipe images_left_out decay_twice", 2},
    {{"weight_decay.order=decoupled"}, "images_left_out decay_form", 1},
    {{"model.dropout=0.8"}, "images_left_out keep_rate", 1},
    {{"preprocess.std=58.4,57.1,57.4"}, "images_left_out normalised_twice", 1},
    {{"preprocess.mean=123.7,116.3,103.5"}, "images_left_out normalised_twice", 1},
    {{"preprocess.divisor=1"}, "images_left_out not_normalised", 1},
    {{"mix.of=timm", "mix.mixup=0.8", "mix.smoothing=0.1"}, "images_left_out smoothing_twice", 1},
    {{"mix.mixup=0.8"}, "images_left_out mix_keys_unused", 1},
    {{"eval.stream=drop"}, "images_left_out eval_drops", 1},
    {{"augment.erasing.fill=noise"}, "images_left_out batch_keys_unused", 1},
    {{"augment.erasing.fill=noise", "augment.erasing.probability=0.1"}, "images_left_out", 0},
    {{"repeat=4"}, "images_left_out batch_keys_unused", 1},
    {{"sampling=repeated", "repeat=4"}, "", 0},
    {{"data.decode=fast"}, "images_left_out", 0},
    {{"data.decode=fast", "data.spec=cifar10:x"}, "images_left_out batch_keys_unused", 1},
    {{"data.decode=fast", "augment.random_resized_crop.enabled=false"}, "images_left_out batch_keys_unused", 1},
    {{"loss_bce.sum=true"}, "images_left_out batch_keys_unused", 1},
    {{"mix.of=timm", "mix.mixup=0.8", "mix.switch_probability=0.7"}, "images_left_out batch_keys_unused", 1},
    {{"data.shuffle_buffer=512"}, "images_left_out", 0}, /* no data named: they may be shards */
    {{"data.shuffle_buffer=512", "data.spec=tar:train-{0..9}.tar"}, "images_left_out", 0},
    {{"data.shuffle_buffer=512", "data.spec=folder:nowhere"}, "images_left_out buffer_unsharded", 2},
    {{"data.shuffle_buffer=512", "data.spec=idx:nowhere"}, "images_left_out buffer_unsharded", 2},
    {{"data.shuffle_buffer=512", "sampling=balanced"}, "images_left_out buffer_unsharded", 2},
    {{"precision=bf16"}, "images_left_out", 0},
    {{"precision=bf16", "freeze=backbone", "init_from=a.safetensors"}, "images_left_out precision_idle", 1},
    {{"precision=bf16", "freeze=backbone", "unfreeze=1: features.18"}, "images_left_out frozen_fresh", 1},
};

static void test_lints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lint_cases / sizeof *lint_cases; i++) {
        struct arena arena = {0};
        int code = -1;
        const char *names = fired(&arena, lint_cases[i].changes, NULL, &code);
        /* The run is shorter than the curve that the recipe expects in every case that changes epochs. */
        bool shorter = lint_cases[i].changes[0] && !strncmp(lint_cases[i].changes[0], "epochs=", 7);
        const char *expected =
            shorter ? arena_printf(&arena, "%s expect_beyond_end", lint_cases[i].fires) : lint_cases[i].fires;
        if (strcmp(names, expected) != 0 || code != lint_cases[i].strict)
            fail_msg("%s: '%s' (%d), expected '%s' (%d)",
                     lint_cases[i].changes[0] ? lint_cases[i].changes[0] : "unchanged", names, code, expected,
                     lint_cases[i].strict);
        arena_free(&arena);
    }
}

static void test_short_batch(void **state) {
    (void)state;
    struct arena arena = {0};
    struct trace_input input = input_of(NULL, 1024 * 9 + 3);
    static const char *const changes[] = {"drop_last=false", NULL};
    assert_string_equal(fired(&arena, changes, &input, NULL), "short_batch");
    input.val_images = 0;
    assert_string_equal(fired(&arena, changes, &input, NULL), "short_batch no_validation");
    input.train_images = 5; /* less than a batch */
    static const char *const unchanged[] = {NULL};
    assert_string_equal(fired(&arena, unchanged, &input, NULL), "recipe no_validation");
    arena_free(&arena);
}

/* An excuse makes a note of a warning; one for nothing is told, one for no lint is an error. */
static void test_excuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *lint, *excuse;
        int code;
    } cases[] = {
        {"lint_ok: {warmup_twice: meant}\nschedule: {name: step, decay_from: warmup_twice, warmup_epochs: 5}\n",
         "warmup_twice", "meant", 0},
        {"lint_ok: {keep_rate: meant}\n", "lint_ok_idle", NULL, 0},
        {"lint_ok: {keep_rat: meant}\n", "recipe", NULL, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct recipe recipe;
        struct lint_finding *findings = NULL;
        size_t count = 0, at = 0;
        if (recipe_parse(&recipe, &arena, cases[i].text, strlen(cases[i].text), "excuse") != SK_OK)
            fail_msg("%s", sk_error());
        struct trace_input input = input_of(&recipe, 32000);
        input.tensor_count = 0;
        if (lint_run(&input, &arena, &findings, &count) != SK_OK) fail_msg("%s", sk_error());
        while (at < count && strcmp(findings[at].lint, cases[i].lint) != 0) at++;
        if (at == count) fail_msg("%s does not fire", cases[i].lint);
        if (cases[i].excuse) assert_string_equal(findings[at].excuse, cases[i].excuse);
        assert_int_equal(lint_exit_code(findings, count, true), cases[i].code);
        arena_free(&arena);
    }
}

/* Every row of the table fires in some case above: the names are all covered. */
static void test_table(void **state) {
    (void)state;
    assert_int_equal(lint_count(), 46);
    for (size_t i = 0; i < lint_count(); i++) {
        assert_true(strlen(lint_about(i)) > 10);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(lint_name(i), lint_name(j));
    }
    const struct lint_finding warning = {.severity = LINT_WARNING}, note = {.severity = LINT_NOTE};
    assert_int_equal(lint_exit_code(&warning, 1, false), 0);
    assert_int_equal(lint_exit_code(&warning, 1, true), 1);
    assert_int_equal(lint_exit_code(&note, 1, true), 0);
    assert_string_equal(lint_severity_name(LINT_WARNING), "warning");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_published_recipe), cmocka_unit_test(test_text), cmocka_unit_test(test_average), cmocka_unit_test(test_lints),
        cmocka_unit_test(test_short_batch),      cmocka_unit_test(test_excuses), cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
