/* test_mixing.c — Mixup, CutMix, erasing and repeated sampling from the draws that timm and torchvision recorded; their
 * samplers by what they give on average; targets; and the same batches for any number of workers.
 *
 * Truth is made by tests/golden/make_mixing.py, which runs the frameworks. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "augment/erasing.h"
#include "augment/mix.h"
#include "base/file.h"
#include "data/repeat.h"
#include "ok.h"
#include "train/target.h"

static struct arena arena;
static const struct json *golden, *losses;

static const struct json *open_golden(const char *path) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    ok(file_read(&arena, path, 1 << 24, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, path, &json));
    return json;
}

static int setup(void **state) {
    (void)state;
    golden = open_golden(FIXTURES "/augment/mixing.json");
    losses = open_golden(FIXTURES "/golden/losses.json");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- mixing from recorded draws ---- */

/* The next draw, which must be of this name; item `at` of it where many were drawn at once. */
struct draws {
    const struct json *next;
};

static const struct json *draw(struct draws *draws, const char *name) {
    const struct json *one = draws->next;
    assert_non_null(one);
    assert_string_equal(one->child->string, name);
    draws->next = one->next;
    return one->child->next;
}

static double item_of(const struct json *value, int at) {
    if (value->kind != JSON_ARRAY) return value->number;
    const struct json *item = value->child;
    for (int i = 0; i < at; i++) item = item->next;
    return item->number;
}

static void cut_from(struct draws *draws, const struct mix_options *o, const struct mix_frame *f, struct mixed *m) {
    struct mix_cut cut = {.share = m->share};
    m->kind = MIX_CUT;
    if (o->area[1] > 0) {
        m->box.height = (int)draw(draws, "randint")->number;
        m->box.width = (int)draw(draws, "randint")->number;
        m->box.top = (int)draw(draws, "randint")->number;
        m->box.left = (int)draw(draws, "randint")->number;
    } else {
        int first = (int)draw(draws, "randint")->number, second = (int)draw(draws, "randint")->number;
        bool across = o->of == MIX_OF_TORCHVISION; /* draws the column first */
        cut.row = across ? second : first;
        cut.column = across ? first : second;
        m->box = mix_box(o, f, &cut);
    }
    m->share = mix_share(o, f, &cut, &m->box);
}

/* timm's order: chance, kind, share, box; or for many at once kind, shares of both kinds, chance, then boxes. */
static void timm_draws(struct draws *draws, const struct mix_options *o, const struct mix_frame *f,
                       struct mixed *mixed) {
    bool both = o->mixup > 0 && mix_cuts(o);
    uint32_t drawn = o->mode == MIX_BATCH ? 1 : o->mode == MIX_PAIR ? f->count / 2 : f->count;
    const struct json *chance = NULL, *kind = NULL, *cuts = NULL, *ups = NULL;
    if (o->mode == MIX_BATCH) {
        chance = draw(draws, "rand");
        kind = both ? draw(draws, "rand") : NULL;
        cuts = ups = draw(draws, "beta");
    } else {
        kind = draw(draws, "rand");
        cuts = draw(draws, "beta");
        ups = draw(draws, "beta");
        chance = draw(draws, "rand");
    }
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t mirror = f->count - 1 - i;
        mixed[i] = (struct mixed){.share = 1};
        if (i >= drawn) {
            mixed[i] = mixed[o->mode == MIX_PAIR ? mirror : 0];
        } else if (item_of(chance, (int)i) < o->probability) {
            bool cut = both ? item_of(kind, (int)i) < o->switch_probability : mix_cuts(o);
            mixed[i].share = item_of(cut ? cuts : ups, (int)i);
            mixed[i].kind = MIX_UP;
            if (cut) cut_from(draws, o, f, &mixed[i]);
        }
    }
}

static void torchvision_draws(struct draws *draws, const struct json *one, const struct mix_options *o,
                              const struct mix_frame *f, struct mixed *mixed) {
    bool cut = json_integer(one, "cut", 0) != 0;
    mixed[0] = (struct mixed){.kind = MIX_UP, .share = draw(draws, "beta")->number};
    if (cut) cut_from(draws, o, f, &mixed[0]);
    for (uint32_t i = 1; i < f->count; i++) mixed[i] = mixed[0];
}

