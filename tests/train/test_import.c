/* test_import.c — every table of names against lists that the frameworks made; layouts there and back; what does not fit.
 *
 * The lists pair names by position (tests/golden/make_names.py), so they know nothing of our patterns. A small network's
 * weights are put into a source's names and layout, and must come back bit by bit. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "files/npy.h"
#include "files/weights.h"
#include "train/from_recipe.h"
#include "train/import.h"
#include "train/model_file.h"

struct listing {
    struct arena arena;
    char *family, *source, *model;
    char *(*pairs)[2]; /* theirs, torchvision's */
    size_t count, capacity;
    struct network *network;
    struct weights ours, theirs;
};

static char *cut(char **at, char end) {
    char *begin = *at, *stop = strchr(begin, end);
    assert_non_null(stop);
    *stop = '\0';
    *at = stop + 1;
    return begin;
}

static void read_listing(struct listing *l, const char *name) {
    uint8_t *bytes;
    size_t size;
    char *path = arena_printf(&l->arena, "%s/names/%s", FIXTURES, name);
    if (file_read(&l->arena, path, 1 << 20, &bytes, &size) != SK_OK) fail_msg("%s", sk_error());
    char *at = (char *)bytes;
    l->family = cut(&at, '\t');
    l->source = cut(&at, '\n');
    l->model = cut(&at, '\n');
    while (*at) {
        l->pairs = arena_grow(&l->arena, l->pairs, &l->capacity, l->count + 1, sizeof *l->pairs);
        l->pairs[l->count][0] = cut(&at, '\t');
        l->pairs[l->count++][1] = cut(&at, '\n');
    }
}

/* A narrow network of that architecture whose every number is another. */
static void make_network(struct listing *l) {
    struct model_args args;
    assert_int_equal(model_defaults(l->model, &args), SK_OK);
    args.num_classes = 7;
    args.height = args.width = 32;
    args.width_mult = 0.25;
    if (network_new(&l->network, &args) != SK_OK) fail_msg("%s", sk_error());
    const struct graph *graph = l->network->graph;
    for (int64_t i = 0; i < graph->param_elements; i++) l->network->params[i] = (float)(i % 16381) / 8192 - 1;
    for (int64_t i = 0; i < graph->state_elements; i++) l->network->state[i] = (float)(i % 8191) / 4096 + 0.5F;
    assert_int_equal(model_tensors(&l->arena, l->network, &l->ours), SK_OK);
}

/* Element (i,j,k,m) of (K,C,R,S) as the source has it: the dullest loop. */
static struct tensor to_jax(struct arena *arena, const struct tensor *t, bool keras_depthwise) {
    struct tensor out = *t;
    const float *from = t->data;
    const int64_t *d = t->shape.dim;
    float *to = arena_array(arena, (size_t)shape_elements(&t->shape), sizeof *to);
    out.data = to;
    if (t->shape.rank == 2) {
        out.shape = (struct shape){2, {d[1], d[0]}};
        for (int64_t i = 0; i < d[0]; i++)
            for (int64_t j = 0; j < d[1]; j++) to[j * d[0] + i] = from[i * d[1] + j];
        return out;
    }
    out.shape = (struct shape){4, {d[2], d[3], keras_depthwise ? d[0] : d[1], keras_depthwise ? d[1] : d[0]}};
    for (int64_t i = 0; i < d[0]; i++)
        for (int64_t j = 0; j < d[1]; j++)
            for (int64_t r = 0; r < d[2]; r++)
                for (int64_t s = 0; s < d[3]; s++)
                    to[((r * d[3] + s) * out.shape.dim[2] + (keras_depthwise ? i : j)) * out.shape.dim[3] +
                       (keras_depthwise ? j : i)] = from[((i * d[1] + j) * d[2] + r) * d[3] + s];
    return out;
}

