/* test_gate.c — gates, forward and backward, against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct gate_data {
    int64_t n, hw, c;
    float *x, *dy, *gate, *scale, *shift;
    struct load_view in;
};
struct gate_result {
    float *y, *dx, *dgate;
};

static struct gate_result run_level(const struct kernels *kernels, const struct gate_data *d, int pass) {
    int64_t size = d->n * d->hw * d->c;
    struct gate_result r = {case_output(size), case_output(size), case_output(d->n * d->c)};
    struct gate_forward f = {.n = d->n, .hw = d->hw, .c = d->c, .in = d->in, .gate = d->gate, .y = r.y};
    struct gate_backward b = {.n = d->n, .hw = d->hw, .c = d->c, .dy = d->dy, .in = d->in, .gate = d->gate};
    b.dx = d->in.scale ? NULL : r.dx, b.dgate = r.dgate; /* a viewed x has its gradient formed elsewhere */
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
            double x = act_value(d->in.act, case_view_linear(&d->in, d->x[j], i % d->c)), dy = d->dy[j];
            case_close("y", j, r->y[j], factor * x, fabs(factor * x) + (d->in.scale ? 1 : 0), 1e-6);
            if (!d->in.scale) case_close("dx", j, r->dx[j], factor * dy, fabs(factor * dy), 1e-7);
            sum += dy * x, size += fabs(dy * x) + 1e-3;
        }
        case_close("dgate", i, r->dgate[i], sum, size, 7e-6);
    }
}

static void gate_case(int64_t n, int64_t hw, int64_t c, bool view, enum act act) {
    struct gate_data d = {.n = n, .hw = hw, .c = c};
    d.x = case_input(n * hw * c, -2.0f, 3.0f, 1), d.dy = case_input(n * hw * c, -1.0f, 1.0f, 2);
    d.gate = case_input(n * c, 0.0f, 1.0f, 3);
    d.scale = case_input(c, -2.0f, 2.0f, 4), d.shift = case_input(c, -1.0f, 1.0f, 5);
    d.in = (struct load_view){.x = d.x, .scale = view ? d.scale : NULL, .shift = view ? d.shift : NULL, .act = act};
    struct gate_result plain = run_level(kernels_of(ISA_PLAIN), &d, 0);
    check_plain(&d, &plain);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        struct gate_result r = run_level(kernels, &d, 1 + isa);
        case_equal("y", r.y, plain.y, n * hw * c), case_equal("dgate", r.dgate, plain.dgate, n * c);
        if (!view) case_equal("dx", r.dx, plain.dx, n * hw * c);
        release_level(&d, &r);
    }
    release_level(&d, &plain);
    free(d.x), free(d.dy), free(d.gate), free(d.scale), free(d.shift);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33, 96, 255, 256, 257, 300, 960};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        gate_case(2, 13, channels[i], false, ACT_NONE);
        gate_case(2, 13, channels[i], true, ACT_SILU);
    }
}

static void test_pixels(void **state) {
    static const int64_t pixels[] = {1, 2, 3, 4, 5, 49, 111, 112, 113, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) {
        gate_case(3, pixels[i], 40, false, ACT_NONE);
        gate_case(3, pixels[i], 40, true, ACT_HARDSWISH);
    }
}

static void test_views(void **state) {
    (void)state;
    for (int act = 0; act < ACT_COUNT; act++) gate_case(2, 130, 21, true, (enum act)act);
}

/* ---- a gate in the load of a 1x1 convolution ---- */

/* y = (act(scale*x + shift) * gate) * w: by the load, or of a tensor that gate_forward stored. */
static float *product(const struct kernels *kernels, const struct conv_shape *s, const struct gate_data *d,
                      const float *w, bool in_load, int threads) {
    struct pack_job pack = {.s = *s, .direction = PACK_FORWARD, .w = w};
    int64_t panels = (int64_t)(kernels->packed_bytes(s, PACK_FORWARD) / sizeof(float)), size = d->n * d->hw * d->c;
    pack.packed = case_output(panels);
    kernels->pack_plan(&pack);
    for (int64_t i = 0; i < pack.tiles; i++) kernels->pack_run(&pack, i);
    float *gated = case_output(size), *y = case_output(d->n * d->hw * s->k);
    struct gate_forward gate = {.n = d->n, .hw = d->hw, .c = d->c, .in = d->in, .gate = d->gate, .y = gated};
    kernels->gate_forward_plan(&gate);
    for (int64_t i = 0; i < gate.tiles; i++) kernels->gate_forward_run(&gate, i);
    struct conv_forward job = {.s = *s, .in = {.x = gated}, .packed = pack.packed, .y = y};
    if (in_load) job.in = d->in, job.in.gate = d->gate;
    size_t bytes = kernels->conv_forward_plan(&job, threads);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job.tiles; i++) kernels->conv_forward_run(&job, case_order(i, job.tiles, threads), scratch);
    case_scratch_release(scratch, bytes);
    case_release(pack.packed, panels), case_release(gated, size);
    return y;
}

static void load_case(int64_t n, int64_t h, int64_t w, int64_t c, int64_t k, bool view) {
    struct conv_shape s = {n, h, w, c, h, w, k, 1, 1, 1, 1, 1, 1, 0, 0, 1};
    struct gate_data d = {.n = n, .hw = h * w, .c = c};
    d.x = case_input(n * h * w * c, -2.0f, 2.0f, 1), d.gate = case_input(n * c, 0.0f, 1.0f, 3);
    d.scale = case_input(c, -2.0f, 2.0f, 4), d.shift = case_input(c, -1.0f, 1.0f, 5);
    float *weights = case_input(c * k, -1.0f, 1.0f, 6);
    d.in = (struct load_view){.x = d.x, .act = view ? ACT_SILU : ACT_NONE};
    if (view) d.in.scale = d.scale, d.in.shift = d.shift;
    float *stored = product(kernels_of(ISA_PLAIN), &s, &d, weights, false, 1);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        for (int threads = 1; case_level(isa) && threads < 4; threads++) {
            float *y = product(case_level(isa), &s, &d, weights, true, threads);
            case_equal("product", y, stored, n * h * w * k);
            case_release(y, n * h * w * k);
        }
    }
    case_release(stored, n * h * w * k);
    free(d.x), free(d.gate), free(d.scale), free(d.shift), free(weights);
}

static void gates_in_loads(void **state) {
    (void)state;
    for (int view = 0; view < 2; view++) {
        load_case(1, 1, 1, 1, 1, view);
        load_case(3, 5, 7, 21, 10, view);
        load_case(2, 14, 14, 96, 40, view);
        load_case(5, 7, 7, 530, 33, view); /* in two pieces of depth; tiles that meet several images */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gates_in_loads), cmocka_unit_test(test_channels),
                                       cmocka_unit_test(test_pixels), cmocka_unit_test(test_views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