static struct mix_options read_options(const struct json *one) {
    const struct json *from = json_get(one, "options"), *area = json_get(from, "cutmix_minmax");
    const char *mode = json_string(from, "mode", "batch");
    struct mix_options o = {.mixup = json_number(from, "mixup_alpha", 1),
                            .cutmix = json_number(from, "cutmix_alpha", 0),
                            .probability = json_number(from, "prob", 1),
                            .switch_probability = 0.5,
                            .correct_area = json_boolean(from, "correct_lam", true)};
    o.of = strcmp(json_string(one, "of", ""), "timm") == 0 ? MIX_OF_TIMM : MIX_OF_TORCHVISION;
    o.mode = strcmp(mode, "pair") == 0 ? MIX_PAIR : strcmp(mode, "elem") == 0 ? MIX_ELEMENT : MIX_BATCH;
    for (int i = 0; area && i < 2; i++) o.area[i] = item_of(area, i);
    return o;
}

static void check_case(const struct json *one) {
    enum { CLASSES = 4, CHANNELS = 2, MOST = 8 };
    struct mix_options o = read_options(one);
    struct mix_frame f = {(uint32_t)json_integer(one, "count", 0), (int)json_integer(one, "height", 0),
                          (int)json_integer(one, "width", 0), CHANNELS, false};
    struct mixed mixed[MOST];
    struct draws draws = {json_get(one, "drawn")->child};
    int32_t labels[MOST];
    int size = f.height * f.width * CHANNELS;
    if (o.of == MIX_OF_TIMM)
        timm_draws(&draws, &o, &f, mixed);
    else
        torchvision_draws(&draws, one, &o, &f, mixed);
    assert_null(draws.next);
    float *images = arena_array(&arena, f.count * (size_t)size + (size_t)size, sizeof *images);
    assert_non_null(images);
    for (uint32_t i = 0; i < f.count; i++) {
        labels[i] = (int32_t)(i % CLASSES);
        mixed[i].partner = mix_partner(o.of, f.count, i);
        for (int p = 0; p < f.height * f.width; p++) /* (N,C,H,W) counted through */
            for (int c = 0; c < CHANNELS; c++)
                images[(int)i * size + p * CHANNELS + c] = (float)(((int)i * CHANNELS + c) * f.height * f.width + p);
    }
    mix_labels(mixed, labels, f.count);
    mix_apply(mixed, &f, images, images + f.count * (size_t)size);
    const struct json *want = json_get(one, "images")->child;
    float largest = (float)(size * (int)f.count);
    for (int j = 0; j < size * (int)f.count; j++, want = want->next)
        assert_true(fabs((double)images[j] - want->number) <= 1e-6 * (double)largest);
    assert_null(want);
    struct target_rule rule = {.classes = CLASSES,
                               .mix_smoothing = json_number(json_get(one, "options"), "label_smoothing", 0),
                               .mixed = true};
    struct batch batch = {.labels = labels, .count = (int)f.count, .mix = mixed};
    const struct json *row = json_get(one, "target")->child;
    for (uint32_t i = 0; i < f.count; i++, row = row->next)
        for (int k = 0; k < CLASSES; k++)
            assert_true(fabs(target_value(&rule, &batch, i, k, 1) - item_of(row, k)) < 1e-6);
}

static void mixes_as_recorded(void **state) {
    (void)state;
    int cases = 0;
    for (const struct json *one = json_get(golden, "mixing")->child; one; one = one->next, cases++) check_case(one);
    assert_int_equal(cases, 31);
}

