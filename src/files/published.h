/* published.h — the catalogue of weight files that others published, and the names of ImageNet's classes.
 *
 * A published file is known by its SHA-256, whose first eight digits stand in its name; what network it holds, how its
 * pictures are prepared and how accurate it is follow from that. Data in published.def and imagenet_classes.def.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_PUBLISHED_H
#define SK_FILES_PUBLISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGENET_CLASSES = 1000, PUBLISHED_DIGITS = 8 };

struct published {
    const char *source; /* "torchvision", "timm" or "PyPI" */
    const char *model;  /* the network, "efficientnet_b3" */
    const char *entry;  /* its name there: "IMAGENET1K_V2"; timm: "tf_efficientnet_b3.ns_jft_in1k" */
    const char *file;   /* "mobilenet_v2-7ebf99e0.pth" */
    int resize, crop;   /* the shorter side, then the centre's */
    bool squash;        /* both sides are brought to `resize`, whatever the picture's shape */
    const char *filter; /* by the name that augment/resize.h knows; antialiased */
    float mean[3], std[3];
    double acc1, acc5; /* per cent on ImageNet-1k's validation pictures, as published with the file; 0: not published */
    int64_t parameters;
    const char *licence; /* a note in one sentence */
    const char *recipe;  /* what trained it, as its source cites it */
    const char
        *arguments; /* "norm_eps=0.001 same_padding=true": beside the model's defaults; names as in model files */
};

const struct published *published_table(size_t *count);

/* The first digits of the file's SHA-256, taken from its name, into text; false where the name has none. */
bool published_digest(const struct published *published, char text[PUBLISHED_DIGITS + 1]);

/* By a file's whole digest in hexadecimal; by its name without folders; by its entry's name ("IMAGENET1K_V2" needs the
 * model, which is NULL where any will do). NULL: there is none. */
const struct published *published_by_digest(const char *sha256);
const struct published *published_by_file(const char *name);
const struct published *published_by_entry(const char *model, const char *entry);

/* The names of ImageNet-1k's 1000 classes, and their WordNet numbers ("n01440764"). */
const char *const *imagenet_class_names(void);
const char *const *imagenet_class_synsets(void);

#endif
