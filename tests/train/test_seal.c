/* test_seal.c — one flipped bit anywhere in a model file is noticed: weights, preprocessing, classes, the rest.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <siskin.h>

#include "augment/preprocess.h"
#include "base/team.h"
#include "files/seal.h"
#include "train/model_file.h"
#include "ok.h"

enum { SIDE = 32, CLASSES = 3 };
static const char PATH[] = SCRATCH "/test_seal.safetensors", DAMAGED[] = SCRATCH "/test_seal_damaged.safetensors";

static struct network *small_network(void) {
    static const char *const classes[CLASSES] = {"astronaut", "cup", "cat"};
    struct model_args args;
    struct network *network;
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.1;
    args.num_classes = CLASSES;
    args.height = args.width = SIDE;
    ok(network_new(&network, &args));
    model_initialise(network->graph, &args, INIT_TORCHVISION, 1, network->params, network->state);
    network->classes = arena_array(&network->arena, CLASSES, sizeof *network->classes);
    memcpy(network->classes, classes, sizeof classes);
    struct preprocess p = preprocess_default();
    struct json_writer w = {0};
    preprocess_scale(&p, SIDE, SIDE);
    preprocess_write(&p, &w, NULL);
    network->preprocess = arena_strdup(&network->arena, w.text.data);
    text_free(&w.text);
    return network;
}

struct subject {
    struct arena arena;
    struct team *team;
    uint8_t *bytes;
    size_t size, header; /* the header ends here */
};

static int save(void **state) {
    static struct subject s;
    struct network *network = small_network();
    ok(team_new(&s.team, 1));
    ok(model_file_save(network, s.team, PATH));
    network_free(network);
    ok(file_read(&s.arena, PATH, 1 << 26, &s.bytes, &s.size));
    for (int i = 0; i < 8; i++) s.header |= (size_t)s.bytes[i] << (8 * i);
    s.header += 8;
    *state = &s;
    return 0;
}

static int drop(void **state) {
    struct subject *s = *state;
    team_free(s->team);
    arena_free(&s->arena);
    return 0;
}

/* As model_file_check begins, in memory. */
static bool noticed(const struct subject *s) {
    struct arena arena = {0};
    struct weights weights;
    bool sound = safetensors_parse(&arena, s->bytes, s->size, "file", &weights) == SK_OK;
    if (sound) sound = seal_check(&weights, "file") == SK_OK;
    arena_free(&arena);
    return !sound;
}

static void flip(const struct subject *s, size_t from, size_t to, size_t step) {
    for (size_t at = from; at < to; at += step) {
        uint8_t bit = (uint8_t)(1 << (at + at / 8) % 8);
        s->bytes[at] ^= bit;
        if (!noticed(s)) fail_msg("byte %zu of %zu, bit %02x: nothing was noticed", at, s->size, bit);
        s->bytes[at] ^= bit;
    }
    assert_false(noticed(s));
}

static size_t find(const struct subject *s, const char *text) {
    for (size_t at = 0; at + strlen(text) < s->header; at++)
        if (memcmp(s->bytes + at, text, strlen(text)) == 0) return at;
    fail_msg("the header has no %s", text);
    return 0;
}

static void any_bit(void **state) {
    const struct subject *s = *state;
    assert_false(noticed(s));
    size_t classes = find(s, "siskin.classes"), preprocess = find(s, "siskin.preprocess"), seal = find(s, SEAL_KEY);
    flip(s, 0, 64, 1);
    flip(s, classes, classes + 60, 1);
    flip(s, preprocess, preprocess + 300, 5);
    flip(s, seal, seal + sizeof SEAL_KEY + 70, 2);
    flip(s, 64, s->header, 401);
    flip(s, s->header, s->size, (s->size - s->header) / 41);
    flip(s, s->size - 16, s->size, 1);
}

