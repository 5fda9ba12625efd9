/* test_gate.c — gates, forward and backward, against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct gate_data {
    int64_t n, hw, c;
    float *x, *dy, *gate;
};
struct gate_result {
    float *y, *dx, *dgate;
};

static struct gate_result run_level(const struct kernels *kernels, const struct gate_data *d, int pass) {
    int64_t size = d->n * d->hw * d->c;
    struct gate_result r = {case_output(size), case_output(size), case_output(d->n * d->c)};
    struct gate_forward f = {.n = d->n, .hw = d->hw, .c = d->c, .in = {.x = d->x}, .gate = d->gate, .y = r.y};
    struct gate_backward b = {.n = d->n, .hw = d->hw, .c = d->c, .dy = d->dy, .x = d->x, .gate = d->gate};
    b.dx = r.dx, b.dgate = r.dgate;
    kernels->gate_forward_plan(&f), kernels->gate_backward_plan(&b);
    for (int64_t i = 0; i < f.tiles; i++) kernels->gate_forward_run(&f, case_order(i, f.tiles, pass));
    for (int64_t i = 0; i < b.tiles; i++) kernels->gate_backward_run(&b, case_order(i, b.tiles, pass));
    return r;
}

static void release_level(const struct gate_data *d, struct gate_result *r) {
    int64_t size = d->n * d->hw * d->c;
    case_release(r->y, size), case_release(r->dx, size), case_release(r->dgate, d->n * d->c);
}

static void check_plain(const struct gate_data *d, const struct gate_result *r) {
    for (int64_t i = 0; i < d->n * d->c; i++) {
        double sum = 0, size = 0, factor = d->gate[i];
        for (int64_t p = 0; p < d->hw; p++) {
            int64_t j = (i / d->c * d->hw + p) * d->c + i % d->c;
            case_close("y", j, r->y[j], factor * d->x[j], fabs(factor * d->x[j]), 1e-7);
            case_close("dx", j, r->dx[j], factor * d->dy[j], fabs(factor * d->dy[j]), 1e-7);
            sum += (double)d->dy[j] * d->x[j], size += fabs((double)d->dy[j] * d->x[j]);
        }
        case_close("dgate", i, r->dgate[i], sum, size, 7e-6);
    }
}

static void gate_case(int64_t n, int64_t hw, int64_t c) {
    struct gate_data d = {n,
                          hw,
                          c,
                          case_input(n * hw * c, -2.0f, 3.0f, 1),
                          case_input(n * hw * c, -1.0f, 1.0f, 2),
                          case_input(n * c, 0.0f, 1.0f, 3)};
    struct gate_result plain = run_level(kernels_of(ISA_PLAIN), &d, 0);
    check_plain(&d, &plain);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        struct gate_result r = run_level(kernels, &d, 1 + isa);
        case_equal("y", r.y, plain.y, n * hw * c), case_equal("dx", r.dx, plain.dx, n * hw * c);
        case_equal("dgate", r.dgate, plain.dgate, n * c);
        release_level(&d, &r);
    }
    release_level(&d, &plain);
    free(d.x), free(d.dy), free(d.gate);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33, 96, 255, 256, 257, 300, 960};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) gate_case(2, 13, channels[i]);
}

static void test_pixels(void **state) {
    static const int64_t pixels[] = {1, 2, 3, 4, 5, 49, 111, 112, 113, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) gate_case(3, pixels[i], 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_pixels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
