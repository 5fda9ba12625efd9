/* test_counts.c — parameters, batch statistics, names and shapes, multiply-adds of every published network and variant.
 *
 * The numbers are those of torchvision and timm, multiply-adds those that torchvision publishes with its weights. Graphs
 * alone are built: no weights. Fixture: tests/golden/make_models.py. SPDX-License-Identifier: Apache-2.0 */
#include "models/family_case.h"

static struct arena fixture;
static const struct json *cases;

static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return hash;
}

/* Of "name 16x3x3x3\n" for every tensor of the state_dict. */
static uint64_t hash_names(const struct graph *graph) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    char number[32];
    for (size_t i = 0; i < graph->param_count; i++) {
        struct shape shape = param_file_shape(&graph->params[i]);
        hash = hash_text(hash_text(hash, graph->params[i].name), " ");
        for (int d = 0; d < shape.rank; d++) {
            snprintf(number, sizeof number, "%s%lld", d ? "x" : "", (long long)shape.dim[d]);
            hash = hash_text(hash, number);
        }
        hash = hash_text(hash, "\n");
    }
    return hash;
}

static int64_t macs_of(const struct graph *graph) {
    int64_t macs = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->op->cost) macs += node->op->cost(graph, node).macs;
    }
    return macs;
}

/* Torchvision publishes three decimals. */
static void check_macs(const struct json *item, struct model_args args, const char *who) {
    const struct json *list = json_get(item, "gmacs");
    for (const struct json *row = list ? list->child : NULL; row; row = row->next) {
        struct arena arena = {0};
        struct graph *graph;
        args.height = args.width = row->child->integer;
        ok(model_graph(&arena, &args, &(struct model_request){.batch = 1}, &graph));
        double macs = (double)macs_of(graph) / 1e9, published = row->child->next->number;
        if (!(fabs(macs - published) <= 0.00051))
            fail_msg("%s at %lld: %.6f thousand million multiply-adds, published are %.3f", who, (long long)args.height,
                     macs, published);
        arena_free(&arena);
    }
}

static void check_case(const struct json *item) {
    struct arena arena = {0};
    struct graph *graph;
    struct model_args args;
    ok(model_args_read(json_get(item, "args"), "the fixture", &args));
    ok(model_graph(&arena, &args, &(struct model_request){.batch = 1}, &graph));
    char who[128];
    snprintf(who, sizeof who, "%s (%s, width %g)", args.name, json_string(item, "source", ""), args.width_mult);
    if (graph_parameter_count(graph) != json_integer(item, "parameters", 0))
        fail_msg("%s: %lld parameters", who, (long long)graph_parameter_count(graph));
    if (graph_statistics_count(graph) != json_integer(item, "statistics", -1))
        fail_msg("%s: %lld batch statistics", who, (long long)graph_statistics_count(graph));
    if ((int64_t)graph->param_count != json_integer(item, "tensors", 0))
        fail_msg("%s: %zu tensors", who, graph->param_count);
    const char *names = json_string(item, "names", NULL);
    char hash[32];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)hash_names(graph));
    if (names && strcmp(names, hash) != 0)
        fail_msg("%s: names or shapes are not torchvision's, or in other order", who);
    check_macs(item, args, who);
    arena_free(&arena);
}

static void counts_are_the_published_ones(void **state) {
    (void)state;
    int count = 0;
    for (const struct json *item = cases; item; item = item->next, count++) check_case(item);
    assert_true(count >= 50);
}

/* The model file's form of arguments reads back as the same network. */
static void arguments_read_back(void **state) {
    (void)state;
    for (const struct json *item = cases; item; item = item->next) {
        struct arena arena = {0};
        struct model_args args, again;
        ok(model_args_read(json_get(item, "args"), "the fixture", &args));
        struct json_writer writer = {0}, second = {0};
        jw_object(&writer, NULL);
        model_args_write(&args, &writer);
        jw_end_object(&writer);
        struct json *json;
        ok(json_parse(&arena, writer.text.data, writer.text.length, "arguments", &json));
        ok(model_args_read(json, "arguments", &again));
        jw_object(&second, NULL);
        model_args_write(&again, &second);
        jw_end_object(&second);
        assert_string_equal(writer.text.data, second.text.data);
        assert_int_equal(args.row_count, again.row_count);
        assert_memory_equal(args.rows, again.rows, sizeof args.rows);
        text_free(&writer.text);
        text_free(&second.text);
        arena_free(&arena);
    }
}

static void refused(const char *json, const char *sentence) {
    struct arena arena = {0};
    struct json *value;
    struct model_args args;
    struct graph *graph;
    ok(json_parse(&arena, json, strlen(json), "x", &value));
    sk_status status = model_args_read(value, "x", &args);
    if (status == SK_OK) status = model_graph(&arena, &args, &(struct model_request){.batch = 1}, &graph);
    if (status == SK_OK || !strstr(sk_error(), sentence))
        fail_msg("%s: %s", json, status == SK_OK ? "accepted" : sk_error());
    arena_free(&arena);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    refused("{\"name\": \"resnet51\"}", "did you mean resnet50?");
    refused("{\"name\": \"convnext_tiny\", \"same_padding\": true}", "a convnext_tiny has no use for same_padding");
    refused("{\"name\": \"resnet50\", \"wrap_padding\": true}", "a resnet50 has no use for wrap_padding");
    refused("{\"name\": \"convnext_tiny\", \"norm_momentum\": 0.2}", "no use for norm_momentum");
    refused("{\"name\": \"efficientnet_b0\", \"blocks\": [[1, 16, 1, 1]]}", "no use for blocks");
    refused("{\"name\": \"mobilenet_v2\", \"blocks\": [[6, 24, 2]], \"strides\": [1]}",
            "expansion, channels, repeats, stride");
    refused("{\"name\": \"mobilenet_v2\", \"blocks\": [[6, 24, 2, 1]]}", "1 blocks, but 7 strides");
    refused("{\"name\": \"mobilenet_v3_small\", \"blocks\": [[3, 16, 16, 0, \"XX\", 1]]}", "must be an activation");
    refused("{\"name\": \"mobilenet_v3_small\", \"blocks\": [[2, 16, 16, 0, \"RE\", 1]], \"strides\": [1]}",
            "odd kernel");
    refused("{\"name\": \"mobilenet_v3_small\", \"blocks\": [[3, -16, 16, 0, \"RE\", 1]], \"strides\": [1]}",
            "odd kernel");
    refused("{\"name\": \"mobilenet_v3_small\", \"strides\": [1, 2]}", "has 11 blocks");
    refused("{\"name\": \"efficientnet_b0\", \"depth_mult\": 1e9}", "depth multiplier");
    refused("{\"name\": \"efficientnet_b0\", \"stochastic_depth\": 1}", "[0, 1)");
    refused("{\"name\": \"convnext_tiny\", \"strides\": [2, 2, 2, 2]}", "model.stem_stride");
    refused("{\"name\": \"convnext_tiny\", \"activation\": \"jelu\"}", "activation must be an activation's name");
    refused("{\"name\": \"convnext_tiny\", \"height\": 16, \"width\": 16}", "features.6.1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_published_ones),
        cmocka_unit_test(arguments_read_back),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    cases = family_cases(&fixture, "model_counts.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&fixture);
    return failed;
}
