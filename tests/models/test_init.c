/* test_init.c — fresh weights: every family's standard deviations, ranges and constants under each of the five origins.
 *
 * Large tensors, so that the measured deviation is within 2 % of the rule's. The rules are those of torchvision, TF, timm,
 * Keras and jax_examples; see src/models/init.c. SPDX-License-Identifier: Apache-2.0 */
#include "models/family_case.h"

struct drawn {
    struct network *network;
    struct model_args args;
};

static struct drawn draw(const char *name, enum model_init init) {
    struct drawn d;
    ok(model_defaults(name, &d.args));
    if (strncmp(name, "resnet", 6) == 0 || strncmp(name, "convnext", 8) == 0) d.args.width_mult = 0.25; /* for speed */
    ok(network_new(&d.network, &d.args));
    model_initialise(d.network->graph, &d.args, init, 1, d.network->params, d.network->state);
    return d;
}

struct moments {
    double mean, deviation, largest;
};

static struct moments moments_of(const struct drawn *d, const char *name) {
    const struct param *param = graph_find_param(d->network->graph, name);
    if (!param) fail_msg("there is no %s", name);
    const float *w = (param->state ? d->network->state : d->network->params) + param->offset;
    struct moments m = {0};
    double squares = 0;
    for (int64_t j = 0; j < param->count; j++) m.mean += (double)w[j] / (double)param->count;
    for (int64_t j = 0; j < param->count; j++) {
        squares += ((double)w[j] - m.mean) * ((double)w[j] - m.mean);
        m.largest = fmax(m.largest, fabs((double)w[j]));
    }
    m.deviation = sqrt(squares / (double)param->count);
    return m;
}

/* deviation 0: a constant, `largest`. Otherwise largest is a bound that some number comes near to; 0: none. */
struct row {
    const char *network;
    enum model_init init;
    const char *param;
    double deviation, largest;
};

static const struct row rows[] = {
    /* MobileNetV2, V3: features.18.0 is 1x1, 320 -> 1280; features.14.conv.1.0 depthwise 3x3 over 576 */
    {"mobilenet_v2", INIT_TORCHVISION, "features.18.0.weight", 0.0395285, 0},        /* sqrt(2/1280) */
    {"mobilenet_v2", INIT_TORCHVISION, "features.17.conv.1.0.weight", 0.0152145, 0}, /* sqrt(2/(9*960)) */
    {"mobilenet_v2", INIT_TORCHVISION, "classifier.1.weight", 0.01, 0},              /* N(0, 0.01) */
    {"mobilenet_v2", INIT_TF, "features.17.conv.1.0.weight", 0.4714045, 1.0718},     /* sqrt(2/9), cut at 2/0.8796 */
    {"mobilenet_v2", INIT_TF, "classifier.1.weight", 0.0182574, 0.0316228},          /* 1/sqrt(1000) */
    {"mobilenet_v2", INIT_TIMM, "features.17.conv.1.0.weight", 0.4714045, 0},        /* not cut */
    {"mobilenet_v2", INIT_TIMM, "features.18.0.weight", 0.0395285, 0},
    {"mobilenet_v2", INIT_KERAS, "features.18.0.weight", 0.0353553, 0.0612372},        /* sqrt(2/(320+1280)) */
    {"mobilenet_v2", INIT_KERAS, "features.17.conv.1.0.weight", 0.0152066, 0.0263386}, /* sqrt(2/(9*961)) */
    {"mobilenet_v2", INIT_FLAX, "features.18.0.weight", 0.0559017, 0.1271039},         /* sqrt(1/320) */
    {"mobilenet_v2", INIT_FLAX, "features.17.conv.1.0.weight", 0.3333333, 0.757899},   /* sqrt(1/9) */
    {"mobilenet_v3_large", INIT_TORCHVISION, "classifier.0.weight", 0.01, 0},
    {"mobilenet_v3_large", INIT_TORCHVISION, "classifier.3.weight", 0.01, 0},
    {"mobilenet_v3_large", INIT_TORCHVISION, "features.15.block.2.fc1.weight", 0.0912871, 0}, /* sqrt(2/240) */
    {"mobilenet_v3_large", INIT_TORCHVISION, "features.15.block.2.fc1.bias", 0, 0},
    {"mobilenet_v3_large", INIT_TORCHVISION, "classifier.3.bias", 0, 0},
    {"mobilenet_v3_large", INIT_TORCHVISION, "features.15.block.3.1.weight", 0, 1},
    {"mobilenet_v3_large", INIT_TORCHVISION, "features.15.block.3.1.running_var", 0, 1},
    {"mobilenet_v3_large", INIT_TORCHVISION, "features.15.block.3.1.running_mean", 0, 0},
    {"efficientnet_b0", INIT_TORCHVISION, "classifier.1.weight", 0.0182574, 0.0316228},
    {"efficientnet_b0", INIT_KERAS, "features.8.0.weight", 0.0395285, 0.0898758},
    {"efficientnet_b0", INIT_KERAS, "features.7.0.block.1.0.weight", 0.4714045, 1.0718},
    {"efficientnet_b0", INIT_FLAX, "features.7.0.block.1.0.weight", 0.0138889, 0}, /* sqrt(2/(9*1152)) */
    {"efficientnet_b0", INIT_TIMM, "features.7.0.block.1.0.weight", 0.4714045, 0},
    {"efficientnet_lite0", INIT_TF, "features.8.0.weight", 0.0395285, 0.0898758},
    {"convnext_tiny", INIT_TORCHVISION, "features.7.0.block.3.weight", 0.02, 0},
    {"convnext_tiny", INIT_TORCHVISION, "features.0.0.weight", 0.02, 0},
    {"convnext_tiny", INIT_TORCHVISION, "features.7.0.block.3.bias", 0, 0},
    {"convnext_tiny", INIT_TORCHVISION, "features.7.0.layer_scale", 0, 1e-6},
    {"convnext_tiny", INIT_TORCHVISION, "classifier.0.weight", 0, 1},
    {"convnext_tiny", INIT_FLAX, "features.7.0.block.3.weight", 0.0175925, 0.04},       /* cut, not widened */
    {"convnext_tiny", INIT_FLAX, "classifier.2.weight", 0.0721688, 0.1640900},          /* sqrt(1/192) */
    {"convnext_tiny", INIT_KERAS, "features.7.0.block.3.weight", 0.0456435, 0.0790569}, /* sqrt(2/(5*192)) */
    {"resnet50", INIT_TORCHVISION, "layer4.2.conv3.weight", 0.0625, 0},                 /* sqrt(2/512) */
    {"resnet50", INIT_TORCHVISION, "fc.weight", 0.0255155, 0.0441942},                  /* 1/sqrt(512) */
    {"resnet50", INIT_TORCHVISION, "fc.bias", 0.0255155, 0.0441942},
    {"resnet50", INIT_TORCHVISION, "layer4.2.bn3.weight", 0, 1},
    {"resnet50", INIT_TIMM, "layer4.2.bn3.weight", 0, 0},
    {"resnet50", INIT_TIMM, "layer4.2.bn2.weight", 0, 1},
    {"resnet50", INIT_TIMM, "layer4.0.downsample.1.weight", 0, 1},
    {"resnet50", INIT_FLAX, "layer1.0.bn3.weight", 0, 0},
    {"resnet50", INIT_FLAX, "layer4.2.conv2.weight", 0.0175925, 0.04},
    {"resnet50", INIT_KERAS, "fc.bias", 0, 0},
    {"resnet18", INIT_TIMM, "layer4.1.bn2.weight", 0, 0},
    {"resnet18", INIT_TIMM, "layer4.1.bn1.weight", 0, 1},
};

