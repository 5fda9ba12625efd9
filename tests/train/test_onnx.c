/* test_onnx.c — ONNX files read back by a reader of its own: structure as onnx's library sees it, and the weights.
 *
 * Fixtures: tests/golden/make_onnx.py. That the files compute the right logits is what tests/golden/check_onnx.py says, with
 * ONNX Runtime and OpenVINO. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "ops/attrs.h"
#include "plan/formula.h"
#include "train/onnx_emit.h"
#include "train/onnx_export.h"
#include "ok.h"

/* ---- a reader of the wire format ---- */

struct span {
    const uint8_t *at, *end;
};
struct field {
    int number;
    uint64_t integer; /* varint, or the bits of a fixed number */
    struct span bytes;
};

static uint64_t varint(struct span *span) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        assert_true(span->at < span->end);
        value |= (uint64_t)(*span->at & 0x7f) << shift;
        if (!(*span->at++ & 0x80)) return value;
    }
    fail_msg("a varint of more than ten bytes");
    return 0;
}

static bool next(struct span *span, struct field *field) {
    if (span->at == span->end) return false;
    uint64_t tag = varint(span), size = 0;
    *field = (struct field){.number = (int)(tag >> 3)};
    switch (tag & 7) {
    case 0: field->integer = varint(span); return true;
    case 1: size = 8; break;
    case 2: size = varint(span); break;
    case 5: size = 4; break;
    default: fail_msg("wire type %d", (int)(tag & 7));
    }
    assert_true(size <= (uint64_t)(span->end - span->at));
    field->bytes = (struct span){span->at, span->at + size};
    if ((tag & 7) != 2) memcpy(&field->integer, span->at, (size_t)size);
    span->at += size;
    return true;
}

/* The first field of that number; absent: an empty one. */
static struct field find(struct span span, int number) {
    struct field field;
    while (next(&span, &field))
        if (field.number == number) return field;
    return (struct field){0};
}

static void add_span(struct text *out, struct span span) {
    text_add_n(out, (const char *)span.at, (size_t)(span.end - span.at));
}

/* ---- a file as the lines of make_onnx.py ---- */

static void say_port(struct text *out, const char *kind, struct span port) {
    struct span tensor = find(find(port, 2).bytes, 1).bytes, shape = find(tensor, 2).bytes;
    struct field dim;
    text_addf(out, "%s ", kind);
    add_span(out, find(port, 1).bytes);
    text_addf(out, " %d [", (int)find(tensor, 1).integer);
    for (int d = 0; next(&shape, &dim); d++) {
        struct field symbol = find(dim.bytes, 2);
        if (d) text_add(out, ",");
        if (symbol.number)
            add_span(out, symbol.bytes);
        else
            text_addf(out, "%d", (int)find(dim.bytes, 1).integer);
    }
    text_add(out, "]\n");
}

static void say_tensor(struct text *out, struct span tensor) {
    struct field field, raw = find(tensor, 9);
    struct span rest = tensor;
    text_add(out, "tensor ");
    add_span(out, find(tensor, 8).bytes);
    text_addf(out, " %d [", (int)find(tensor, 2).integer);
    for (int d = 0; next(&rest, &field);)
        if (field.number == 1) text_addf(out, "%s%d", d++ ? "," : "", (int)field.integer);
    text_addf(out, "] %d\n", (int)(raw.bytes.end - raw.bytes.at));
}

static void say_attribute(struct text *out, struct span attribute) {
    enum { FLOAT = 1, INT = 2, INTS = 7 };
    struct field field;
    int type = (int)find(attribute, 20).integer, count = 0;
    text_add(out, " ");
    add_span(out, find(attribute, 1).bytes);
    if (type == FLOAT) {
        float number;
        uint32_t bits = (uint32_t)find(attribute, 2).integer;
        memcpy(&number, &bits, sizeof number);
        text_addf(out, "=%.9g", (double)number);
    } else if (type == INT) {
        text_addf(out, "=%lld", (long long)find(attribute, 3).integer);
    } else {
        assert_int_equal(type, INTS);
        text_add(out, "=[");
        while (next(&attribute, &field))
            if (field.number == 8) text_addf(out, "%s%lld", count++ ? "," : "", (long long)field.integer);
        text_add(out, "]");
    }
}

static void say_node(struct text *out, struct span node) {
    struct field field;
    struct span rest = node;
    add_span(out, find(node, 4).bytes);
    text_add(out, "(");
    for (int i = 0; next(&rest, &field);) {
        if (field.number != 1) continue;
        if (i++) text_add(out, ", ");
        add_span(out, field.bytes);
    }
    text_add(out, ") -> ");
    add_span(out, find(node, 2).bytes);
    while (next(&node, &field))
        if (field.number == 5) say_attribute(out, field.bytes);
    text_add(out, "\n");
}

