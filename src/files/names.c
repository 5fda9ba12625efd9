/* names.c — from a source's names to torchvision's: match modules, number blocks, place parts within a block, transform.
 *
 * Blocks are numbered by rank, so that a source may count them per stage ("blocks.2.1") or through ("_blocks.5"). A part's
 * place within its block depends on which parts the block has, and those are seen in the file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/names_match.h"
#include "files/names_transform.h"

/* ---- sources ---- */

static const struct style {
    const char *name;
    char separator;
    bool jax; /* numbers channels last, as Keras and Flax do */
} styles[SOURCE_COUNT] = {
    [SOURCE_TORCHVISION] = {"torchvision", '.', false},
    [SOURCE_TIMM] = {"timm", '.', false},
    [SOURCE_EFFICIENTNET_PYTORCH] = {"efficientnet_pytorch", '.', false},
    [SOURCE_FACEBOOK] = {"facebook", '.', false},
    [SOURCE_KERAS] = {"keras", '/', true},
    [SOURCE_FLAX] = {"flax", '/', true},
};

const char *source_name(enum weights_source source) {
    return styles[source].name;
}

sk_status source_find(const char *name, enum weights_source *source) {
    const char *names[SOURCE_COUNT];
    for (int i = 0; i < SOURCE_COUNT; i++) {
        names[i] = styles[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        *source = (enum weights_source)i;
        return SK_OK;
    }
    return status_fail(SK_EUSAGE,
                       "siskin knows no weights from \"%s\"%s; it knows torchvision, timm, efficientnet_pytorch, "
                       "facebook, keras and flax",
                       name, near_hint(name, names, SOURCE_COUNT, "").text);
}

/* ---- names of the file, taken apart ---- */

struct foreign {
    const char *module, *leaf; /* "blocks.1.0.conv_pw", "weight"; module NULL: set aside */
    const struct name_pattern *pattern;
    const char *target; /* torchvision's module, where that is known without a pattern */
    struct captures captures;
    int block; /* its rank; -1: in none */
};

struct naming {
    struct arena *arena;
    const struct family_names *family;
    const struct graph *graph;
    enum weights_source source;
    const struct weights *in;
    const char *what;
    struct foreign *parts; /* one a tensor */
    const char **modules;  /* sorted, for siblings */
    size_t unknown;        /* names that no pattern knows */
    size_t first_unknown;
};

static int by_text(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Flax's collections; what is in none of them is the optimizer's or the run's. */
static const char *flax_collection(const char *name) {
    static const char *const collections[] = {"params/", "batch_stats/"};
    for (int i = 0; i < 2; i++)
        if (strncmp(name, collections[i], strlen(collections[i])) == 0) return name + strlen(collections[i]);
    return NULL;
}

static sk_status split(struct naming *naming) {
    size_t count = naming->in->count;
    naming->parts = arena_array(naming->arena, count + 1, sizeof *naming->parts);
    naming->modules = arena_array(naming->arena, count + 1, sizeof *naming->modules);
    if (!naming->parts || !naming->modules) return SK_EMEMORY;
    bool wrapped = count > 0; /* by DataParallel */
    for (size_t i = 0; i < count; i++) wrapped = wrapped && strncmp(naming->in->tensors[i].name, "module.", 7) == 0;
    for (size_t i = 0; i < count; i++) {
        struct foreign *part = &naming->parts[i];
        const char *name = naming->in->tensors[i].name + (wrapped ? 7 : 0);
        naming->modules[i] = "";
        part->block = -1;
        if (naming->source == SOURCE_FLAX) name = flax_collection(name);
        if (!name) continue;
        const char *end = strrchr(name, styles[naming->source].separator);
        part->leaf = end ? end + 1 : name;
        part->module = arena_strndup(naming->arena, name, end ? (size_t)(end - name) : 0);
        if (!part->module) return SK_EMEMORY;
        naming->modules[i] = part->module;
    }
    qsort(naming->modules, count, sizeof *naming->modules, by_text);
    return SK_OK;
}

static bool has_module(const struct naming *naming, const char *module) {
    return bsearch(&module, naming->modules, naming->in->count, sizeof module, by_text) != NULL;
}

static sk_status match_patterns(struct naming *naming, struct foreign *part) {
    for (const struct name_pattern *row = naming->family->names; row->pattern; row++) {
        if (row->source != naming->source) continue;
        if (!pattern_match(row->pattern, part->module, false, &part->captures)) continue;
        if (row->sibling) {
            char *sibling = pattern_fill(naming->arena, row->sibling, &part->captures);
            if (!sibling) return SK_EMEMORY;
            if (!has_module(naming, sibling)) continue;
        }
        part->pattern = row;
        return SK_OK;
    }
    return SK_OK;
}

/* ---- Keras's numbers of layers by class, from before layers' names were kept ---- */

static const char *keras_class(const struct param *param, bool dense) {
    switch (param->kind) {
    case PARAM_CONV: return "conv2d";
    case PARAM_DEPTHWISE: return "depthwise_conv2d";
    case PARAM_LINEAR: return dense ? "dense" : "conv2d";
    case PARAM_NORM_WEIGHT: return "batch_normalization";
    case PARAM_LAYER_NORM_WEIGHT: return "layer_normalization";
    default: return NULL;
    }
}

/* The target of "conv2d_7": the module of the seventh such parameter behind the first. */
static sk_status match_class(struct naming *naming, struct foreign *part) {
    bool dense = has_module(naming, "dense");
    struct captures captures;
    for (size_t i = 0; i < naming->graph->param_count; i++) {
        const struct param *param = &naming->graph->params[i];
        const char *class = keras_class(param, dense);
        size_t length = class ? strlen(class) : 0, end = strlen(param->name);
        if (!class || strncmp(part->module, class, length) != 0) continue;
        int64_t number = 0;
        if (part->module[length] && !pattern_match("_{}", part->module + length, false, &captures)) continue;
        if (part->module[length]) number = captures.number[0];
        for (size_t j = 0; j < i && number >= 0; j++) {
            const char *other = keras_class(&naming->graph->params[j], dense);
            number -= other && strcmp(other, class) == 0;
        }
        if (number != 0) continue;
        if (end > 7 && strcmp(param->name + end - 7, ".weight") == 0) end -= 7;
        part->target = arena_strndup(naming->arena, param->name, end);
        return part->target ? SK_OK : SK_EMEMORY;
    }
    return SK_OK;
}

static sk_status match_all(struct naming *naming) {
    for (size_t i = 0; i < naming->in->count; i++) {
        struct foreign *part = &naming->parts[i];
        if (!part->module) continue;
        TRY(match_patterns(naming, part));
        if (!part->pattern && naming->source == SOURCE_KERAS) TRY(match_class(naming, part));
        if (!part->pattern && !styles[naming->source].jax) /* the whole name may be torchvision's */
            part->target = graph_find_param(naming->graph, naming->in->tensors[i].name) ? part->module : NULL;
        if (part->pattern || part->target) continue;
        if (naming->unknown++ == 0) naming->first_unknown = i;
    }
    return SK_OK;
}

static sk_status begin(struct naming *naming) {
    char shown[80];
    FAIL_IF(!naming->family, SK_EUSAGE, "siskin has no table of names for this family");
    FAIL_IF(naming->in->count > 4 * naming->graph->param_count + 4096, SK_EFORMAT,
            "%s holds %zu tensors, but the model has %zu", naming->what, naming->in->count, naming->graph->param_count);
    for (size_t i = 0; i < naming->in->count; i++)
        FAIL_IF(strlen(naming->in->tensors[i].name) > 1000, SK_EFORMAT, "%s: the name '%s…' is too long", naming->what,
                printable(naming->in->tensors[i].name, 60, shown, sizeof shown));
    TRY(split(naming));
    return match_all(naming);
}

sk_status names_source(const char *family, const struct graph *graph, const struct weights *in, const char *what,
                       enum weights_source *source) {
    size_t best = SIZE_MAX, most = 0;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        struct arena arena = {0};
        struct naming naming = {.arena = &arena,
                                .family = names_of_family(family),
                                .graph = graph,
                                .source = (enum weights_source)i,
                                .in = in,
                                .what = what};
        sk_status status = begin(&naming);
        size_t known = 0;
        for (size_t k = 0; status == SK_OK && k < in->count; k++)
            known += naming.parts[k].pattern || naming.parts[k].target;
        arena_free(&arena);
        TRY(status);
        if (known == 0 || (best != SIZE_MAX && known <= most)) continue;
        best = (size_t)i;
        most = known;
    }
    char shown[80];
    const char *name = in->count ? in->tensors[0].name : "";
    FAIL_IF(best == SIZE_MAX, SK_EFORMAT,
            "%s: its names ('%s', …) are those of no source that siskin knows for a %s; is the model right?", what,
            printable(name, strlen(name), shown, sizeof shown), family);
    *source = (enum weights_source)best;
    return SK_OK;
}

/* ---- blocks ---- */

struct blocks {
    int64_t (*keys)[CAPTURES]; /* sorted: their index is a block's rank */
    unsigned *parts;           /* which modules each has: bits of enum module */
    size_t count;
    const char **targets; /* torchvision's names of them */
    size_t target_count;
    const char *last; /* the module "features.N" behind the last block */
};

static int by_key(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    return (a[1] > b[1]) - (a[1] < b[1]);
}

static bool in_block(const struct naming *naming, const struct foreign *part) {
    const char *target = part->pattern ? naming->family->targets[part->pattern->module] : NULL;
    return target && strncmp(target, "<block>", 7) == 0;
}

static sk_status rank_blocks(struct naming *naming, struct blocks *blocks) {
    size_t count = naming->in->count, kept = 0;
    blocks->keys = arena_array(naming->arena, count + 1, sizeof *blocks->keys);
    blocks->parts = arena_array(naming->arena, count + 1, sizeof *blocks->parts);
    if (!blocks->keys || !blocks->parts) return SK_EMEMORY;
    for (size_t i = 0; i < count; i++)
        if (in_block(naming, &naming->parts[i]))
            memcpy(blocks->keys[blocks->count++], naming->parts[i].captures.number, sizeof *blocks->keys);
    qsort(blocks->keys, blocks->count, sizeof *blocks->keys, by_key);
    for (size_t i = 0; i < blocks->count; i++)
        if (i == 0 || by_key(blocks->keys[i], blocks->keys[kept - 1]) != 0)
            memmove(blocks->keys[kept++], blocks->keys[i], sizeof *blocks->keys);
    blocks->count = kept;
    for (size_t i = 0; i < count; i++) {
        struct foreign *part = &naming->parts[i];
        if (!in_block(naming, part)) continue;
        int64_t(*found)[CAPTURES] = bsearch(part->captures.number, blocks->keys, kept, sizeof *blocks->keys, by_key);
        part->block = (int)(found - blocks->keys);
        blocks->parts[part->block] |= 1u << part->pattern->module;
    }
    return SK_OK;
}

/* The target's blocks in its own order: the part of the name up to the pattern's last component. */
static sk_status find_targets(struct naming *naming, struct blocks *blocks) {
    const struct graph *graph = naming->graph;
    const char *pattern = naming->family->blocks;
    struct captures captures, last;
    int64_t features = -1;
    blocks->targets = arena_array(naming->arena, graph->param_count + 1, sizeof *blocks->targets);
    if (!blocks->targets) return SK_EMEMORY;
    for (size_t i = 0; i < graph->param_count; i++) {
        const char *name = graph->params[i].name;
        if (pattern_match("features.{}", name, true, &last) && last.number[0] > features) features = last.number[0];
        if (!pattern_match(pattern, name, true, &captures)) continue;
        const char *end = captures.text[captures.count - 1] + captures.length[captures.count - 1];
        char *block = arena_strndup(naming->arena, name, (size_t)(end - name));
        if (!block) return SK_EMEMORY;
        if (blocks->target_count && strcmp(block, blocks->targets[blocks->target_count - 1]) == 0) continue;
        blocks->targets[blocks->target_count++] = block;
    }
    blocks->last = arena_printf(naming->arena, "features.%" PRId64, features);
    return blocks->last ? SK_OK : SK_EMEMORY;
}

/* ---- one tensor ---- */

/* How many parts of the block work before this one: <j>. */
static int place_in_block(const struct blocks *blocks, const struct foreign *part) {
    static const enum module order[] = {EXPAND, DEPTHWISE, SQUEEZE, PROJECT};
    unsigned has = blocks->parts[part->block];
    enum module module = part->pattern->module;
    if (module == EXPAND_NORM || module == DEPTHWISE_NORM || module == EXCITE || module == PROJECT_NORM) module--;
    int before = 0;
    for (int i = 0; i < 4 && order[i] != module; i++) before += (has >> order[i] & 1) != 0;
    return before;
}

static const char *fill_target(struct naming *naming, const struct blocks *blocks, const struct foreign *part) {
    if (part->target) return part->target;
    const char *rest = naming->family->targets[part->pattern->module];
    struct text text = {0};
    while (*rest) {
        size_t plain = strcspn(rest, "<");
        text_add_n(&text, rest, plain);
        rest += plain;
        if (strncmp(rest, "<block>", 7) == 0) text_add(&text, blocks->targets[part->block]);
        if (strncmp(rest, "<last>", 6) == 0) text_add(&text, blocks->last);
        if (strncmp(rest, "<j>", 3) == 0) text_addf(&text, "%d", place_in_block(blocks, part));
        if (strncmp(rest, "<j+1>", 5) == 0) text_addf(&text, "%d", place_in_block(blocks, part) + 1);
        if (*rest) rest = strchr(rest, '>') + 1;
    }
    const char *filled = text_check(&text) == SK_OK ? arena_strdup(naming->arena, text.data ? text.data : "") : NULL;
    text_free(&text);
    return filled;
}

/* torchvision's word for a parameter; NULL: no such. */
static const char *target_leaf(const struct naming *naming, const char *leaf) {
    static const char *const words[][3] = {
        /* Keras, Flax, torch */
        {"kernel", "kernel", "weight"},
        {"depthwise_kernel", NULL, "weight"},
        {"bias", "bias", "bias"},
        {"gamma", "scale", "weight"},
        {"beta", NULL, "bias"},
        {"moving_mean", "mean", "running_mean"},
        {"moving_variance", "var", "running_var"},
    };
    if (!styles[naming->source].jax) return leaf;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *word = words[i][naming->source == SOURCE_FLAX];
        if (word && strcmp(word, leaf) == 0) return words[i][2];
    }
    return NULL;
}

