/* import.c — what a file of weights from elsewhere is, and making a network of it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/import.h"

#include <math.h>
#include <string.h>

#include "files/npy.h"
#include "train/from_published.h"
#include "train/from_recipe.h"

/* Flax: the tree under `key` (an average of the weights, "ema_state/ema") instead of "params", which is set aside. */
static sk_status choose_tree(struct import *import, const char *key) {
    size_t length = strlen(key), found = 0;
    for (size_t i = 0; i < import->weights.count; i++) {
        struct tensor *t = &import->weights.tensors[i];
        bool chosen = strncmp(t->name, key, length) == 0 && t->name[length] == '/';
        const char *rest = chosen ? t->name + length + 1 : t->name;
        bool collection = strncmp(rest, "params/", 7) == 0 || strncmp(rest, "batch_stats/", 12) == 0;
        found += chosen;
        if (chosen)
            t->name = collection ? rest : arena_printf(&import->arena, "params/%s", rest);
        else if (strncmp(t->name, "params/", 7) == 0)
            t->name = arena_printf(&import->arena, "(not chosen)/%s", t->name);
        if (!t->name) return SK_EMEMORY;
    }
    FAIL_IF(found == 0, SK_EUSAGE, "%s has no arrays under '%s'", import->path, key);
    return SK_OK;
}

sk_status import_begin(struct import *import, const char *path, const char *key) {
    *import = (struct import){.path = path};
    struct weights_options options = {.key = key};
    TRY(weights_open(&import->arena, path, &options, &import->weights));
    enum weights_format format = import->weights.format;
    if (!key || format == WEIGHTS_PTH || format == WEIGHTS_PTH_LEGACY) return SK_OK;
    FAIL_IF(format != WEIGHTS_MSGPACK, SK_EUSAGE, "%s: only a .pth or msgpack has entries that --key can choose", path);
    return choose_tree(import, key);
}

void import_end(struct import *import) {
    weights_close(&import->weights);
    arena_free(&import->arena);
}

/* ---- which network ---- */

/* timm's name of a network without a tag, "tf_efficientnet_b0": its first published file. */
static const struct published *timm_network(const char *name) {
    size_t count, length = strlen(name);
    const struct published *table = published_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].source, "timm") == 0 && strncmp(table[i].entry, name, length) == 0 &&
            table[i].entry[length] == '.')
            return &table[i];
    return NULL;
}

static sk_status choose_model(struct import *import, const char *model) {
    const struct model_family *family;
    if (!model) {
        FAIL_IF(!import->published, SK_EUSAGE,
                "%s is no published file that siskin knows: say with --model which network its weights belong to",
                import->path);
        return published_model(import->published, &import->args);
    }
    if (model_find(model, &family) == SK_OK) {
        if (import->published && strcmp(import->published->model, model) != 0) import->published = NULL;
        return import->published ? published_model(import->published, &import->args)
                                 : model_defaults(model, &import->args);
    }
    import->published = published_by_entry(NULL, model);
    import->like = import->published ? NULL : timm_network(model);
    const struct published *entry = import->published ? import->published : import->like;
    if (!entry) return model_find(model, &family); /* its sentence names the nearest */
    return published_model(entry, &import->args);
}

/* ---- what follows from the source ---- */

static void half_pixels(struct preprocess *p) {
    for (int c = 0; c < PREPROCESS_CHANNELS; c++) p->mean[c] = p->std[c] = 0.5F;
}

