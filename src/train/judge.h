/* judge.h — the accuracy that a run reports: its best model on the test pictures, once, when all epochs are over.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_JUDGE_H
#define SK_TRAIN_JUDGE_H

#include "train/loop_setup.h"

/* Where there is a test part that nothing was chosen on: score best.safetensors on it, keep RUN/test.json, say it. A run
 * that was judged before is not judged again: the file is read. Afterwards the network holds the best weights. */
sk_status judge_run(struct loop *loop);
/* A model file's weights into the run's network. */
sk_status judge_load(struct loop *loop, const char *path);

#endif