static void check_row(const struct row *row, const struct drawn *d) {
    struct moments m = moments_of(d, row->param);
    const struct param *param = graph_find_param(d->network->graph, row->param);
    double error = 4 / sqrt((double)param->count); /* of a measured deviation, with room */
    if (row->deviation == 0) {
        if (fabs(m.mean - row->largest) > 1e-12 || m.deviation > 1e-12)
            fail_msg("%s %s: mean %g, deviation %g; expected all %g", row->network, row->param, m.mean, m.deviation,
                     row->largest);
        return;
    }
    bool sound = fabs(m.deviation / row->deviation - 1) < fmax(0.002, error) && fabs(m.mean) < error * row->deviation;
    if (row->largest > 0)
        sound = sound && m.largest <= row->largest * 1.0001 && m.largest > row->largest * 0.98;
    else /* a normal goes beyond three deviations */
        sound = sound && m.largest > 3 * row->deviation;
    if (!sound)
        fail_msg("%s %s under origin %d: mean %g, deviation %g, largest %g; expected %g and %g", row->network,
                 row->param, row->init, m.mean, m.deviation, m.largest, row->deviation, row->largest);
}

static void rules_are_the_published_ones(void **state) {
    (void)state;
    struct drawn d = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool same = i > 0 && strcmp(rows[i].network, rows[i - 1].network) == 0 && rows[i].init == rows[i - 1].init;
        if (!same) {
            network_free(d.network);
            d = draw(rows[i].network, rows[i].init);
        }
        check_row(&rows[i], &d);
    }
    network_free(d.network);
}

/* The same seed gives the same bits; a parameter's numbers do not depend on the head behind it. */
static void each_parameter_has_its_own_numbers(void **state) {
    (void)state;
    struct drawn a = draw("efficientnet_b0", INIT_TORCHVISION), b = a;
    b.args.num_classes = 3;
    ok(network_new(&b.network, &b.args));
    model_initialise(b.network->graph, &b.args, INIT_TORCHVISION, 1, b.network->params, b.network->state);
    const struct param *p = graph_find_param(a.network->graph, "features.8.0.weight");
    assert_memory_equal(a.network->params + p->offset, b.network->params + p->offset, (size_t)p->count * sizeof(float));
    model_initialise(b.network->graph, &b.args, INIT_TORCHVISION, 2, b.network->params, b.network->state);
    assert_memory_not_equal(a.network->params + p->offset, b.network->params + p->offset,
                            (size_t)p->count * sizeof(float));
    network_free(a.network);
    network_free(b.network);
}

/* One deviation for all kernels, also of depthwise ones and of the head; norms are as ever. */
static void one_deviation_for_every_kernel(void **state) {
    (void)state;
    struct drawn d = draw("mobilenet_v2", INIT_TORCHVISION);
    model_initialise_by(d.network->graph, &d.args, INIT_TORCHVISION, 0.2, 1, d.network->params, d.network->state);
    static const char *const kernels[] = {"features.18.0.weight", "features.17.conv.1.0.weight", "classifier.1.weight"};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        const struct param *p = graph_find_param(d.network->graph, kernels[i]);
        const float *w = d.network->params + p->offset;
        double sum = 0;
        for (int64_t j = 0; j < p->count; j++) sum += (double)w[j] * (double)w[j];
        assert_true(fabs(sqrt(sum / (double)p->count) / 0.2 - 1) < 4 / sqrt((double)p->count));
    }
    assert_true(d.network->params[graph_find_param(d.network->graph, "features.18.1.weight")->offset] == 1.0f);
    network_free(d.network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_the_published_ones),
        cmocka_unit_test(each_parameter_has_its_own_numbers),
        cmocka_unit_test(one_deviation_for_every_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
