/* import.h — a file of weights from elsewhere as a network of ours: whose it is, what follows from that, what went where.
 *
 * Used in this order: import_begin, import_choose, import_network, import_end. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TRAIN_IMPORT_H
#define SK_TRAIN_IMPORT_H

#include "augment/preprocess.h"
#include "base/team.h"
#include "files/names.h"
#include "files/published.h"
#include "files/recipe.h"
#include "models/network.h"

struct import {
    struct arena arena;
    const char *path;
    struct weights weights;
    const struct published *published; /* what the file is known to be, or NULL; a caller that knows sets it first */
    const struct published *like;      /* --model was timm's name of a network: a published file of it, or NULL */
    struct model_args args;
    struct preprocess preprocess;
    enum weights_source source;
    const char *assumed; /* one sentence on what was concluded from the source, or NULL */
    struct name_map map;
};

/* Open the file; `key`: entry of a .pth, or tree of a msgpack in place of its "params"; or NULL. */
sk_status import_begin(struct import *import, const char *path, const char *key);
void import_end(struct import *import); /* harmless after a failed begin */

/* Which network, and whose weights. `model`: a network's name, or timm's name of one ("tf_efficientnet_b0"); NULL where
 * import->published says it. `from`: the source, NULL: by the names in the file. Keys set in `over` win. */
sk_status import_choose(struct import *import, const char *model, const char *from, const struct recipe *over);

/* The network with its weights: every tensor of the file used, every parameter found. */
sk_status import_network(struct import *import, struct network **network);

/* The table of tensors as text, one a line: name, shape, type, target, transform, separated by tabs. */
sk_status import_report(const struct import *import, struct text *text);

/* Run the network on x (N,C,H,W) or (N,H,W,C), known by its shape, and give the greatest difference from y (N,classes)
 * relative to the largest of y. */
sk_status import_verify(const struct network *network, struct team *team, const char *x, const char *y,
                        double *difference);

#endif
