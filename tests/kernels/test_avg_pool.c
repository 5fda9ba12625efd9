/* test_avg_pool.c — average pooling over windows against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct pool_case {
    int64_t n, h, w, c;
    int kernel, stride, padding;
    bool exclude;
};

static struct avg_pool_job job_of(const struct pool_case *k) {
    struct avg_pool_job job = {.n = k->n, .h = k->h, .w = k->w, .c = k->c, .kernel = k->kernel, .stride = k->stride};
    job.padding = k->padding, job.exclude_padding = k->exclude;
    job.p = (k->h + 2 * k->padding - k->kernel) / k->stride + 1;
    job.q = (k->w + 2 * k->padding - k->kernel) / k->stride + 1;
    return job;
}

/* y, or dx scattered, in double. */
static void expect(const struct avg_pool_job *k, const float *from, bool backward, double *to) {
    int64_t size = backward ? k->n * k->h * k->w * k->c : k->n * k->p * k->q * k->c;
    for (int64_t i = 0; i < size; i++) to[i] = 0;
    for (int64_t out = 0; out < k->n * k->p * k->q; out++) {
        int64_t n = out / (k->p * k->q), top = out / k->q % k->p * k->stride - k->padding;
        int64_t left = out % k->q * k->stride - k->padding;
        for (int pass = 0, count = 0; pass < 2; pass++)
            for (int64_t tap = 0; tap < (int64_t)k->kernel * k->kernel; tap++) {
                int64_t h = top + tap / k->kernel, w = left + tap % k->kernel;
                bool inside = h >= 0 && h < k->h && w >= 0 && w < k->w;
                if (pass == 0) count += inside || !k->exclude_padding;
                if (pass == 0 || !inside) continue;
                int64_t in = (n * k->h + h) * k->w + w;
                for (int64_t c = 0; c < k->c; c++) {
                    if (backward)
                        to[in * k->c + c] += (double)from[out * k->c + c] / count;
                    else
                        to[out * k->c + c] += (double)from[in * k->c + c] / count;
                }
            }
    }
}

static void run(const struct kernels *kernels, struct avg_pool_job *job, bool backward, int pass) {
    if (backward)
        kernels->avg_pool_backward_plan(job);
    else
        kernels->avg_pool_plan(job);
    for (int64_t i = 0; i < job->tiles; i++) {
        int64_t tile = case_order(i, job->tiles, pass);
        if (backward)
            kernels->avg_pool_backward_run(job, tile);
        else
            kernels->avg_pool_run(job, tile);
    }
}

static void pool_case(struct pool_case k, bool backward) {
    struct avg_pool_job job = job_of(&k);
    int64_t in = k.n * k.h * k.w * k.c, out = k.n * job.p * job.q * k.c, size = backward ? in : out;
    float *x = case_input(backward ? out : in, -1.0f, 2.0f, 5), *plain = case_output(size);
    double *want = malloc((size_t)size * sizeof *want);
    assert_non_null(want);
    expect(&job, x, backward, want);
    job.x = x, job.y = plain;
    run(kernels_of(ISA_PLAIN), &job, backward, 0);
    for (int64_t i = 0; i < size; i++) case_close(backward ? "dx" : "y", i, plain[i], want[i], 4, 3e-7);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        float *y = case_output(size);
        job.y = y;
        run(kernels, &job, backward, 1 + isa);
        case_equal(backward ? "dx" : "y", y, plain, size);
        case_release(y, size);
    }
    case_release(plain, size);
    free(want), free(x);
}

static void test_windows(void **state) {
    (void)state;
    for (int kernel = 1; kernel <= 4; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int padding = 0; padding <= kernel / 2; padding++)
                for (int exclude = 0; exclude < 2; exclude++)
                    for (int backward = 0; backward < 2; backward++)
                        pool_case((struct pool_case){2, 7, 6, 5, kernel, stride, padding, exclude}, backward);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 15, 16, 17, 33, 64, 100};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int backward = 0; backward < 2; backward++)
            pool_case((struct pool_case){1, 9, 8, channels[i], 3, 2, 1, true}, backward);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_channels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
