/* test_pixel_mlp.c — the fused layer norm, up, down: equal bits to its three steps apart, and right in double.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct mlp_case {
    int64_t rows, c, hidden, k;
    enum act act;
    bool add;
};

struct mlp_data {
    float *x, *add, *weight, *bias, *up, *up_bias, *down, *down_bias;
};
static const float mlp_eps = 1e-3f;

static struct mlp_data mlp_open(const struct mlp_case *k) {
    struct mlp_data d;
    d.x = case_input(k->rows * k->c, -2.0f, 2.0f, 1), d.add = case_input(k->rows * k->k, -2.0f, 2.0f, 2);
    d.weight = case_input(k->c, 0.5f, 1.5f, 3), d.bias = case_input(k->c, -1.0f, 1.0f, 4);
    d.up = case_input(k->c * k->hidden, -1.0f, 1.0f, 5), d.up_bias = case_input(k->hidden, -1.0f, 1.0f, 6);
    d.down = case_input(k->hidden * k->k, -1.0f, 1.0f, 7), d.down_bias = case_input(k->k, -1.0f, 1.0f, 8);
    return d;
}
static void mlp_close(struct mlp_data *d) {
    free(d->x), free(d->add), free(d->weight), free(d->bias), free(d->up), free(d->up_bias), free(d->down);
    free(d->down_bias);
}

static struct conv_shape pointwise(int64_t rows, int64_t c, int64_t k) {
    return (struct conv_shape){1, 1, rows, c, 1, rows, k, 1, 1, 1, 1, 1, 1, 0, 0, 1};
}

static float *pack(const struct kernels *kernels, struct conv_shape s, const float *w) {
    struct pack_job job = {.s = s, .direction = PACK_FORWARD, .w = w};
    job.packed = case_scratch(kernels->packed_bytes(&s, PACK_FORWARD));
    kernels->pack_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pack_run(&job, i);
    return job.packed;
}

/* ---- the three steps, one after the other ---- */

static void run_conv(const struct kernels *kernels, struct conv_forward *job, const float *w) {
    float *packed = pack(kernels, job->s, w);
    size_t bytes = kernels->conv_forward_plan(job, 1);
    void *scratch = case_scratch(bytes);
    job->packed = packed;
    for (int64_t i = 0; i < job->tiles; i++) kernels->conv_forward_run(job, i, scratch);
    case_scratch_release(scratch, bytes);
    free(packed);
}

static void run_apart(const struct kernels *kernels, const struct mlp_case *k, const struct mlp_data *d, float *y) {
    float *normed = case_output(k->rows * k->c), *wide = case_output(k->rows * k->hidden);
    struct layer_norm_forward norm = {.rows = k->rows, .c = k->c, .eps = mlp_eps, .x = d->x, .y = normed};
    norm.weight = d->weight, norm.bias = d->bias;
    kernels->layer_norm_forward_plan(&norm);
    for (int64_t i = 0; i < norm.tiles; i++) kernels->layer_norm_forward_run(&norm, i);
    struct conv_forward up = {.s = pointwise(k->rows, k->c, k->hidden), .in = {.x = normed}, .act = k->act, .y = wide};
    up.bias = d->up_bias;
    run_conv(kernels, &up, d->up);
    struct conv_forward down = {.s = pointwise(k->rows, k->hidden, k->k), .in = {.x = wide}, .y = y};
    down.bias = d->down_bias, down.add = k->add ? d->add : NULL;
    run_conv(kernels, &down, d->down);
    case_release(normed, k->rows * k->c), case_release(wide, k->rows * k->hidden);
}

static void run_fused(const struct kernels *kernels, const struct mlp_case *k, const struct mlp_data *d, float *y,
                      int threads, int pass) {
    struct pixel_mlp job = {.rows = k->rows, .c = k->c, .hidden = k->hidden, .k = k->k, .eps = mlp_eps, .act = k->act};
    float *up = pack(kernels, pointwise(k->rows, k->c, k->hidden), d->up);
    float *down = pack(kernels, pointwise(k->rows, k->hidden, k->k), d->down);
    job.x = d->x, job.add = k->add ? d->add : NULL, job.norm_weight = d->weight, job.norm_bias = d->bias;
    job.up = up, job.up_bias = d->up_bias, job.down = down, job.down_bias = d->down_bias, job.y = y;
    size_t bytes = kernels->pixel_mlp_plan(&job, threads);
    void *scratch = case_scratch(bytes);
    assert_true(job.tiles >= 1 && job.tiles * job.row_tile >= k->rows && job.group % PIXEL_MLP_ALIGN == 0);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pixel_mlp_run(&job, case_order(i, job.tiles, pass), scratch);
    case_scratch_release(scratch, bytes);
    free(up), free(down);
}

