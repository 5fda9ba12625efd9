/* test_max_pool.c — maximum over windows against plain loops, equal bits at every level: ties, NaNs, infinities, borders.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct pool_case {
    int64_t n, h, w, c;
    int kernel, stride, before, behind;
};

static struct max_pool_job job_of(const struct pool_case *k) {
    struct max_pool_job job = {.n = k->n, .h = k->h, .w = k->w, .c = k->c, .kernel = k->kernel, .stride = k->stride};
    job.top = job.left = k->before;
    job.p = (k->h + k->before + k->behind - k->kernel) / k->stride + 1;
    job.q = (k->w + k->before + k->behind - k->kernel) / k->stride + 1;
    return job;
}

/* Few values, so that there are ties, and some that are not finite. */
static void roughen(float *x, int64_t count) {
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f};
    for (int64_t i = 0; i < count; i++) {
        x[i] = floorf(3 * x[i]);
        if (i % 7 == 3) x[i] = special[i / 7 % 5];
    }
}

/* The maximum, where it lay, and with dy the gradient of x, in one walk over the windows. */
static void expect(const struct max_pool_job *k, const float *x, const float *dy, float *y, float *where, float *dx) {
    for (int64_t i = 0; i < k->n * k->h * k->w * k->c; i++) dx[i] = 0;
    for (int64_t i = 0; i < k->n * k->p * k->q * k->c; i++) {
        int64_t c = i % k->c, out = i / k->c, n = out / (k->p * k->q);
        int64_t top = out / k->q % k->p * k->stride - k->top, left = out % k->q * k->stride - k->left;
        int64_t first_h = top < 0 ? 0 : top, first_w = left < 0 ? 0 : left, from = -1;
        for (int64_t h = first_h; h < top + k->kernel && h < k->h; h++)
            for (int64_t w = first_w; w < left + k->kernel && w < k->w; w++) {
                int64_t at = ((n * k->h + h) * k->w + w) * k->c + c;
                if (from >= 0 && !(x[at] > y[i]) && !isnan(x[at])) continue;
                from = at, y[i] = x[at], where[i] = (float)((h - first_h) * k->kernel + w - first_w);
            }
        assert_true(from >= 0);
        dx[from] += dy[i];
    }
}

static void same(const char *what, const float *found, const float *expected, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!(found[i] == expected[i]) && !(isnan(found[i]) && isnan(expected[i])))
            fail_msg("%s[%lld] is %g, not %g", what, (long long)i, (double)found[i], (double)expected[i]);
}

static void run(const struct kernels *kernels, struct max_pool_job *job, bool backward, int pass) {
    if (backward)
        kernels->max_pool_backward_plan(job);
    else
        kernels->max_pool_plan(job);
    for (int64_t i = 0; i < job->tiles; i++) {
        int64_t tile = case_order(i, job->tiles, pass);
        if (backward)
            kernels->max_pool_backward_run(job, tile);
        else
            kernels->max_pool_run(job, tile);
    }
}

static void pool_case(struct pool_case k) {
    struct max_pool_job job = job_of(&k);
    int64_t in = k.n * k.h * k.w * k.c, out = k.n * job.p * job.q * k.c;
    float *x = case_input(in, -1.0f, 2.0f, 5), *dy = case_input(out, -1.0f, 1.0f, 6);
    float *want_y = case_output(out), *want_where = case_output(out), *want_dx = case_output(in);
    roughen(x, in);
    expect(&job, x, dy, want_y, want_where, want_dx);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        float *y = case_output(out), *alone = case_output(out), *where = case_output(out), *dx = case_output(in);
        job.x = x, job.y = y, job.where = where;
        run(kernels, &job, false, isa);
        job.y = alone, job.where = NULL;
        run(kernels, &job, false, 1 + isa);
        job.x = dy, job.y = dx, job.where = where;
        run(kernels, &job, true, 1 + isa);
        same("y", y, want_y, out), same("where", where, want_where, out);
        same("y without where", alone, want_y, out);
        case_equal("dx", dx, want_dx, in);
        case_release(y, out), case_release(alone, out), case_release(where, out), case_release(dx, in);
    }
    case_release(want_y, out), case_release(want_where, out), case_release(want_dx, in);
    free(x), free(dy);
}

static void test_windows(void **state) {
    (void)state;
    for (int kernel = 1; kernel <= 4; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int before = 0; before <= kernel / 2; before++)
                for (int behind = 0; behind <= kernel / 2; behind++)
                    pool_case((struct pool_case){2, 7, 6, 5, kernel, stride, before, behind});
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 15, 16, 17, 33, 64, 100};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        pool_case((struct pool_case){1, 9, 8, channels[i], 3, 2, 1, 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_channels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
