/* test_squeeze.c — the gate of a squeeze-excite from sums: against double, the same bits at every level and for all threads.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct squeeze_case {
    int64_t n, strips, c, squeezed;
    enum act act, gate_act;
};
struct squeeze_data {
    float *sums, *w1, *b1, *w2, *b2;
};

static float *pack(const struct kernels *kernels, int64_t c, int64_t k, const float *w) {
    struct conv_shape s = {1, 1, 1, c, 1, 1, k, 1, 1, 1, 1, 1, 1, 0, 0, 1};
    struct pack_job job = {.s = s, .direction = PACK_FORWARD, .w = w};
    job.packed = case_scratch(kernels->packed_bytes(&s, PACK_FORWARD));
    kernels->pack_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pack_run(&job, i);
    return job.packed;
}

static void run(const struct kernels *kernels, const struct squeeze_case *k, const struct squeeze_data *d, float *y,
                int pass) {
    struct squeeze_job job = {
        .n = k->n, .strips = k->strips, .c = k->c, .squeezed = k->squeezed, .scale = 1.0f / 49.0f};
    job.sums = d->sums, job.b1 = d->b1, job.b2 = d->b2, job.act = k->act, job.gate_act = k->gate_act, job.y = y;
    job.w1 = pack(kernels, k->c, k->squeezed, d->w1), job.w2 = pack(kernels, k->squeezed, k->c, d->w2);
    size_t bytes = kernels->squeeze_plan(&job, 1 + pass);
    void *scratch = case_scratch(bytes);
    job.shared = job.shared_floats ? case_output(job.shared_floats) : NULL;
    assert_true((job.phases > 1) == (job.shared_floats > 0));
    for (int64_t phase = 0; phase < job.phases; phase++)
        for (int64_t i = 0; i < job.tiles[phase]; i++)
            kernels->squeeze_run(&job, phase, case_order(i, job.tiles[phase], pass), scratch);
    if (job.shared) case_release(job.shared, job.shared_floats);
    case_scratch_release(scratch, bytes);
    free((void *)(uintptr_t)job.w1), free((void *)(uintptr_t)job.w2);
}

static void check_double(const struct squeeze_case *k, const struct squeeze_data *d, const float *y) {
    double *mean = malloc((size_t)(k->c + k->squeezed) * sizeof *mean), *squeezed = mean + k->c;
    assert_non_null(mean);
    for (int64_t image = 0; image < k->n; image++) {
        for (int64_t c = 0; c < k->c; c++) {
            mean[c] = 0;
            for (int64_t i = 0; i < k->strips; i++)
                mean[c] += (double)d->sums[(image * k->strips + i) * 2 * k->c + c] / 49.0;
        }
        for (int64_t j = 0; j < k->squeezed; j++) {
            double sum = (double)d->b1[j];
            for (int64_t c = 0; c < k->c; c++) sum += mean[c] * (double)d->w1[c * k->squeezed + j];
            squeezed[j] = act_value(k->act, sum);
        }
        for (int64_t c = 0; c < k->c; c++) {
            double sum = (double)d->b2[c], size = 2.0 + 0.1 * (double)(k->squeezed + k->c);
            for (int64_t j = 0; j < k->squeezed; j++) sum += squeezed[j] * (double)d->w2[j * k->c + c];
            case_close("gate", image * k->c + c, y[image * k->c + c], act_value(k->gate_act, sum), size, 2e-6);
        }
    }
    free(mean);
}

static void squeeze_case(struct squeeze_case k) {
    struct squeeze_data d = {.sums = case_input(k.n * k.strips * 2 * k.c, -9.0f, 9.0f, 1)};
    d.w1 = case_input(k.c * k.squeezed, -1.0f, 1.0f, 2), d.b1 = case_input(k.squeezed, -1.0f, 1.0f, 3);
    d.w2 = case_input(k.c * k.squeezed, -1.0f, 1.0f, 4), d.b2 = case_input(k.c, -1.0f, 1.0f, 5);
    int64_t count = k.n * k.c;
    float *plain = case_output(count);
    run(kernels_of(ISA_PLAIN), &k, &d, plain, 0);
    check_double(&k, &d, plain);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int pass = 0; kernels && pass < 3; pass++) {
            float *y = case_output(count);
            run(kernels, &k, &d, y, pass);
            case_equal("gate", y, plain, count);
            case_release(y, count);
        }
    }
    case_release(plain, count);
    free(d.sums), free(d.w1), free(d.b1), free(d.w2), free(d.b2);
}

static void test_sizes(void **state) {
    static const int64_t channels[] = {1, 7, 16, 17, 33, 72, 96};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int64_t n = 1; n < 4; n++)
            squeeze_case((struct squeeze_case){n, 3, channels[i], 1 + channels[i] / 4, ACT_RELU, ACT_HARDSIGMOID});
    squeeze_case((struct squeeze_case){1, 1, 672, 168, ACT_RELU, ACT_HARDSIGMOID}); /* two phases */
    squeeze_case((struct squeeze_case){2, 1, 961, 41, ACT_SILU, ACT_SIGMOID});
}

static void test_activations(void **state) {
    (void)state;
    for (int act = 0; act < ACT_COUNT; act++)
        squeeze_case((struct squeeze_case){2, 2, 40, 10, (enum act)act, (enum act)((act + 3) % ACT_COUNT)});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_activations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