static void say_file(struct text *out, struct span model) {
    static const int order[] = {11, 12, 5, 1};
    struct span graph = find(model, 7).bytes;
    text_addf(out, "ir %d opset %d ", (int)find(model, 1).integer, (int)find(find(model, 8).bytes, 2).integer);
    add_span(out, find(graph, 2).bytes);
    text_add(out, "\n");
    for (int i = 0; i < 4; i++) {
        struct span rest = graph;
        struct field field;
        while (next(&rest, &field)) {
            if (field.number != order[i]) continue;
            if (order[i] == 11) say_port(out, "input", field.bytes);
            if (order[i] == 12) say_port(out, "output", field.bytes);
            if (order[i] == 5) say_tensor(out, field.bytes);
            if (order[i] == 1) say_node(out, field.bytes);
        }
    }
}

/* The raw numbers of a tensor by name. */
static struct span raw_of(struct span model, const char *name) {
    struct span graph = find(model, 7).bytes;
    struct field field;
    while (next(&graph, &field)) {
        if (field.number != 5) continue;
        struct span own = find(field.bytes, 8).bytes;
        if ((size_t)(own.end - own.at) == strlen(name) && memcmp(own.at, name, strlen(name)) == 0)
            return find(field.bytes, 9).bytes;
    }
    fail_msg("no tensor %s", name);
    return (struct span){0};
}

/* ---- exporting ---- */

struct subject {
    const char *model;
    double width, depth;
    int64_t size;
    bool same_padding;
};

static struct network *network_of(const struct subject *subject) {
    struct model_args args;
    struct network *network;
    ok(model_defaults(subject->model, &args));
    args.width_mult = subject->width;
    args.depth_mult = subject->depth;
    args.height = args.width = subject->size;
    args.same_padding = subject->same_padding;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    return network;
}

static struct network *small_network(int64_t size) {
    return network_of(&(struct subject){"mobilenet_v2", 0.1, 1, size, false});
}

static struct span export(struct arena *arena, const struct network *network, const struct onnx_options *options) {
    uint8_t *bytes;
    size_t size, nodes = 0;
    ok(onnx_export(network, options, SCRATCH "/test.onnx", &nodes));
    ok(file_read(arena, SCRATCH "/test.onnx", 1 << 26, &bytes, &size));
    assert_true(nodes > 40);
    return (struct span){bytes, bytes + size};
}

static void is_text(struct span model, const char *fixture) {
    struct arena arena = {0};
    struct text found = {0};
    uint8_t *want;
    size_t size;
    say_file(&found, model);
    ok(file_read(&arena, fixture, 1 << 20, &want, &size));
    ok(text_check(&found));
    const char *a = found.data, *b = (const char *)want;
    for (int line = 1; *a || *b; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0)
            fail_msg("%s, line %d:\n  found    %.*s\n  expected %.*s", fixture, line, (int)n, a, (int)m, b);
        a += n + (a[n] == '\n'), b += m + (b[m] == '\n');
    }
    text_free(&found);
    arena_free(&arena);
}

/* Padding around the picture: slices and a concatenation, as this opset has no other word for it. */
static void wrapped_structure(void **state) {
    (void)state;
    struct arena arena = {0};
    struct model_args args;
    struct network *network;
    ok(model_defaults("mobilenet_v2", &args));
    args.width_mult = 0.1, args.height = args.width = 64, args.wrap_padding = true;
    ok(network_new(&network, &args));
    formula_fill(network->graph, network->params, network->state, NULL, NULL);
    is_text(export(&arena, network, &(struct onnx_options){0}), FIXTURES "/train/mobilenet_v2_wrapped.onnx.txt");
    network_free(network);
    arena_free(&arena);
}

static void structure_is_what_onnx_reads(void **state) {
    (void)state;
    static const struct subject subjects[] = {
        {"mobilenet_v2", 0.1, 1, 64, false},     {"mobilenet_v3_small", 0.1, 1, 64, false},
        {"efficientnet_b0", 0.1, 0.3, 65, true}, {"convnext_tiny", 0.1, 0.3, 64, false},
        {"resnet18", 0.1, 1, 64, false},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct network *network = network_of(&subjects[i]);
        is_text(export(&arena, network, &(struct onnx_options){0}),
                arena_printf(&arena, FIXTURES "/train/%s.onnx.txt", subjects[i].model));
        network_free(network);
    }
    arena_free(&arena);
}

static void options_are_what_onnx_reads(void **state) {
    (void)state;
    struct arena arena = {0};
    struct network *network = small_network(32);
    struct preprocess preprocess = preprocess_default();
    preprocess.resize = 0, preprocess.crop_height = preprocess.crop_width = 32, preprocess.order = COLOUR_BGR;
    struct onnx_options options = {.batch = 4, .keep_norms = true, .softmax = true, .preprocess = &preprocess};
    is_text(export(&arena, network, &options), FIXTURES "/train/mobilenet_v2_options.onnx.txt");
    network_free(network);
    arena_free(&arena);
}

