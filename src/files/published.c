/* published.c — looking things up in the catalogue of published weight files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/published.h"

#include <string.h>

/* ---- the table ---- */

/* Notes on licences: of the weights as their publishers state them. Nobody here speaks for ImageNet's pictures. */
#define TERMS           "trained on ImageNet, whose terms speak of research use"
#define BSD_IMAGENET    "BSD-3-Clause (torchvision); " TERMS
#define APACHE_IMAGENET "Apache-2.0; " TERMS
#define CC_BY_NC        "CC BY-NC 4.0: no commercial use"

#define SOURCE_TORCHVISION "torchvision"
#define SOURCE_TIMM        "timm"
#define SOURCE_LITE        "PyPI"

/* Means and standard deviations of the channels. */
#define IMAGENET .mean = {0.485F, 0.456F, 0.406F}, .std = {0.229F, 0.224F, 0.225F}
#define HALF     .mean = {0.5F, 0.5F, 0.5F}, .std = {0.5F, 0.5F, 0.5F}
#define UNIT     .mean = {0, 0, 0}, .std = {1, 1, 1}
#define CLIP     .mean = {0.48145466F, 0.4578275F, 0.40821073F}, .std = {0.26862954F, 0.26130258F, 0.27577711F}

#define SQUASH                           .squash = true
#define PREPARE(size, to, resample, ...) .resize = size, .crop = to, .filter = resample, __VA_ARGS__
#define MEASURED(top1, top5, count)      .acc1 = top1, .acc5 = top5, .parameters = count
#define PUBLISHED(from, net, name, path, prepare, measured, terms, training, args)                                     \
    {.source = SOURCE_##from,                                                                                          \
     .model = #net,                                                                                                    \
     .entry = name,                                                                                                    \
     .file = path,                                                                                                     \
     PREPARE prepare,                                                                                                  \
     MEASURED measured,                                                                                                \
     .licence = terms,                                                                                                 \
     .recipe = training,                                                                                               \
     .arguments = args},
static const struct published table[] = {
#include "files/published.def"
};
#undef PUBLISHED
enum { COUNT = sizeof table / sizeof *table };

const struct published *published_table(size_t *count) {
    *count = COUNT;
    return table;
}

/* ---- looking up ---- */

bool published_digest(const struct published *published, char text[PUBLISHED_DIGITS + 1]) {
    const char *dash = strrchr(published->file, '-');
    if (!dash || strspn(dash + 1, "0123456789abcdef") != PUBLISHED_DIGITS || dash[1 + PUBLISHED_DIGITS] != '.')
        return false;
    memcpy(text, dash + 1, PUBLISHED_DIGITS);
    text[PUBLISHED_DIGITS] = '\0';
    return true;
}

const struct published *published_by_digest(const char *sha256) {
    char digits[PUBLISHED_DIGITS + 1];
    for (int i = 0; i < COUNT; i++)
        if (published_digest(&table[i], digits) && strncmp(sha256, digits, PUBLISHED_DIGITS) == 0) return &table[i];
    return NULL;
}

const struct published *published_by_file(const char *name) {
    char digits[PUBLISHED_DIGITS + 1];
    for (int i = 0; i < COUNT; i++) /* a name without digits, "model.safetensors", says nothing */
        if (published_digest(&table[i], digits) && strcmp(name, table[i].file) == 0) return &table[i];
    return NULL;
}

const struct published *published_by_entry(const char *model, const char *entry) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(entry, table[i].entry) == 0 && (!model || strcmp(model, table[i].model) == 0)) return &table[i];
    return NULL;
}

/* ---- ImageNet's classes ---- */

const char *const *imagenet_class_names(void) {
#define CLASS(synset, name) name,
    static const char *const names[IMAGENET_CLASSES] = {
#include "files/imagenet_classes.def"
    };
#undef CLASS
    return names;
}

const char *const *imagenet_class_synsets(void) {
#define CLASS(synset, name) #synset,
    static const char *const synsets[IMAGENET_CLASSES] = {
#include "files/imagenet_classes.def"
    };
#undef CLASS
    return synsets;
}
