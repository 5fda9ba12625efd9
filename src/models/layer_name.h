/* layer_name.h — a layer of a network by name: a node's own name, or that of a group of them.
 *
 * Node names are torchvision's module names with their parts behind a dot, so that "features.13" is what the module of
 * that name returns: the output of the last node called so or "features.13.…". SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_MODELS_LAYER_NAME_H
#define SK_MODELS_LAYER_NAME_H

#include "ir/graph.h"

/* The value that the layer gives, or a failure that names the nearest. */
sk_status layer_find(const struct graph *graph, const char *name, int *value);
/* Every name that layer_find knows, in the order of the network, a group before its parts. */
sk_status layer_names(struct arena *arena, const struct graph *graph, const char ***names, size_t *count);

#endif