/* ---- the meaning, in double ---- */

static void check_double(const struct mlp_case *k, const struct mlp_data *d, const float *y) {
    double *h = malloc((size_t)(k->c + k->hidden) * sizeof *h), *wide = h + k->c;
    assert_non_null(h);
    for (int64_t row = 0; row < k->rows; row++) {
        const float *x = d->x + row * k->c;
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < k->c; j++) mean += (double)x[j] / (double)k->c;
        for (int64_t j = 0; j < k->c; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)k->c;
        for (int64_t j = 0; j < k->c; j++)
            h[j] = (x[j] - mean) / sqrt(variance + (double)mlp_eps) * (double)d->weight[j] + (double)d->bias[j];
        for (int64_t o = 0; o < k->hidden; o++) {
            double sum = (double)d->up_bias[o];
            for (int64_t j = 0; j < k->c; j++) sum += h[j] * (double)d->up[j * k->hidden + o];
            wide[o] = act_value(k->act, sum);
        }
        for (int64_t o = 0; o < k->k; o++) {
            double sum = (double)d->down_bias[o] + (k->add ? (double)d->add[row * k->k + o] : 0.0);
            for (int64_t j = 0; j < k->hidden; j++) sum += wide[j] * (double)d->down[j * k->k + o];
            case_close("y", row * k->k + o, y[row * k->k + o], sum, 10.0 + 5.0 * (double)k->hidden, 2e-6);
        }
    }
    free(h);
}

/* Against double at the plain level, then every level, number of threads and order against the steps apart. */
static void mlp_case(struct mlp_case k) {
    struct mlp_data d = mlp_open(&k);
    int64_t count = k.rows * k.k;
    float *apart = case_output(count);
    run_apart(kernels_of(ISA_PLAIN), &k, &d, apart);
    check_double(&k, &d, apart);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int pass = 0; kernels && pass < 3; pass++) {
            float *y = case_output(count);
            run_fused(kernels, &k, &d, y, 1 + pass, pass);
            case_equal("y", y, apart, count);
            case_release(y, count);
        }
    }
    case_release(apart, count);
    mlp_close(&d);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33, 96};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        int64_t c = channels[i];
        mlp_case((struct mlp_case){31, c, 32, c, ACT_GELU, true});
        mlp_case((struct mlp_case){30, c, 96, c + 1, ACT_GELU, false});
    }
}

static void test_options(void **state) {
    (void)state;
    for (int act = 0; act < ACT_COUNT; act++)
        for (int add = 0; add < 2; add++) mlp_case((struct mlp_case){29, 12, 64, 20, (enum act)act, add});
}

/* Sizes at which tiles, their tails and groups of wide channels begin. */
static void test_sizes(void **state) {
    static const int64_t rows[] = {1, 13, 14, 15, 112, 113, 196, 225, 337};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        mlp_case((struct mlp_case){rows[i], 10, 64, 10, ACT_GELU, true});
    mlp_case((struct mlp_case){112, 5, 3200, 6, ACT_GELU, true});
    mlp_case((struct mlp_case){100, 5, 4736, 6, ACT_RELU, false});
    struct pixel_mlp job = {.rows = 112, .c = 5, .hidden = 3200, .k = 6};
    kernels_of(ISA_PLAIN)->pixel_mlp_plan(&job, 1);
    assert_true(job.group < job.hidden);
}

/* Whom it is for: many pixels, whole vectors, rows that do not meet in one set of L1. */
static void test_takes(void **state) {
    (void)state;
    assert_true(pixel_mlp_takes(196, 384, 1536));
    assert_false(pixel_mlp_takes(195, 384, 1536));
    assert_false(pixel_mlp_takes(196, 512, 2048));
    assert_false(pixel_mlp_takes(196, 20, 80));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_options),
                                       cmocka_unit_test(test_sizes), cmocka_unit_test(test_takes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
