/* model_arg.h — MODEL on the command line: an architecture's name with fresh weights, or a model file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_MODEL_ARG_H
#define SK_VERBS_MODEL_ARG_H

#include "augment/preprocess.h"
#include "models/network.h"
#include "verbs/verb.h"

/* True where the argument names a file rather than an architecture. */
bool model_is_file(const char *argument);

/* The network, with the call's dotted keys over it (a file's weights limit which). Fresh weights are said in a note
 * where `want_weights`. */
sk_status model_open(const struct call *call, const char *argument, bool want_weights, struct network **network);

/* The preprocessing that the model file says, or the keys' defaults; the call's dotted keys over it. */
sk_status model_preprocess(const struct call *call, const struct network *network, struct preprocess *preprocess);

/* The class's name in the file, or its number in text[size]. */
const char *model_class_name(const struct network *network, int64_t index, char *text, size_t size);

#endif