#define KERAS_NORM(momentum) a->norm_eps = 1e-3, a->norm_momentum = momentum;
#define HALF_PIXELS          half_pixels(p);
static const char *apply_rule(const char *family, enum weights_source source, struct model_args *a,
                              struct preprocess *p) {
#define RULE(name, from, arguments, pixels, said)                                                                      \
    if (strcmp(family, #name) == 0 && source == SOURCE_##from) {                                                       \
        arguments pixels return said;                                                                                  \
    }
#include "train/import_rules.def"
#undef RULE
    (void)a, (void)p;
    return NULL;
}

/* The graph of the arguments alone: for its names. */
static sk_status choose_source(struct import *import, const char *from, const char *family) {
    struct arena arena = {0};
    struct graph *graph;
    if (from) return source_find(from, &import->source);
    sk_status status = model_graph(&arena, &import->args, &(struct model_request){.batch = 1}, &graph);
    if (status == SK_OK) status = names_source(family, graph, &import->weights, import->path, &import->source);
    arena_free(&arena);
    return status;
}

sk_status import_choose(struct import *import, const char *model, const char *from, const struct recipe *over) {
    const struct model_family *family;
    struct model_args plain;
    TRY(choose_model(import, model));
    TRY(model_find(import->args.name, &family));
    plain = import->args;
    TRY(recipe_model_over(over, &import->args)); /* widths and rows decide names, too */
    TRY(choose_source(import, from, family->name));
    import->args = plain;
    import->preprocess = preprocess_default();
    import->preprocess.channels = (int)import->args.in_channels;
    const struct published *entry = import->published ? import->published : import->like;
    if (entry)
        TRY(published_preprocess(entry, &import->preprocess));
    else
        import->assumed = apply_rule(family->name, import->source, &import->args, &import->preprocess);
    if (import->like) {
        import->assumed = arena_printf(&import->arena, "arguments and preprocessing of timm's %s", import->like->entry);
        if (!import->assumed) return SK_EMEMORY;
    }
    TRY(recipe_model_over(over, &import->args));
    preprocess_scale(&import->preprocess, (int)import->args.height, (int)import->args.width);
    return SK_OK;
}

/* ---- the network ---- */

/* Keras's EfficientNet normalises pixels itself: (x/255 - mean) / sqrt(variance). Where the numbers are ImageNet's, what it
 * calls the variance is the deviation, and another layer without weights makes up for it. */
static void take_pixels(struct import *import) {
    const struct tensor *mean = import->map.pixel_mean, *variance = import->map.pixel_variance;
    static const float imagenet[] = {0.229F, 0.224F, 0.225F};
    float m[PREPROCESS_CHANNELS], v[PREPROCESS_CHANNELS];
    if (!mean || !variance || shape_elements(&mean->shape) != 3 || shape_elements(&variance->shape) != 3) return;
    tensor_to_f32(mean->dtype, mean->data, m, 3);
    tensor_to_f32(variance->dtype, variance->data, v, 3);
    bool deviation = true;
    for (int c = 0; c < 3; c++) deviation = deviation && fabsf(v[c] - imagenet[c]) < 1e-4F;
    for (int c = 0; c < 3; c++) {
        import->preprocess.mean[c] = m[c];
        import->preprocess.std[c] = deviation ? v[c] : sqrtf(v[c]);
    }
}

sk_status import_network(struct import *import, struct network **out) {
    const struct model_family *family;
    struct network *network;
    TRY(model_find(import->args.name, &family));
    TRY(network_new(&network, &import->args));
    sk_status status = names_map(&import->arena, family->name, network->graph, import->source, &import->weights,
                                 import->path, &import->map);
    if (status == SK_OK) status = network_take(network, &import->map.weights, import->path);
    if (status != SK_OK) {
        network_free(network);
        return status;
    }
    if (!import->published && !import->like) take_pixels(import);
    *out = network;
    return SK_OK;
}

sk_status import_report(const struct import *import, struct text *text) {
    char shape[96];
    for (size_t i = 0; i < import->map.count; i++) {
        const struct name_row *row = &import->map.rows[i];
        text_addf(text, "%s\t%s\t%s\t%s\t%s\n", row->from->name, shape_text(&row->from->shape, shape, sizeof shape),
                  dtype_name(row->from->dtype), row->to, row->transform);
    }
    return text_check(text);
}

/* ---- verifying ---- */

/* (N,C,H,W) or (N,H,W,C) of f32 -> (N,H,W,C) in the arena. */
static sk_status take_images(struct arena *arena, const struct model_args *a, const char *path, int64_t *n,
                             float **images) {
    struct tensor x;
    TRY(npy_open(arena, path, &x));
    *n = x.shape.rank == 4 ? x.shape.dim[0] : 0;
    int64_t c = a->in_channels, hw = a->height * a->width;
    struct shape planes = {4, {*n, c, a->height, a->width}}, pixels = {4, {*n, a->height, a->width, c}};
    char found[96], first[96], second[96];
    bool in_planes = shape_equal(&x.shape, &planes);
    FAIL_IF((!in_planes && !shape_equal(&x.shape, &pixels)) || x.dtype != F32 || *n < 1 || *n > 65536, SK_ESHAPE,
            "%s holds %s of shape %s; expected f32 %s or %s", path, dtype_name(x.dtype),
            shape_text(&x.shape, found, sizeof found), shape_text(&planes, first, sizeof first),
            shape_text(&pixels, second, sizeof second));
    *images = x.data;
    if (!in_planes) return SK_OK;
    *images = arena_array(arena, (size_t)(*n * c * hw), sizeof **images);
    if (!*images) return SK_EMEMORY;
    for (int64_t i = 0; i < *n * c * hw; i++)
        (*images)[(i / (c * hw) * hw + i % hw) * c + i / hw % c] = ((const float *)x.data)[i];
    return SK_OK;
}

static sk_status compare(struct arena *arena, const struct network *network, struct team *team, const char *x,
                         const char *y, double *difference) {
    const struct model_args *a = &network->args;
    struct tensor theirs;
    struct runner *runner;
    int64_t n = 0;
    float *images = NULL;
    char found[96], expected[96];
    TRY(take_images(arena, a, x, &n, &images));
    TRY(npy_open(arena, y, &theirs));
    struct shape logits = {2, {n, a->num_classes}};
    FAIL_IF(!shape_equal(&theirs.shape, &logits) || theirs.dtype != F32, SK_ESHAPE,
            "%s holds %s of shape %s; expected f32 %s", y, dtype_name(theirs.dtype),
            shape_text(&theirs.shape, found, sizeof found), shape_text(&logits, expected, sizeof expected));
    float *mine = arena_array(arena, (size_t)(n * a->num_classes), sizeof *mine);
    if (!mine) return SK_EMEMORY;
    TRY(runner_new(&runner, network, &(struct runner_options){.batch = n, .team = team}));
    runner_run(runner, n, images, mine);
    runner_free(runner);
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n * a->num_classes; i++) {
        double want = ((const float *)theirs.data)[i], d = fabs(mine[i] - want);
        if (!(d <= worst)) worst = d;
        if (fabs(want) > largest) largest = fabs(want);
    }
    *difference = largest > 0 ? worst / largest : worst;
    return SK_OK;
}

sk_status import_verify(const struct network *network, struct team *team, const char *x, const char *y,
                        double *difference) {
    struct arena arena = {0};
    sk_status status = compare(&arena, network, team, x, y, difference);
    arena_free(&arena);
    return status;
}
