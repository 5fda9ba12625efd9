/* cifar10.c — CIFAR-10: five train files and one test file of 10,000 records.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/cifar.h"

static const struct cifar_layout layout = {
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    .test = "test_batch.bin",
    .names = "batches.meta.txt",
    .folder = "cifar-10-batches-bin",
    .label_bytes = 1,
    .classes = 10,
};

static bool detect(const char *path) {
    return cifar_detect(path, &layout);
}

static sk_status open_cifar10(struct dataset *dataset, const char *path) {
    return cifar_open(dataset, path, &layout);
}

const struct data_format data_format_cifar10 = {.what = "CIFAR-10", .detect = detect, .open = open_cifar10};
