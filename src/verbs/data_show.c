/* data_show.c — the first pictures of an epoch as the recipe augments and mixes them, and what was done to each.
 *
 * Single pictures are those that a run with this seed makes in this epoch. They are mixed with one another: the batch is
 * the sheet, so that both pictures of a mixture can be seen. SPDX-License-Identifier: Apache-2.0 */
#include "verbs/data_show.h"

#include <math.h>
#include <string.h>

#include "augment/augment.h"
#include "data/epoch_order.h"
#include "train/from_recipe.h"
#include "train/schedule.h"
#include "verbs/recipe_arg.h"
#include "verbs/sheet.h"

enum { SHOWN_MOST = 500, LETTERS = 32 }; /* letters of a sheet's line */

struct show {
    struct call *call;
    struct recipe recipe;
    struct dataset *dataset;
    struct pipeline pipeline;
    struct mix_options mix;
    struct mix_frame frame;
    struct scratch scratch;
    uint64_t epoch;
    size_t size; /* floats of an input */
    uint32_t *indices;
    int32_t *labels;
    struct mixed *mixed;
    struct augment_trace *traces;
    float *images, *spare;
};

static sk_status take_memory(struct show *s, uint32_t count) {
    struct arena *arena = &s->call->arena;
    s->indices = arena_array(arena, count, sizeof *s->indices);
    s->labels = arena_array(arena, count, sizeof *s->labels);
    s->mixed = arena_array(arena, count, sizeof *s->mixed);
    s->traces = arena_array(arena, count, sizeof *s->traces);
    s->images = arena_array(arena, count * s->size, sizeof *s->images);
    s->spare = arena_array(arena, s->size, sizeof *s->spare);
    bool whole = s->indices && s->labels && s->mixed && s->traces && s->images && s->spare;
    return whole ? SK_OK : SK_EMEMORY;
}

/* As the loader orders an epoch. */
static sk_status choose(struct show *s, uint32_t count) {
    struct repeat repeat = recipe_repeat(&s->recipe);
    struct epoch_order order;
    struct epoch_order_options options = {.dataset = s->dataset,
                                          .part = DATA_TRAIN,
                                          .seed = (uint64_t)s->recipe.seed,
                                          .shuffled = true,
                                          .balanced = s->recipe.sampling == CHOICE_SAMPLING_BALANCED,
                                          .stream = recipe_stream(&s->recipe),
                                          .shuffle_buffer = 0};
    struct epoch_plan plan;
    if (options.stream != ORDER_EPOCHS) {
        TRY(epoch_plan_make(&plan, &s->recipe, dataset_count(s->dataset, DATA_TRAIN), 1));
        options.length = (uint32_t)plan.images_used;
    }
    if (dataset_is_sharded(s->dataset)) options.shuffle_buffer = (uint32_t)s->recipe.data_shuffle_buffer;
    repeat.replicas = 1; /* a picture's repeats side by side */
    TRY(epoch_order_make(&order, &s->call->arena, &options));
    epoch_order_fill(&order, s->epoch);
    for (uint32_t i = 0; i < count; i++) s->indices[i] = order.order[repeat_item(&repeat, order.count, 0, count, i)];
    return SK_OK;
}

static sk_status make_one(struct show *s, uint32_t at) {
    uint32_t index = s->indices[at];
    bool by_place = s->recipe.sampling != CHOICE_SAMPLING_SHUFFLE || s->recipe.data_stream != CHOICE_DATA_EPOCHS;
    struct sample_key key = {(uint64_t)s->recipe.seed, s->epoch, by_place ? at : index};
    struct pipeline_wish wish;
    struct picture picture;
    pipeline_wish(&wish, &s->pipeline, &key);
    s->labels[at] = dataset_label(s->dataset, DATA_TRAIN, index);
    s->scratch.trace = &s->traces[at];
    s->scratch.wish = &wish.wish;
    sk_status status = dataset_read(s->dataset, DATA_TRAIN, index, &s->scratch, &picture);
    s->scratch.wish = NULL;
    if (status != SK_OK) return status;
    float *input = s->images + at * s->size;
    return s->mix.rounded ? pipeline_train_bytes(&s->pipeline, &key, &picture, &s->scratch, input)
                          : pipeline_train(&s->pipeline, &key, &picture, &s->scratch, input);
}

