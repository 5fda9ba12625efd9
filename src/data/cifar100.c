/* cifar100.c — CIFAR-100: records begin with the coarse and the fine label; the fine one is the class.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/cifar.h"

static const struct cifar_layout layout = {
    .train = {"train.bin"},
    .test = "test.bin",
    .names = "fine_label_names.txt",
    .folder = "cifar-100-binary",
    .label_bytes = 2,
    .classes = 100,
};

static bool detect(const char *path) {
    return cifar_detect(path, &layout);
}

static sk_status open_cifar100(struct dataset *dataset, const char *path) {
    return cifar_open(dataset, path, &layout);
}

const struct data_format data_format_cifar100 = {.what = "CIFAR-100", .detect = detect, .open = open_cifar100};
