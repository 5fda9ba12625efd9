/* efficientnet.c — EfficientNet B0 to B7: one searched network scaled in depth, width and resolution (Tan and Le, ICML
 * 2019).
 *
 * Layers, names and rounding as torchvision's `efficientnet_b0` … `_b7`. SPDX-License-Identifier: Apache-2.0 */
#include "models/scaled.h"

/* Width, depth, resolution of torchvision's weights (B2 was published at 260), dropout, phi. */
static const struct scaled_network networks[] = {
    {1.0, 1.0, 224, 0.2, 0}, {1.0, 1.1, 240, 0.2, 0.5}, {1.1, 1.2, 288, 0.3, 1}, {1.2, 1.4, 300, 0.3, 2},
    {1.4, 1.8, 380, 0.4, 3}, {1.6, 2.2, 456, 0.4, 4},   {1.8, 2.6, 528, 0.5, 5}, {2.0, 3.1, 600, 0.5, 6},
};
static const char *const published[] = {"efficientnet_b0", "efficientnet_b1", "efficientnet_b2",
                                        "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
                                        "efficientnet_b6", "efficientnet_b7", NULL};
enum { B5 = 5 };

static const struct scaled_table table = {
    .stages = scaled_b0, .networks = networks, .published = published, .stem = 32, .act = ACT_SILU, .squeeze = true};

static void defaults(struct model_args *args, int which) {
    scaled_defaults(args, which);
    if (which < B5) return;
    args->norm_eps = 1e-3; /* torchvision's B5 to B7 came from TF, with its batch norm */
    args->norm_momentum = 0.01;
}

const struct model_family family_efficientnet = {
    .name = "efficientnet", .published = published, .defaults = defaults, .scaled = &table, SCALED_FAMILY};