/* numpy's draws of the published goldens: the same box and share of 224 pixels, and targets of a share of 0.3. */
/* timm's FastCollateMixup, byte for byte. */
static void mixes_bytes(void **state) {
    enum { COUNT = 6, MOST = COUNT * 5 * 4 * 3 };
    (void)state;
    uint8_t *bytes;
    size_t size;
    struct json *json;
    ok(file_read(&arena, FIXTURES "/augment/fast_collate.json", 1 << 20, &bytes, &size));
    ok(json_parse(&arena, (const char *)bytes, size, "fast_collate", &json));
    struct mix_frame f = {COUNT, (int)json_integer(json, "height", 0), (int)json_integer(json, "width", 0), 3, true};
    int pixels = f.height * f.width, runs = 0;
    for (const struct json *run = json_get(json, "runs")->child; run; run = run->next, runs++) {
        float images[MOST], spare[MOST / COUNT];
        struct mixed mixed[COUNT];
        const struct json *draw = json_get(run, "draws")->child, *want = json_get(run, "out")->child;
        for (int i = 0; i < COUNT; i++, draw = draw->next) {
            const struct json *box = json_get(draw, "box");
            mixed[i] = (struct mixed){.share = json_number(draw, "share", 1), .partner = (uint32_t)(COUNT - 1 - i)};
            if (mixed[i].share < 1) mixed[i].kind = box->child ? MIX_CUT : MIX_UP;
            if (box->child) {
                int top = (int)item_of(box, 0), left = (int)item_of(box, 2);
                mixed[i].box = (struct picture_box){.top = top, .left = left};
                mixed[i].box.height = (int)item_of(box, 1) - top, mixed[i].box.width = (int)item_of(box, 3) - left;
            }
            for (int p = 0; p < pixels; p++)
                for (int c = 0; c < 3; c++)
                    images[(i * pixels + p) * 3 + c] = (float)((37 * i + 11 * c + 53 * p) % 256);
        }
        mix_apply(mixed, &f, images, spare);
        for (int j = 0; j < COUNT * pixels * 3; j++, want = want->next) {
            if ((double)images[j] != want->number)
                print_error("run %d, number %d: %g, %g\n", runs, j, (double)images[j], want->number);
            assert_true((double)images[j] == want->number);
        }
    }
    assert_int_equal(runs, 12);
}

static void known_boxes(void **state) {
    (void)state;
    struct mix_options o = {.of = MIX_OF_TIMM, .cutmix = 1, .correct_area = true};
    struct mix_frame f = {2, 224, 224, 3, false};
    static const struct {
        struct mix_cut cut;
        int box[4]; /* y0, y1, x0, x1 */
        double share;
    } rows[] = {{{0.3, 99, 206}, {6, 193, 113, 224}, 0.5863161671},
                {{0.3, 189, 118}, {96, 224, 25, 212}, 0.5229591837}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct picture_box box = mix_box(&o, &f, &rows[i].cut);
        assert_int_equal(box.top, rows[i].box[0]);
        assert_int_equal(box.top + box.height, rows[i].box[1]);
        assert_int_equal(box.left, rows[i].box[2]);
        assert_int_equal(box.left + box.width, rows[i].box[3]);
        assert_true(fabs(mix_share(&o, &f, &rows[i].cut, &box) - rows[i].share) < 1e-9);
    }
    /* Model Garden: both sides from the height, cut at the border, the share of the whole box. */
    o.of = MIX_OF_TF;
    f.height = 100, f.width = 60;
    struct mix_cut cut = {0.75, 10, 55};
    struct picture_box box = mix_box(&o, &f, &cut);
    assert_true(box.top == 0 && box.height == 35 && box.left == 30 && box.width == 30);
    assert_true(fabs(mix_share(&o, &f, &cut, &box) - (1 - 2500.0 / 6000)) < 1e-12);
}

/* ---- samplers ---- */