static struct tensor foreign_tensor(struct listing *l, size_t i) {
    const struct tensor *ours = weights_find(&l->ours, l->pairs[i][1]);
    if (!ours) fail_msg("%s is no tensor of a %s", l->pairs[i][1], l->model);
    const struct param *param = graph_find_param(l->network->graph, ours->name);
    bool jax = strcmp(l->source, "keras") == 0 || strcmp(l->source, "flax") == 0;
    bool depthwise = param->kind == PARAM_DEPTHWISE && strcmp(l->source, "keras") == 0 &&
                     strcmp(l->family, "convnext") != 0; /* which says it as a grouped convolution */
    struct tensor t = *ours;
    if (jax && ours->shape.rank > 1 && param->kind != PARAM_LAYER_SCALE) t = to_jax(&l->arena, ours, depthwise);
    /* where the other is a convolution of 1x1, or the scale has one dimension */
    bool head_is_conv = param->kind == PARAM_LINEAR && strcmp(l->family, "mobilenet_v3") == 0 &&
                        (jax || strncmp(l->pairs[i][0], "conv_head", 9) == 0);
    if (head_is_conv && jax) t.shape = (struct shape){4, {1, 1, t.shape.dim[0], t.shape.dim[1]}};
    if (head_is_conv && !jax) t.shape = (struct shape){4, {t.shape.dim[0], t.shape.dim[1], 1, 1}};
    if (param->kind == PARAM_LAYER_SCALE) t.shape = (struct shape){1, {t.shape.dim[0]}};
    t.name = l->pairs[i][0];
    return t;
}

static void make_foreign(struct listing *l) {
    l->theirs = (struct weights){.key = "", .count = l->count};
    l->theirs.tensors = arena_array(&l->arena, l->count + 2, sizeof *l->theirs.tensors);
    /* backwards: the order of a file says nothing */
    for (size_t i = 0; i < l->count; i++) l->theirs.tensors[i] = foreign_tensor(l, l->count - 1 - i);
}

static void open_listing(struct listing *l, const char *name) {
    *l = (struct listing){0};
    read_listing(l, name);
    make_network(l);
    make_foreign(l);
}

static void close_listing(struct listing *l) {
    network_free(l->network);
    arena_free(&l->arena);
}

static sk_status map(struct listing *l, struct name_map *out) {
    enum weights_source source;
    assert_int_equal(source_find(l->source, &source), SK_OK);
    status_clear();
    return names_map(&l->arena, l->family, l->network->graph, source, &l->theirs, "it", out);
}

static void check_listing(const char *name) {
    struct listing l;
    struct name_map found;
    enum weights_source source;
    open_listing(&l, name);
    if (names_source(l.family, l.network->graph, &l.theirs, "it", &source) != SK_OK) fail_msg("%s", sk_error());
    assert_string_equal(source_name(source), l.source);
    if (map(&l, &found) != SK_OK) fail_msg("%s: %s", name, sk_error());
    assert_int_equal(found.count, l.count);
    for (size_t i = 0; i < found.weights.count; i++) {
        const struct tensor *t = &found.weights.tensors[i], *ours = weights_find(&l.ours, t->name);
        assert_non_null(ours);
        if (!shape_equal(&t->shape, &ours->shape) ||
            memcmp(t->data, ours->data, (size_t)shape_elements(&t->shape) * sizeof(float)) != 0)
            fail_msg("%s: %s does not come back", name, t->name);
    }
    /* and by name: each of theirs where the list says */
    for (size_t i = 0; i < l.count; i++) {
        size_t k = 0;
        while (k < l.count && strcmp(found.rows[k].from->name, l.pairs[i][0]) != 0) k++;
        assert_true(k < l.count);
        assert_string_equal(found.rows[k].to, l.pairs[i][1]);
        assert_non_null(found.rows[k].transform);
    }
    close_listing(&l);
}

static void listings(void **state) {
    (void)state;
    struct arena arena = {0};
    char **names;
    size_t count;
    assert_int_equal(folder_list(&arena, FIXTURES "/names", LIST_FILES, &names, &count), SK_OK);
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) check_listing(names[i]);
    arena_free(&arena);
}

static void expect_map(struct listing *l, const char *sentence) {
    struct name_map found;
    if (map(l, &found) == SK_OK) fail_msg("accepted where '%s' was expected", sentence);
    if (strncmp(sk_error(), sentence, strlen(sentence)) != 0) fail_msg("\"%s\", not \"%s\"", sk_error(), sentence);
}

static struct tensor *theirs_of(struct listing *l, const char *name) {
    for (size_t i = 0; i < l->theirs.count; i++)
        if (strcmp(l->theirs.tensors[i].name, name) == 0) return &l->theirs.tensors[i];
    fail_msg("no %s", name);
    return NULL;
}

