/* import_read.h — settings read from words or YAML into a source's table (import_read.c), and taken from there.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_IMPORT_READ_H
#define SK_TRAIN_IMPORT_READ_H

#include "train/import_source.h"

/* Every row in turn; import->recipe and its lines are made. */
sk_status import_take(struct importing *im);
/* A line for a setting that the table does not have. */
sk_status import_unknown(struct importing *im, const char *key, const char *value);

#endif