static sk_status make_all(struct show *s) {
    struct rng rng = rng_at((uint64_t)s->recipe.seed, RNG_MIX, s->epoch, 0);
    TRY(choose(s, s->frame.count));
    for (uint32_t i = 0; i < s->frame.count; i++) TRY(make_one(s, i));
    mix_draw(&s->mix, s->epoch, &s->frame, &rng, s->mixed);
    mix_labels(s->mixed, s->labels, s->frame.count);
    mix_apply(s->mixed, &s->frame, s->images, s->spare);
    bool by_place = s->recipe.sampling != CHOICE_SAMPLING_SHUFFLE || s->recipe.data_stream != CHOICE_DATA_EPOCHS;
    for (uint32_t i = 0; s->mix.rounded && i < s->frame.count; i++) {
        struct sample_key key = {(uint64_t)s->recipe.seed, s->epoch, by_place ? i : s->indices[i]};
        s->scratch.trace = &s->traces[i];
        pipeline_finish(&s->pipeline, &key, &s->scratch, s->images + i * s->size);
    }
    return SK_OK;
}

/* ---- as pictures and words ---- */

/* The network's numbers as pixels again. */
static sk_status restore(const struct show *s, uint32_t at, struct picture *picture) {
    const struct preprocess *p = &s->pipeline.options.preprocess;
    const float *in = s->images + at * s->size;
    uint8_t *out = arena_alloc(&s->call->arena, s->size);
    if (!out) return SK_EMEMORY;
    *picture = (struct picture){out, p->crop_height, p->crop_width, p->channels};
    for (size_t i = 0; i < s->size; i++) {
        size_t c = i % (size_t)p->channels;
        bool reverse = p->order == COLOUR_BGR && p->channels == 3;
        float x = (in[i] * p->std[c] + p->mean[c]) * p->divisor;
        out[reverse ? i - c + 2 - c : i] = (uint8_t)rintf(fminf(fmaxf(x, 0), 255));
    }
    return SK_OK;
}

static const char *class_of(const struct show *s, int32_t label) {
    return dataset_class_name(s->dataset, label);
}

static const char *mix_words(const struct show *s, uint32_t at) {
    const struct mixed *m = &s->mixed[at];
    const struct picture_box *b = &m->box;
    struct arena *arena = &s->call->arena;
    if (m->kind == MIX_NOTHING) return NULL;
    if (m->kind == MIX_UP)
        return arena_printf(arena, "mixup %.3f + %.3f of #%u %s", m->share, 1 - m->share, m->partner,
                            class_of(s, m->label));
    return arena_printf(arena, "cutmix %dx%d at %d,%d: %.3f of #%u %s", b->height, b->width, b->top, b->left,
                        1 - m->share, m->partner, class_of(s, m->label));
}

/* A text into lines of the sheet, broken at blanks. */
static void add_lines(struct arena *arena, struct sheet_cell *cell, int *used, const char *text) {
    while (text && *text && *used < SHEET_LINES_MOST) {
        size_t length = strlen(text), take = length;
        if (length > LETTERS) {
            take = LETTERS;
            while (take > 0 && text[take] != ' ') take--;
            if (take == 0) take = LETTERS;
        }
        cell->lines[(*used)++] = arena_printf(arena, "%.*s", (int)take, text);
        text += take;
        while (*text == ' ') text++;
    }
}

static void describe_box(struct json_writer *w, const struct picture_box *box) {
    jw_array(w, "box");
    jw_integer(w, NULL, box->top);
    jw_integer(w, NULL, box->left);
    jw_integer(w, NULL, box->height);
    jw_integer(w, NULL, box->width);
    jw_end_array(w);
}