static void misfits(void **state) {
    (void)state;
    struct listing l;
    enum weights_source source;
    open_listing(&l, "timm.mobilenet_v3_small.tsv");
    struct tensor *t = theirs_of(&l, "blocks.2.1.conv_dw.weight"), kept = *t;
    t->name = "blocks.2.1.conv_odd.weight";
    expect_map(&l, "it: siskin has no use for 'blocks.2.1.conv_odd.weight' among names from timm");
    *t = kept;
    struct tensor *bias = theirs_of(&l, "bn1.bias");
    bias->name = "bn1.weight";
    expect_map(&l, "it, under torchvision's names: two tensors are called 'features.0.1.weight'");
    bias->name = "bn1.bias";
    *t = kept;
    struct tensor *head = theirs_of(&l, "conv_head.weight"), *last = &l.theirs.tensors[l.theirs.count - 1];
    struct tensor kept_head = *head;
    *head = *last;
    l.theirs.count--;
    expect_map(&l, "it has no tensor for classifier.0.weight; are");
    l.theirs.count++;
    *head = kept_head;
    t->name = "blocks.9.0.conv_dw.weight";
    expect_map(&l, "it has 12 blocks, but the model has 11");
    *t = kept;
    t->shape.dim[0]++;
    expect_map(&l, "it: 'blocks.2.1.conv_dw.weight': its shape (65, 1, 5, 5) does not become (64, 1, 5, 5), which the "
                   "model wants for "
                   "features.5.block.1.0.weight");
    *t = kept;
    assert_int_equal(names_source("resnet", l.network->graph, &l.theirs, "it", &source), SK_EFORMAT);
    assert_int_equal(source_find("kreas", &source), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "did you mean keras?"));
    close_listing(&l);
}

