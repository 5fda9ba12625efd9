/* average.h — the mean of several model files: what checkpoint averaging makes of a run's last or best epochs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_AVERAGE_H
#define SK_TRAIN_AVERAGE_H

#include "models/network.h"

/* A new network with the first file's arguments, classes and preprocessing, and the mean of all files' weights and running
 * statistics; integer counters are divided rounding down. Fails where two files are not of one kind. */
sk_status average_files(const char *const *paths, size_t count, struct network **network);

#endif
