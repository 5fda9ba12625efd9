/* test_layer_norm.c — layer norm, forward and backward, against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct norm_data {
    int64_t rows, c;
    float *x, *dy, *weight, *bias;
};
struct norm_result {
    float *y, *dx, *sums;
};
static const float eps = 1e-6f;

static struct norm_data norm_open(int64_t rows, int64_t c, float low, float high) {
    struct norm_data d = {rows,
                          c,
                          case_input(rows * c, low, high, 1),
                          case_input(rows * c, -1.0f, 1.0f, 2),
                          case_input(c, 0.5f, 1.5f, 3),
                          case_input(c, -1.0f, 1.0f, 4)};
    return d;
}

static void norm_close(struct norm_data *d) {
    free(d->x), free(d->dy), free(d->weight), free(d->bias);
}

static struct norm_result run_level(const struct kernels *kernels, const struct norm_data *d, int pass) {
    int64_t size = d->rows * d->c, sums = conv_blocks(d->rows) * 2 * d->c;
    struct norm_result r = {case_output(size), case_output(size), case_output(sums)};
    struct layer_norm_forward f = {
        .rows = d->rows, .c = d->c, .eps = eps, .x = d->x, .weight = d->weight, .bias = d->bias, .y = r.y};
    struct layer_norm_backward b = {.rows = d->rows, .c = d->c, .eps = eps, .x = d->x};
    b.dy = d->dy, b.weight = d->weight, b.dx = r.dx, b.sums = r.sums;
    kernels->layer_norm_forward_plan(&f), kernels->layer_norm_backward_plan(&b);
    for (int64_t i = 0; i < f.tiles; i++) kernels->layer_norm_forward_run(&f, case_order(i, f.tiles, pass));
    for (int64_t i = 0; i < b.tiles; i++) kernels->layer_norm_backward_run(&b, case_order(i, b.tiles, pass));
    return r;
}

static void release_level(const struct norm_data *d, struct norm_result *r) {
    case_release(r->y, d->rows * d->c), case_release(r->dx, d->rows * d->c);
    case_release(r->sums, conv_blocks(d->rows) * 2 * d->c);
}

/* `relative`: what f32 may lose of the largest terms; with a mean far from 0 it is x itself that is rounded. */
static void check_plain(const struct norm_data *d, const struct norm_result *r, double relative) {
    int64_t count = conv_blocks(d->rows) * 2 * d->c, c = d->c;
    double *sums = calloc((size_t)count, sizeof *sums), *sizes = calloc((size_t)count, sizeof *sizes);
    assert_true(sums && sizes);
    for (int64_t row = 0; row < d->rows; row++) {
        const float *x = d->x + row * c, *dy = d->dy + row * c;
        double mean = 0, variance = 0, mean_g = 0, mean_gh = 0;
        for (int64_t j = 0; j < c; j++) mean += (double)x[j] / (double)c;
        for (int64_t j = 0; j < c; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)c;
        double invstd = 1 / sqrt(variance + (double)eps);
        for (int64_t j = 0; j < c; j++) {
            double g = (double)dy[j] * d->weight[j];
            mean_g += g / (double)c, mean_gh += g * (x[j] - mean) * invstd / (double)c;
        }
        for (int64_t j = 0; j < c; j++) {
            double h = (x[j] - mean) * invstd, g = (double)dy[j] * d->weight[j];
            case_close("y", row * c + j, r->y[row * c + j], h * d->weight[j] + d->bias[j], 3, relative);
            case_close("dx", row * c + j, r->dx[row * c + j], (g - mean_g - h * mean_gh) * invstd, 5 * invstd,
                       relative);
            int64_t at = row / BLOCK_ROWS * 2 * c + j;
            sums[at] += (double)dy[j], sizes[at] += 1;
            sums[at + c] += dy[j] * h, sizes[at + c] += 2;
        }
    }
    for (int64_t i = 0; i < count; i++) case_close("sums", i, r->sums[i], sums[i], sizes[i], relative);
    free(sums), free(sizes);
}

static void norm_case(int64_t rows, int64_t c, float low, float high, double relative) {
    struct norm_data d = norm_open(rows, c, low, high);
    struct norm_result plain = run_level(kernels_of(ISA_PLAIN), &d, 0);
    check_plain(&d, &plain, relative);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        struct norm_result r = run_level(kernels, &d, 1 + isa);
        case_equal("y", r.y, plain.y, rows * c), case_equal("dx", r.dx, plain.dx, rows * c);
        case_equal("sums", r.sums, plain.sums, conv_blocks(rows) * 2 * c);
        release_level(&d, &r);
    }
    release_level(&d, &plain);
    norm_close(&d);
}

/* Every tail of a vector and of the 32 lanes. */
static void test_channels(void **state) {
    static const int64_t more[] = {96, 100, 192, 384, 768, 1000, 1536};
    (void)state;
    for (int64_t c = 2; c <= 70; c++) norm_case(5, c, -2.0f, 3.0f, 1e-6);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) norm_case(9, more[i], -2.0f, 3.0f, 1e-6);
}

static void test_rows(void **state) {
    static const int64_t rows[] = {1, 2, 3, 4, 111, 112, 113, 300, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) norm_case(rows[i], 40, -2.0f, 3.0f, 1e-6);
}

/* A mean a hundred times the deviation: one walk with x and x*x would lose all of the variance in f32 at 10,000. */
static void test_far_mean(void **state) {
    (void)state;
    norm_case(20, 96, 99.0f, 101.0f, 3e-5);
    norm_case(20, 1536, 9999.0f, 10001.0f, 3e-3);
}

/* All channels equal: y is the bias, and nothing goes back. */
static void test_constant(void **state) {
    (void)state;
    struct norm_data d = norm_open(3, 50, -1.0f, 1.0f);
    for (int64_t j = 0; j < 150; j++) d.x[j] = 0.75f;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        struct norm_result r = run_level(kernels, &d, 0);
        for (int64_t j = 0; j < 150; j++) assert_true(r.y[j] == d.bias[j % 50]);
        release_level(&d, &r);
    }
    norm_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_far_mean), cmocka_unit_test(test_constant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
