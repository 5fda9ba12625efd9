/* efficientnet_lite.c — EfficientNet-Lite 0 to 4: EfficientNet for integer hardware, without squeeze-excite and with
 * relu6 (Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog 2020).
 *
 * TF's padding and batch norm, in which the published weights were trained; names as torchvision's EfficientNet.
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/scaled.h"

/* Width, depth, resolution, dropout, phi. */
static const struct scaled_network networks[] = {
    {1.0, 1.0, 224, 0.2, 0}, {1.0, 1.1, 240, 0.2, 0.5}, {1.1, 1.2, 260, 0.3, 1},
    {1.2, 1.4, 280, 0.3, 2}, {1.4, 1.8, 300, 0.3, 3},
};
static const char *const published[] = {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2",
                                        "efficientnet_lite3", "efficientnet_lite4", NULL};

static const struct scaled_table table = {.stages = scaled_b0,
                                          .networks = networks,
                                          .published = published,
                                          .stem = 32,
                                          .head = 1280,
                                          .act = ACT_RELU6,
                                          .fixed_ends = true};

static void defaults(struct model_args *args, int which) {
    scaled_defaults(args, which);
    args->norm_eps = 1e-3;
    args->norm_momentum = 0.01;
    args->same_padding = true;
}

const struct model_family family_efficientnet_lite = {
    .name = "efficientnet_lite", .published = published, .defaults = defaults, .scaled = &table, SCALED_FAMILY};