static void describe(struct show *s, uint32_t at) {
    static const char *const kinds[] = {[MIX_NOTHING] = "none", [MIX_UP] = "mixup", [MIX_CUT] = "cutmix"};
    struct json_writer *w = &s->call->json;
    const struct mixed *m = &s->mixed[at];
    char name[512];
    jw_object(w, NULL);
    jw_integer(w, "index", s->indices[at]);
    jw_string(w, "name", dataset_name(s->dataset, DATA_TRAIN, s->indices[at], name, sizeof name));
    jw_string(w, "label", class_of(s, s->labels[at]));
    jw_array(w, "done");
    for (int l = 0; l < s->traces[at].count; l++) jw_string(w, NULL, s->traces[at].line[l]);
    jw_end_array(w);
    jw_object(w, "mixed");
    jw_string(w, "kind", kinds[m->kind]);
    if (m->kind != MIX_NOTHING) {
        jw_integer(w, "partner", m->partner);
        jw_string(w, "label", class_of(s, m->label));
        jw_number(w, "share", m->share);
        if (m->kind == MIX_CUT) describe_box(w, &m->box);
    }
    jw_end_object(w);
    jw_end_object(w);
}

static sk_status answer(struct show *s, const char *out) {
    struct arena *arena = &s->call->arena;
    uint32_t count = s->frame.count;
    struct sheet_cell *cells = arena_array(arena, count, sizeof *cells);
    if (!cells) return SK_EMEMORY;
    for (uint32_t i = 0; i < count; i++) {
        int used = 0;
        TRY(restore(s, i, &cells[i].picture));
        add_lines(arena, &cells[i], &used, arena_printf(arena, "#%u %s", i, class_of(s, s->labels[i])));
        for (int l = 0; l < s->traces[i].count; l++) add_lines(arena, &cells[i], &used, s->traces[i].line[l]);
        add_lines(arena, &cells[i], &used, mix_words(s, i));
    }
    TRY(sheet_write_small(out, cells, count));
    jw_string(&s->call->json, "sheet", out);
    jw_integer(&s->call->json, "epoch", (int64_t)s->epoch + 1);
    jw_integer(&s->call->json, "seed", s->recipe.seed);
    jw_array(&s->call->json, "pictures");
    for (uint32_t i = 0; i < count; i++) describe(s, i);
    jw_end_array(&s->call->json);
    call_result(s->call, "%s: %u training pictures of epoch %llu, seed %lld, as the network sees them", out, count,
                (unsigned long long)s->epoch + 1, (long long)s->recipe.seed);
    return SK_OK;
}

static sk_status show(struct show *s, const char *spec, const char *out) {
    struct data_options data;
    int64_t count, epoch;
    TRY(call_integer(s->call, "count", 1, SHOWN_MOST, 20, &count));
    TRY(call_integer(s->call, "epoch", 1, 1000000, 1, &epoch));
    TRY(recipe_data(&s->recipe, &data));
    TRY(dataset_open(&s->dataset, spec, &data));
    TRY(recipe_settle(&s->recipe, dataset_classes(s->dataset)));
    struct pipeline pipeline;
    TRY(recipe_pipeline(&s->recipe, &pipeline));
    TRY(recipe_train_pipeline(&s->recipe, &pipeline, &s->pipeline));
    recipe_mix(&s->recipe, &s->mix);
    const struct preprocess *p = &s->pipeline.options.preprocess;
    uint32_t pictures = dataset_count(s->dataset, DATA_TRAIN);
    FAIL_IF(pictures == 0, SK_EDATA, "%s has no pictures to train on", spec);
    if (count > pictures) count = pictures;
    if (s->mix.of == MIX_OF_TIMM && count % 2) count += count < pictures ? 1 : -1; /* pairs */
    FAIL_IF(count == 0, SK_EDATA, "one picture has none to be mixed with");
    s->epoch = (uint64_t)epoch - 1;
    s->frame = (struct mix_frame){(uint32_t)count, p->crop_height, p->crop_width, p->channels, s->mix.rounded};
    s->size = (size_t)pipeline_size(&s->pipeline);
    TRY(mix_check(&s->mix, count, p->crop_height, p->crop_width));
    TRY(take_memory(s, s->frame.count));
    TRY(make_all(s));
    return answer(s, out);
}

sk_status data_show(struct call *call, const char *spec, struct team *team) {
    struct show s = {.call = call};
    const char *name, *out;
    (void)team;
    TRY(call_need(call, "recipe", &name));
    TRY(call_need(call, "out", &out));
    TRY(recipe_open(call, &call->arena, name, &s.recipe));
    sk_status status = show(&s, spec, out);
    scratch_free(&s.scratch);
    dataset_free(s.dataset);
    return status;
}