static sk_status take_pixels(struct name_map *map, const struct foreign *part, struct name_row *row) {
    if (strcmp(part->leaf, "mean") == 0) map->pixel_mean = row->from;
    if (strcmp(part->leaf, "variance") == 0) map->pixel_variance = row->from;
    row->to = "(preprocessing)";
    row->transform = "as it is";
    return SK_OK;
}

static sk_status take(struct naming *naming, const struct blocks *blocks, size_t i, struct name_map *map) {
    const struct foreign *part = &naming->parts[i];
    struct name_row *row = &map->rows[i];
    row->from = &naming->in->tensors[i];
    if (!part->module) {
        *row = (struct name_row){row->from, "(set aside)", ""};
        map->set_aside++;
        return SK_OK;
    }
    if (part->pattern && part->pattern->module == PIXELS) return take_pixels(map, part, row);
    bool scale = part->pattern && part->pattern->module == SCALE;
    const char *leaf = scale ? "" : target_leaf(naming, part->leaf), *target = fill_target(naming, blocks, part);
    FAIL_IF(!leaf, SK_EFORMAT, "%s: '%s' is no parameter that siskin knows", naming->what, row->from->name);
    if (!target) return SK_EMEMORY;
    row->to = scale ? target : arena_printf(naming->arena, "%s.%s", target, leaf);
    if (!row->to) return SK_EMEMORY;
    const struct param *param = graph_find_param(naming->graph, row->to);
    FAIL_IF(!param, SK_EFORMAT,
            "%s: '%s' would be %s, which this model does not have; are its name and arguments right?", naming->what,
            row->from->name, row->to);
    struct tensor *to = &map->weights.tensors[map->weights.count++];
    sk_status status =
        names_transform(naming->arena, row->from, param, styles[naming->source].jax, to, &row->transform);
    to->name = row->to;
    return status == SK_OK ? SK_OK : status_prefix(status, "%s: '%s'", naming->what, row->from->name);
}

