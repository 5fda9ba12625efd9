/* names.h — the tensors of other frameworks under torchvision's names and in torchvision's layout.
 *
 * What each source calls a family's modules is data: names_<family>.def. To add a family: such a file and a row in the
 * table of names.c. To add a source: a value here, a row in its table there, and its NAME rows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_NAMES_H
#define SK_FILES_NAMES_H

#include "files/weights.h"
#include "ir/graph.h"

enum weights_source {
    SOURCE_TORCHVISION,
    SOURCE_TIMM,
    SOURCE_EFFICIENTNET_PYTORCH, /* the packages efficientnet_pytorch and efficientnet-lite-pytorch */
    SOURCE_FACEBOOK,             /* ConvNeXt's authors */
    SOURCE_KERAS,
    SOURCE_FLAX, /* jax_examples */
    SOURCE_COUNT,
};

const char *source_name(enum weights_source source);
/* The source of that name, or a failure that lists them. */
sk_status source_find(const char *name, enum weights_source *source);

/* Whose names these are: the source that knows the most of them, one that knows none is no answer. */
sk_status names_source(const char *family, const struct graph *graph, const struct weights *in, const char *what,
                       enum weights_source *source);

/* What became of each tensor of the file. */
struct name_row {
    const struct tensor *from;
    const char *to;        /* torchvision's name; or in brackets what else: "(preprocessing)", "(set aside)" */
    const char *transform; /* "as it is", "conv (kh,kw,in,out) -> (out,in,kh,kw)", … */
};

struct name_map {
    struct weights
        weights;           /* torchvision's names and shapes; what was not transformed points into the file's tensors */
    struct name_row *rows; /* in the order of the file */
    size_t count, set_aside;
    const struct tensor *pixel_mean, *pixel_variance; /* of a layer that normalises pixels in the network, or NULL */
};

/* Every tensor must find its place and every parameter its tensor (counters of batches may be missing). */
sk_status names_map(struct arena *arena, const char *family, const struct graph *graph, enum weights_source source,
                    const struct weights *in, const char *what, struct name_map *map);

#endif
