/* cifar.h — what CIFAR-10 and CIFAR-100 share: records of label bytes and three colour planes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_CIFAR_H
#define SK_DATA_CIFAR_H

#include "data/format.h"

enum { CIFAR_SIDE = 32, CIFAR_PLANE = CIFAR_SIDE * CIFAR_SIDE, CIFAR_FILES_MAX = 5 };

struct cifar_layout {
    const char *train[CIFAR_FILES_MAX]; /* file names; NULL ends them */
    const char *test;
    const char *names;  /* text file, one class a line */
    const char *folder; /* what the archive unpacks to, looked for below the path given */
    int label_bytes;    /* before the planes; the last of them is the class */
    int classes;
};

bool cifar_detect(const char *path, const struct cifar_layout *layout);
sk_status cifar_open(struct dataset *dataset, const char *path, const struct cifar_layout *layout);

#endif