/* Mean 1/2 and variance 1/(4(2a+1)) of Beta(a,a); of Model Garden's shares 1/12 whatever alpha. */
static void shares_are_beta(void **state) {
    (void)state;
    static const double alphas[] = {0.01, 0.2, 0.8, 1, 3};
    enum { DRAWS = 40000 };
    for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
        struct rng rng = rng_at(3, RNG_TEST, a, 0);
        double sum = 0, square = 0, variance = 1 / (4 * (2 * alphas[a] + 1));
        for (int i = 0; i < DRAWS; i++) {
            double x = mix_beta(&rng, alphas[a]) - 0.5;
            assert_true(x >= -0.5 && x <= 0.5);
            sum += x, square += x * x;
        }
        assert_true(fabs(sum / DRAWS) < 4 * sqrt(variance / DRAWS));
        assert_true(fabs(square / DRAWS - variance) < 0.02 * variance + 0.0005);
    }
    enum { COUNT = 1000 };
    static struct mixed mixed[COUNT];
    struct mix_options o = {.of = MIX_OF_TF, .mixup = 0.8, .probability = 1};
    struct mix_frame f = {COUNT, 8, 8, 1, false};
    double square = 0;
    for (int i = 0; i < 40; i++) {
        struct rng rng = rng_at(4, RNG_TEST, 0, (uint64_t)i);
        mix_draw(&o, 0, &f, &rng, mixed);
        for (int j = 0; j < COUNT; j++) square += (mixed[j].share - 0.5) * (mixed[j].share - 0.5);
    }
    assert_true(fabs(square / 40 / COUNT - 1.0 / 12) < 0.001); /* not 0.0962, as Beta(0.8, 0.8) has */
}

/* How often a batch is mixed, and which kind; nothing from off_epoch on; modes draw as many times as they say. */
static void chances(void **state) {
    (void)state;
    enum { COUNT = 8, RUNS = 4000 };
    struct mixed mixed[COUNT];
    struct mix_frame f = {COUNT, 16, 16, 1, false};
    struct mix_options o = {.of = MIX_OF_TIMM,
                            .mixup = 0.8,
                            .cutmix = 1,
                            .probability = 0.75,
                            .switch_probability = 0.2,
                            .off_epoch = 5,
                            .correct_area = true};
    for (int mode = MIX_BATCH; mode <= MIX_ELEMENT; mode++) {
        int mixes = 0, cuts = 0, mirrored = 0, alike = 0;
        o.mode = (enum mix_mode)mode;
        for (int i = 0; i < RUNS; i++) {
            struct rng rng = rng_at(5, RNG_TEST, (uint64_t)mode, (uint64_t)i);
            mix_draw(&o, 4, &f, &rng, mixed);
            mixes += mixed[0].kind != MIX_NOTHING;
            cuts += mixed[0].kind == MIX_CUT;
            mirrored += mixed[0].share == mixed[COUNT - 1].share;
            alike += mixed[0].share == mixed[1].share;
            assert_int_equal(mixed[2].partner, COUNT - 3);
        }
        assert_in_range(mixes, 2890, 3110);
        assert_in_range(cuts, 510, 690);
        assert_in_range(mirrored, mode == MIX_ELEMENT ? 100 : RUNS, mode == MIX_ELEMENT ? 700 : RUNS);
        assert_in_range(alike, mode == MIX_BATCH ? RUNS : 100, mode == MIX_BATCH ? RUNS : 700);
    }
    struct rng rng = rng_at(5, RNG_TEST, 9, 0);
    mix_draw(&o, 5, &f, &rng, mixed);
    for (int i = 0; i < COUNT; i++) assert_true(mixed[i].kind == MIX_NOTHING && mixed[i].share == 1);
}

/* ---- erasing ---- */

/* timm's recorded draws: chance, how many, then for each area, aspect and place until one fits. */
static void erases_as_timm(void **state) {
    (void)state;
    int erased = 0;
    for (const struct json *one = json_get(golden, "timm_erasing")->child; one; one = one->next) {
        const struct json *options = json_get(one, "options");
        enum { H = 32, W = 48 };
        static float numbers[H * W];
        struct erasing_frame f = {numbers, H, W, 1};
        struct draws draws = {json_get(one, "drawn")->child};
        for (int j = 0; j < H * W; j++) numbers[j] = 1;
        bool on = draw(&draws, "random")->number <= json_number(options, "probability", 0);
        int count = !on ? 0 : json_integer(options, "max_count", 1) == 1 ? 1 : (int)draw(&draws, "randint")->number;
        for (int part = 0; part < count; part++)
            for (int trial = 0; trial < 10; trial++) {
                struct picture_box box;
                double share = (0.02 + (1.0 / 3 - 0.02) * draw(&draws, "uniform")->number) / count;
                double aspect = log(0.3) + (log(1 / 0.3) - log(0.3)) * draw(&draws, "uniform")->number;
                if (!erasing_size(ERASING_OF_TIMM, &f, share, aspect, &box)) continue;
                int row = (int)draw(&draws, "randint")->number;
                erasing_place(ERASING_OF_TIMM, row, (int)draw(&draws, "randint")->number, &box);
                for (int y = box.top; y < box.top + box.height; y++)
                    for (int x = box.left; x < box.left + box.width; x++) numbers[y * W + x] = 0, erased++;
                break;
            }
        assert_null(draws.next);
        const char *want = json_string(one, "erased", "");
        for (int j = 0; j < H * W; j++) assert_int_equal(numbers[j] == 0, want[j] == '1');
    }
    assert_true(erased > 1000);
}