/* The program says so, whatever of the three it is. */
static void doctor_fails(void **state) {
    struct subject *s = *state;
    static const char *const sound[] = {"doctor", PATH}, *const damaged[] = {"doctor", DAMAGED};
    size_t places[] = {s->header + 1000, s->size - 3, find(s, "astronaut") + 2, find(s, "0.485") + 3};
    char *answer;
    ok(sk_call(2, sound, NULL, NULL, &answer));
    sk_free_text(answer);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        s->bytes[places[i]] ^= 1; /* the least bit of a mantissa, another letter, another digit */
        ok(file_replace(DAMAGED, s->bytes, s->size));
        s->bytes[places[i]] ^= 1;
        assert_int_equal(sk_call(2, damaged, NULL, NULL, &answer), SK_EGATE);
        if (!strstr(sk_error(), "was changed since it was saved")) fail_msg("%s", sk_error());
        sk_free_text(answer);
    }
    memcpy(s->bytes + find(s, SEAL_KEY), "siskin.digesu", 13);
    ok(file_replace(DAMAGED, s->bytes, s->size));
    memcpy(s->bytes + find(s, "siskin.digesu"), SEAL_KEY, 13);
    assert_int_equal(sk_call(2, damaged, NULL, NULL, &answer), SK_EGATE);
    assert_non_null(strstr(sk_error(), "has no " SEAL_KEY));
    sk_free_text(answer);
}

/* A file that is whole, but whose logits this engine does not give: another golden text under a seal of its own. */
static void other_logits(void **state) {
    const struct subject *s = *state;
    static const char *const damaged[] = {"doctor", DAMAGED};
    struct arena arena = {0};
    struct weights weights;
    char seal[SHA256_TEXT], *answer;
    ok(safetensors_parse(&arena, s->bytes, s->size, "file", &weights));
    struct weights_pair *kept = NULL;
    for (size_t i = 0; i < weights.metadata_count; i++) {
        if (strcmp(weights.metadata[i].key, "siskin.golden") == 0)
            weights.metadata[i].value = "{\"seed\": 20260101, \"logits\": [1, -1, 0.5]}";
        if (strcmp(weights.metadata[i].key, SEAL_KEY) == 0) kept = &weights.metadata[i];
    }
    assert_non_null(kept);
    ok(seal_compute(&weights, seal));
    kept->value = seal;
    ok(safetensors_save(DAMAGED, &weights));
    assert_int_equal(sk_call(2, damaged, NULL, NULL, &answer), SK_EGATE);
    if (!strstr(sk_error(), "differ by")) fail_msg("%s", sk_error());
    sk_free_text(answer);
    arena_free(&arena);
}

/* Another order of tensors and pairs is the same content; another name, shape or value is not. */
static void content_alone(void **state) {
    (void)state;
    float a[] = {1, 2, 3, 4, 5, 6}, b[] = {7};
    struct tensor tensors[] = {{"a", F32, {2, {2, 3}}, a}, {"b", F32, {1, {1}}, b}};
    struct weights_pair pairs[] = {{"x", "1"}, {"y", "2"}, {SEAL_KEY, "anything"}};
    struct weights w = {.tensors = tensors, .count = 2, .metadata = pairs, .metadata_count = 3};
    char first[SHA256_TEXT], other[SHA256_TEXT];
    ok(seal_compute(&w, first));
    struct tensor tensors_turned[] = {tensors[1], tensors[0]};
    struct weights_pair pairs_turned[] = {pairs[1], pairs[2], pairs[0]};
    struct weights turned = {.tensors = tensors_turned, .count = 2, .metadata = pairs_turned, .metadata_count = 3};
    ok(seal_compute(&turned, other));
    assert_string_equal(first, other);
    turned.metadata_count = 2; /* without x */
    ok(seal_compute(&turned, other));
    assert_string_not_equal(first, other);
    tensors[0].shape = (struct shape){2, {3, 2}};
    ok(seal_compute(&w, other));
    assert_string_not_equal(first, other);
    tensors[0].shape = (struct shape){2, {2, 3}};
    pairs[0] = (struct weights_pair){"x1", ""};
    ok(seal_compute(&w, other));
    assert_string_not_equal(first, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_bit), cmocka_unit_test(doctor_fails),
                                       cmocka_unit_test(other_logits), cmocka_unit_test(content_alone)};
    return cmocka_run_group_tests(tests, save, drop);
}
