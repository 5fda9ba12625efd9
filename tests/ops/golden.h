/* golden.h — cases of golden/ops.json: opening them, and comparing what a subject gives with what they say.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_GOLDEN_H
#define SK_TEST_GOLDEN_H

#include "base/file.h"
#include "base/json.h"
#include "ops/subject.h"

static const double REFERENCE_TOLERANCE = 1e-9, ENGINE_TOLERANCE = 1e-5;

static struct arena golden_arena;
static struct json *golden, *training;
static struct team *team;
static double worst[2]; /* of the reference, of the engine */

static struct json *golden_open(const char *name) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    ok(file_read(&golden_arena, arena_printf(&golden_arena, "%s/golden/%s", FIXTURES, name), 1 << 24, &bytes, &size));
    ok(json_parse(&golden_arena, (const char *)bytes, size, name, &json));
    return json;
}

static int64_t item(const struct json *list, int index) {
    const struct json *at = list->child;
    while (at && index--) at = at->next;
    assert_non_null(at);
    return at->integer;
}

/* (N,C,H,W) -> (N,H,W,C); other ranks stay. */
static struct shape shape_of(const struct json *list) {
    struct shape s = {(int)list->count, {0}};
    for (int i = 0; i < s.rank; i++) s.dim[i] = item(list, i);
    return s.rank == 4 ? (struct shape){4, {s.dim[0], s.dim[2], s.dim[3], s.dim[1]}} : s;
}

static void note(bool engine, double off, const char *what) {
    double tolerance = engine ? ENGINE_TOLERANCE : REFERENCE_TOLERANCE;
    if (!(off <= tolerance)) print_error("%s, %s: off by %g\n", what, engine ? "engine" : "reference", off);
    assert_true(off <= tolerance);
    if (off > worst[engine]) worst[engine] = off;
}

/* Entries on the tensor's own scale (its root mean square), the norm, and the sum on the scale of l2*sqrt(n). */
static void same_checksum(bool engine, struct found found, const struct json *want, const char *what) {
    assert_non_null(want);
    double sum = 0, squares = 0, l2 = json_number(want, "l2", -1), root = sqrt((double)found.count);
    for (int64_t j = 0; j < found.count; j++) sum += found.value[j], squares += found.value[j] * found.value[j];
    double scale = l2 > 0 ? l2 : 1;
    note(engine, fabs(sqrt(squares) - l2) / scale, what);
    note(engine, fabs(sum - json_number(want, "sum", NAN)) / (scale * root), what);
    const struct json *value = json_get(want, "value")->child;
    for (const struct json *at = json_get(want, "index")->child; at; at = at->next, value = value->next) {
        assert_in_range(at->integer, 0, found.count - 1);
        note(engine, fabs(found.value[at->integer] - value->number) / (scale / root + fabs(value->number)), what);
    }
}

/* y, dx and the gradients of the layer's parameters, by the reference and by the engine. */
struct checked {
    const char *key, *param;
};
static void check_case(struct subject *s, const struct json *one, const struct checked *list, const char *what) {
    subject_reference(s);
    subject_engine(s, team);
    for (int engine = 0; engine < 2; engine++) {
        same_checksum(engine, found_y(s, engine), json_get(one, "y"), what);
        same_checksum(engine, found_gradient(s, engine, "x"), json_get(one, "dx"), what);
        for (const struct checked *it = list; it && it->key; it++)
            if (json_get(one, it->key))
                same_checksum(engine, found_gradient(s, engine, it->param), json_get(one, it->key), what);
    }
}

static double given_x(int64_t j, int64_t c, void *with) {
    (void)c;
    const struct json *at = ((const struct json *)with)->child;
    while (j--) at = at->next;
    if (at->kind == JSON_STRING) return strtod(at->string, NULL);
    return at->number;
}

static double number_at(const struct json *list, int64_t j) { return given_x(j, 0, (void *)(uintptr_t)list); }

#endif