static float number_at(struct span raw, int64_t j) {
    float number;
    assert_true(raw.end - raw.at >= (j + 1) * (int64_t)sizeof number);
    memcpy(&number, raw.at + j * (int64_t)sizeof number, sizeof number);
    return number;
}

/* Every parameter in file order, bit by bit, where norms are kept. */
static void weights_are_the_models(void **state) {
    (void)state;
    struct arena arena = {0};
    struct network *network = small_network(32);
    struct span model = export(&arena, network, &(struct onnx_options){.keep_norms = true});
    for (size_t i = 0; i < network->graph->param_count; i++) {
        const struct param *param = &network->graph->params[i];
        if (param->kind == STATE_COUNTER) continue;
        struct span raw = raw_of(model, param->name);
        const float *from = (param->state ? network->state : network->params) + param->offset;
        assert_int_equal(raw.end - raw.at, param->count * (int64_t)sizeof(float));
        for (int64_t j = 0; j < param->count; j++) assert_true(number_at(raw, param_file_index(param, j)) == from[j]);
    }
    network_free(network);
    arena_free(&arena);
}

/* w * weight/sqrt(variance + eps), and bias - mean * that, in double, rounded once. */
static void folded_weights_follow_the_formula(void **state) {
    (void)state;
    struct arena arena = {0};
    struct network *network = small_network(32);
    struct span model = export(&arena, network, &(struct onnx_options){0});
    struct span raw = raw_of(model, "features.3.conv.1.0.weight"), bias = raw_of(model, "features.3.conv.1.1.bias");
    const struct graph *graph = network->graph;
    const struct param *w = graph_find_param(graph, "features.3.conv.1.0.weight");
    const float *gamma = network->params + graph_find_param(graph, "features.3.conv.1.1.weight")->offset;
    const float *beta = network->params + graph_find_param(graph, "features.3.conv.1.1.bias")->offset;
    const float *mean = network->state + graph_find_param(graph, "features.3.conv.1.1.running_mean")->offset;
    const float *variance = network->state + graph_find_param(graph, "features.3.conv.1.1.running_var")->offset;
    int64_t channels = w->shape.dim[3];
    for (int64_t j = 0; j < w->count; j++) {
        double factor = (double)gamma[j % channels] / sqrt((double)variance[j % channels] + network->args.norm_eps);
        double expected = (double)network->params[w->offset + j] * factor;
        assert_true(fabs((double)number_at(raw, param_file_index(w, j)) - expected) <= 1e-7 * fabs(expected));
        if (j >= channels) continue;
        expected = (double)beta[j] - (double)mean[j] * factor;
        assert_true(fabs((double)number_at(bias, j) - expected) <= 1e-7);
    }
    network_free(network);
    arena_free(&arena);
}

static void metadata_go_along(void **state) {
    (void)state;
    struct arena arena = {0};
    struct network *network = small_network(32);
    struct span model = export(&arena, network, &(struct onnx_options){0}), entry = find(model, 14).bytes;
    struct span key = find(entry, 1).bytes, value = find(entry, 2).bytes;
    assert_memory_equal(key.at, "siskin.version", strlen("siskin.version"));
    assert_memory_equal(value.at, sk_version(), strlen(sk_version()));
    network_free(network);
    arena_free(&arena);
}

/* ---- what cannot be written ---- */

static void two_gigabytes_are_too_many(void **state) {
    (void)state;
    struct arena arena = {0};
    struct onnx_file file = {.arena = &arena};
    float nothing = 0; /* the size is summed before a byte is read */
    onnx_tensor(&file, &(struct tensor){"big", F32, {1, {(int64_t)1 << 29}}, &nothing});
    assert_int_equal(onnx_save(&file, "big", SCRATCH "/big.onnx"), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), "2 GiB"));
    assert_false(file_exists(SCRATCH "/big.onnx"));
    onnx_free(&file);
    arena_free(&arena);
}

static void an_unknown_op_is_named(void **state) {
    (void)state;
    struct onnx_emitter emitter = {0};
    struct node node = {.op = &op_stats, .name = "features.0.1"};
    assert_int_equal(onnx_emit_node(&emitter, &node), SK_EINTERNAL);
    assert_non_null(strstr(sk_error(), "features.0.1: the op stats has no form there"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure_is_what_onnx_reads),
        cmocka_unit_test(wrapped_structure),
        cmocka_unit_test(options_are_what_onnx_reads),
        cmocka_unit_test(weights_are_the_models),
        cmocka_unit_test(folded_weights_follow_the_formula),
        cmocka_unit_test(metadata_go_along),
        cmocka_unit_test(two_gigabytes_are_too_many),
        cmocka_unit_test(an_unknown_op_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