/* Names wrapped by DataParallel, and torchvision's own, counters included. */
static void wrapped(void **state) {
    (void)state;
    struct listing l;
    struct name_map found;
    enum weights_source source;
    open_listing(&l, "timm.mobilenet_v2.tsv");
    for (size_t i = 0; i < l.theirs.count; i++)
        l.theirs.tensors[i].name = arena_printf(&l.arena, "module.%s", l.theirs.tensors[i].name);
    if (map(&l, &found) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(names_source(l.family, l.network->graph, &l.ours, "it", &source), SK_OK);
    assert_int_equal(source, SOURCE_TORCHVISION);
    l.source = "torchvision";
    l.theirs = l.ours;
    if (map(&l, &found) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(found.count, l.network->graph->param_count);
    close_listing(&l);
}

/* The whole way: a file, what follows from its source, the network, its logits against its own. */
static void whole_way(void **state) {
    (void)state;
    struct listing l;
    struct recipe over;
    struct import import;
    struct network *network;
    struct text report = {0};
    open_listing(&l, "flax.mobilenet_v2.tsv");
    struct tensor step = {
        .name = "opt_state/0/count", .dtype = F32, .shape = {1, {3}}, .data = l.theirs.tensors[0].data};
    l.theirs.tensors[l.theirs.count++] = step;
    char *path = arena_printf(&l.arena, "%s/foreign.safetensors", SCRATCH);
    assert_int_equal(weights_save(path, &l.theirs), SK_OK);
    assert_int_equal(recipe_default(&over, &l.arena), SK_OK);
    assert_int_equal(recipe_set(&over, "model.width_mult", "0.25"), SK_OK);
    assert_int_equal(recipe_set(&over, "model.num_classes", "7"), SK_OK);
    assert_int_equal(recipe_set(&over, "model.input_size", "32"), SK_OK);
    assert_int_equal(recipe_set(&over, "batch_norm.eps", "0.002"), SK_OK);
    assert_int_equal(import_begin(&import, path, NULL), SK_OK);
    assert_int_equal(import_choose(&import, NULL, NULL, &over), SK_EUSAGE);
    if (import_choose(&import, "mobilenet_v2", NULL, &over) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(import.source, SOURCE_FLAX);
    assert_true(import.args.same_padding && import.args.wrap_padding);
    assert_true(import.args.activation == ACT_RELU && import.args.norm_eps == 0.002);
    assert_int_equal(import.preprocess.crop_height, 32);
    assert_non_null(import.assumed);
    if (import_network(&import, &network) != SK_OK) fail_msg("%s", sk_error());
    assert_memory_equal(network->params, l.network->params, 3 * 3 * 3 * 8 * sizeof(float));
    assert_int_equal(import.map.set_aside, 1);
    assert_int_equal(import_report(&import, &report), SK_OK);
    assert_non_null(strstr(report.data, "opt_state/0/count\t(3)\tf32\t(set aside)\t\n"));
    assert_non_null(strstr(report.data, "params/Head/kernel\t(1280, 7)\tf32\tclassifier.1.weight\tlinear (in,out) -> "
                                        "(out,in)\n"));
    text_free(&report);
    network_free(network);
    import_end(&import);
    close_listing(&l);
}

/* A tree beside "params" is taken in its place; a key that leads nowhere, or into a file without entries, is said. */
static void chosen_tree(void **state) {
    (void)state;
    struct import import;
    const char *const msgpack = FIXTURES "/files/good/flax.msgpack", *const safe =
                                                                         FIXTURES "/files/good/flax.safetensors";
    assert_int_equal(import_begin(&import, msgpack, "params/Net_0"), SK_OK);
    assert_non_null(weights_find(&import.weights, "params/Stem/kernel"));
    assert_non_null(weights_find(&import.weights, "(not chosen)/params/Head/kernel"));
    assert_non_null(weights_find(&import.weights, "batch_stats/Net_0/Norm/mean"));
    import_end(&import);
    assert_int_equal(import_begin(&import, msgpack, "ema"), SK_EUSAGE);
    assert_non_null(strstr(sk_error(), "has no arrays under 'ema'"));
    import_end(&import);
    assert_int_equal(import_begin(&import, safe, "model"), SK_EUSAGE);
    import_end(&import);
}

static void verifying(void **state) {
    (void)state;
    struct listing l;
    struct team *team;
    struct runner *runner;
    double difference;
    open_listing(&l, "timm.mobilenet_v2.tsv");
    const int64_t n = 2, hw = 32 * 32, c = 3;
    float *x = arena_array(&l.arena, (size_t)(n * hw * c), sizeof *x);
    float *planes = arena_array(&l.arena, (size_t)(n * hw * c), sizeof *planes);
    float y[14];
    for (int64_t i = 0; i < n * hw * c; i++) x[i] = (float)(i * 7919 % 509) / 254 - 1;
    for (int64_t i = 0; i < n * hw * c; i++) planes[i / (hw * c) * hw * c + i % c * hw + i / c % hw] = x[i];
    assert_int_equal(team_new(&team, 1), SK_OK);
    assert_int_equal(runner_new(&runner, l.network, &(struct runner_options){.batch = n, .team = team}), SK_OK);
    runner_run(runner, n, x, y);
    runner_free(runner);
    char *xs = arena_printf(&l.arena, "%s/verify_x.npy", SCRATCH),
         *ys = arena_printf(&l.arena, "%s/verify_y.npy", SCRATCH);
    struct tensor logits = {.name = "", .dtype = F32, .shape = {2, {n, 7}}, .data = y};
    struct tensor in = {.name = "", .dtype = F32, .shape = {4, {n, 32, 32, c}}, .data = x};
    assert_int_equal(npy_save(ys, &logits), SK_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(npy_save(xs, &in), SK_OK);
        assert_int_equal(import_verify(l.network, team, xs, ys, &difference), SK_OK);
        assert_true(difference == 0);
        in.shape = (struct shape){4, {n, c, 32, 32}};
        in.data = planes;
    }
    y[3] += 1;
    assert_int_equal(npy_save(ys, &logits), SK_OK);
    assert_int_equal(import_verify(l.network, team, xs, ys, &difference), SK_OK);
    assert_true(difference > 0);
    in.shape = (struct shape){4, {n, 32, c, 32}};
    assert_int_equal(npy_save(xs, &in), SK_OK);
    assert_int_equal(import_verify(l.network, team, xs, ys, &difference), SK_ESHAPE);
    team_free(team);
    close_listing(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listings),  cmocka_unit_test(misfits),     cmocka_unit_test(wrapped),
        cmocka_unit_test(whole_way), cmocka_unit_test(chosen_tree), cmocka_unit_test(verifying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