static void erases_as_torchvision(void **state) {
    (void)state;
    int fits = 0;
    for (const struct json *one = json_get(golden, "torchvision_erasing")->child; one; one = one->next) {
        const struct json *box = json_get(one, "box"), *drawn = json_get(one, "drawn");
        int h = (int)json_integer(one, "height", 0), w = (int)json_integer(one, "width", 0);
        struct erasing_frame f = {NULL, h, w, 1};
        struct picture_box got = {.height = h, .width = w}; /* torchvision's answer where none fits */
        for (int i = 0; i + 1 < (int)drawn->count; i += 2) {
            bool found = erasing_size(ERASING_OF_TORCHVISION, &f, item_of(drawn, i), item_of(drawn, i + 1), &got);
            assert_int_equal(found, i + 2 == (int)drawn->count && item_of(box, 2) < h);
            fits += found;
        }
        if (item_of(box, 2) == h) continue;
        assert_int_equal(got.height, (int)item_of(box, 2));
        assert_int_equal(got.width, (int)item_of(box, 3));
    }
    assert_true(fits > 6);
}

/* Means over many pictures: how often, how large, where, and what with. */
static void erasing_on_average(void **state) {
    (void)state;
    enum { SIDE = 40, RUNS = 3000 };
    static float numbers[SIDE * SIDE];
    struct scratch scratch = {0};
    for (int of = ERASING_OF_TORCHVISION; of <= ERASING_OF_TF; of++) {
        struct erasing e = {.probability = 0.25,
                            .of = (enum erasing_of)of,
                            .area = {0.02, 1.0 / 3},
                            .aspect = {0.3, 1 / 0.3},
                            .count = {1, 1},
                            .trials = 10,
                            .fill = ERASE_NOISE};
        struct erasing_frame f = {numbers, SIDE, SIDE, 1};
        double hits = 0, sum = 0, square = 0, rows = 0, cells = 0;
        for (int i = 0; i < RUNS; i++) {
            struct rng rng = rng_at(6, RNG_TEST, (uint64_t)of, (uint64_t)i);
            for (int j = 0; j < SIDE * SIDE; j++) numbers[j] = 100;
            erasing_apply(&e, &rng, &f, &scratch);
            double before = cells;
            for (int j = 0; j < SIDE * SIDE; j++) {
                if (numbers[j] == 100) continue;
                cells++, sum += (double)numbers[j], square += (double)numbers[j] * (double)numbers[j];
                rows += j / SIDE;
            }
            hits += cells > before;
        }
        assert_true(fabs(hits / RUNS - 0.25) < 0.03);
        assert_true(fabs(sum / cells) < 0.02 && fabs(square / cells - 1) < 0.03); /* N(0,1) */
        double share = cells / hits / (SIDE * SIDE), middle = rows / cells / (SIDE - 1);
        if (of == ERASING_OF_TF) {
            assert_true(share > 0.10 && share < 0.155);  /* cut at the border */
            assert_true(middle > 0.22 && middle < 0.38); /* and near the upper left */
        } else {
            assert_true(fabs(share - 0.172) < 0.02); /* the mean of 0.02 to 1/3, less what does not fit */
            assert_true(fabs(middle - 0.5) < 0.02);
        }
    }
}

/* ---- repeated augmentation ---- */