/* Each parameter once; counters of batches may be missing. */
static sk_status check_complete(const struct naming *naming, const struct name_map *map) {
    size_t missing = 0;
    const char *first = NULL;
    sk_status status = weights_check(&map->weights);
    if (status != SK_OK) return status_prefix(status, "%s, under torchvision's names", naming->what);
    for (size_t i = 0; i < naming->graph->param_count; i++) {
        const struct param *param = &naming->graph->params[i];
        if (param->kind == STATE_COUNTER || weights_find(&map->weights, param->name)) continue;
        if (missing++ == 0) first = param->name;
    }
    FAIL_IF(missing, SK_EFORMAT, "%s has no tensor for %s%s; are the model's name and arguments right?", naming->what,
            first, missing > 1 ? " and others" : "");
    return SK_OK;
}

static sk_status fail_unknown(const struct naming *naming) {
    const char *name = naming->in->tensors[naming->first_unknown].name;
    char shown[80];
    return status_fail(SK_EFORMAT,
                       "%s: siskin has no use for '%s'%s among names from %s; are the model's name, its arguments and "
                       "--from right?",
                       naming->what, printable(name, strlen(name), shown, sizeof shown),
                       naming->unknown > 1 ? " and others" : "", styles[naming->source].name);
}

sk_status names_map(struct arena *arena, const char *family, const struct graph *graph, enum weights_source source,
                    const struct weights *in, const char *what, struct name_map *map) {
    struct naming naming = {
        .arena = arena, .family = names_of_family(family), .graph = graph, .source = source, .in = in, .what = what};
    struct blocks blocks = {0};
    *map = (struct name_map){.weights = {.key = ""}};
    TRY(begin(&naming));
    if (naming.unknown) return fail_unknown(&naming);
    TRY(rank_blocks(&naming, &blocks));
    TRY(find_targets(&naming, &blocks));
    FAIL_IF(blocks.count > 0 && blocks.count != blocks.target_count, SK_EFORMAT,
            "%s has %zu blocks, but the model has %zu; are the model's name and arguments right?", what, blocks.count,
            blocks.target_count);
    map->count = in->count;
    map->rows = arena_array(arena, in->count + 1, sizeof *map->rows);
    map->weights.tensors = arena_array(arena, in->count + 1, sizeof *map->weights.tensors);
    if (!map->rows || !map->weights.tensors) return SK_EMEMORY;
    for (size_t i = 0; i < in->count; i++) TRY(take(&naming, &blocks, i, map));
    return check_complete(&naming, map);
}
