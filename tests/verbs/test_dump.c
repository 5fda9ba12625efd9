/* test_dump.c — `predict --dump` writes what the model file's own preprocessing makes, to the last bit, as (N,C,H,W).
 *
 * The model files have the preprocessing of published entries; the sums are those of tests/augment/test_published.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <siskin.h>
#include <zlib.h>

#include "augment/noise.h"
#include "base/team.h"
#include "files/npy.h"
#include "train/from_published.h"
#include "train/model_file.h"
#include "verbs/array_order.h"
#include "ok.h"

enum { PICTURES = 9 };
#define PICTURE(name) FIXTURES "/augment/published/" name
static const char MODEL[] = SCRATCH "/test_dump.safetensors", DUMP[] = SCRATCH "/test_dump.npy";

static void save_model(const struct published *entry) {
    struct model_args args;
    struct network *network;
    struct team *team;
    struct preprocess p;
    struct json_writer w = {0};
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.1;
    args.height = args.width = entry->crop;
    ok(network_new(&network, &args));
    model_initialise(network->graph, &args, INIT_TORCHVISION, 1, network->params, network->state);
    ok(published_preprocess(entry, &p));
    preprocess_write(&p, &w, NULL);
    network->preprocess = w.text.data;
    ok(team_new(&team, 1));
    ok(model_file_save(network, team, MODEL));
    text_free(&w.text);
    team_free(team);
    network_free(network);
}

static const struct json *sums_of(const struct json *json, const struct published *entry) {
    for (const struct json *row = json_get(json, "entries")->child; row; row = row->next)
        if (strcmp(json_string(row, "entry", ""), entry->entry) == 0 &&
            strcmp(json_string(row, "model", ""), entry->model) == 0)
            return json_get(row, "crc")->child;
    return NULL;
}

static void dump_equals(const struct json *json, const char *model, const char *name) {
    static const char *const call[] = {"predict",
                                       MODEL,
                                       PICTURE("odd.jpg"),
                                       PICTURE("grey.jpg"),
                                       PICTURE("cmyk.jpg"),
                                       PICTURE("palette.png"),
                                       PICTURE("alpha.png"),
                                       PICTURE("turned.jpg"),
                                       PICTURE("grey16.png"),
                                       PICTURE("tiny.png"),
                                       PICTURE("wide.webp"),
                                       "--dump",
                                       DUMP};
    struct arena arena = {0};
    struct tensor x;
    char *answer;
    const struct published *entry = published_by_entry(model, name);
    assert_non_null(entry);
    save_model(entry);
    ok(sk_call(sizeof call / sizeof *call, call, NULL, NULL, &answer));
    sk_free_text(answer);
    ok(npy_open(&arena, DUMP, &x));
    struct shape want = {4, {PICTURES, 3, entry->crop, entry->crop}};
    assert_true(x.dtype == F32 && shape_equal(&x.shape, &want));
    int64_t pixels = (int64_t)entry->crop * entry->crop;
    float *hwc = array_turned(&arena, x.data, PICTURES, 3, pixels);
    const struct json *sum = sums_of(json, entry);
    for (int i = 0; i < PICTURES; i++, sum = sum->next) {
        char text[16];
        snprintf(text, sizeof text, "%08lx", crc32(0, (const Bytef *)(hwc + i * pixels * 3), (uInt)(pixels * 12)));
        assert_string_equal(text, sum->string);
    }
    arena_free(&arena);
}

static void dumps(void **state) {
    (void)state;
    struct arena arena = {0};
    const struct json *json = fixture(&arena, FIXTURES "/augment/published.json");
    assert_non_null(json);
    dump_equals(json, "mobilenet_v2", "IMAGENET1K_V2");
    dump_equals(json, "resnet50", "resnet50.a3_in1k");
    dump_equals(json, "convnext_tiny", "convnext_tiny.fb_in22k_ft_in1k_384");
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(dumps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