static void check_ranks(const struct json *ranks, const struct repeat *r, int64_t count) {
    int64_t each = repeat_length(r, count) / r->replicas;
    enum { PART = 8 };
    for (int64_t rank = 0; rank < r->replicas; rank++) {
        const struct json *want = ranks->child;
        for (int64_t i = 0; i < rank; i++) want = want->next;
        assert_int_equal(want->count, each);
        const struct json *item = want->child;
        for (int64_t i = 0; i < each; i++, item = item->next) {
            int64_t batch = i / PART, size = PART * r->replicas, left = each - batch * PART;
            if (left < PART) size = left * r->replicas;
            int64_t at = rank * (size / r->replicas) + i % PART;
            assert_int_equal(repeat_item(r, count, batch * PART * r->replicas, size, at), item->integer);
        }
    }
}

static void repeats_as_samplers(void **state) {
    (void)state;
    for (const struct json *one = json_get(golden, "sampling")->child; one; one = one->next) {
        struct repeat r = {.times = json_number(one, "times", 0), .replicas = json_integer(one, "replicas", 1)};
        int64_t count = json_integer(one, "count", 0);
        if (json_get(one, "torchvision")) check_ranks(json_get(one, "torchvision"), &r, count);
        r.timm = true;
        check_ranks(json_get(one, "timm"), &r, count);
    }
    assert_int_equal(repeat_length(&(struct repeat){.times = 4, .replicas = 8}, 1281167), 1281024);
    assert_int_equal(repeat_length(&(struct repeat){.times = 4, .replicas = 1}, 255), 0);
    assert_int_equal(repeat_length(&(struct repeat){0}, 255), 255);
}

/* ---- targets ---- */

static void targets_as_timm(void **state) {
    (void)state;
    for (const struct json *one = json_get(losses, "targets")->child; one; one = one->next) {
        double threshold = json_number(one, "threshold", -1);
        struct target_rule rule = {.classes = 5,
                                   .smoothing = json_number(one, "smoothing", 0),
                                   .by_threshold = threshold >= 0,
                                   .threshold = threshold};
        int32_t labels[3];
        for (int i = 0; i < 3; i++) labels[i] = (int32_t)item_of(json_get(one, "labels"), i);
        struct batch batch = {.labels = labels, .count = 3};
        float target[15];
        target_fill(&rule, &batch, target);
        const struct json *row = json_get(one, "target")->child;
        for (int i = 0; i < 3; i++, row = row->next)
            for (int k = 0; k < 5; k++) assert_true(fabs((double)target[i * 5 + k] - item_of(row, k)) < 1e-7);
    }
}

/* Smoothing in the mixing or in the loss gives one target; in both, it is smoothed twice. */
static void smoothing_commutes(void **state) {
    (void)state;
    int32_t labels[2] = {1, 3};
    struct mixed mixed[2] = {{.kind = MIX_UP, .label = 3, .share = 0.3}, {.kind = MIX_UP, .label = 1, .share = 0.3}};
    struct batch batch = {.labels = labels, .count = 2, .mix = mixed};
    struct target_rule inside = {.classes = 4, .mix_smoothing = 0.1, .mixed = true};
    struct target_rule outside = {.classes = 4, .smoothing = 0.1, .mixed = true};
    struct target_rule twice = {.classes = 4, .smoothing = 0.1, .mix_smoothing = 0.1, .mixed = true};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4; k++) {
            double a = target_value(&inside, &batch, i, k, 1);
            assert_true(fabs(a - target_value(&outside, &batch, i, k, 1)) < 1e-15);
            assert_true(fabs(target_value(&twice, &batch, i, k, 1) - (0.9 * a + 0.025)) < 1e-15);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixes_as_recorded),
        cmocka_unit_test(mixes_bytes),
        cmocka_unit_test(known_boxes),
        cmocka_unit_test(shares_are_beta),
        cmocka_unit_test(chances),
        cmocka_unit_test(erases_as_timm),
        cmocka_unit_test(erases_as_torchvision),
        cmocka_unit_test(erasing_on_average),
        cmocka_unit_test(repeats_as_samplers),
        cmocka_unit_test(targets_as_timm),
        cmocka_unit_test(smoothing_commutes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
