/* test_winograd.c — 3x3 convolutions by Winograd's transforms: near dull loops in double, equal bits at every level, in any
 * order of tiles and for any number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct winograd_case {
    int64_t n, h, w, c, k;
    int pad[4]; /* top, left, bottom, right */
    enum act act;
    bool bias, add, add_first;
};

struct numbers {
    float *x, *w, *bias, *add;
    int64_t out;
    double *y, *size; /* expected, and the sum of its terms' magnitudes */
};

static struct conv_shape shape_of(const struct winograd_case *t) {
    struct conv_shape s = {.n = t->n, .h = t->h, .w = t->w, .c = t->c, .k = t->k, .r = 3, .s = 3, .groups = 1};
    s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
    s.pad_top = t->pad[0], s.pad_left = t->pad[1];
    s.p = t->h + t->pad[0] + t->pad[2] - 2, s.q = t->w + t->pad[1] + t->pad[3] - 2;
    return s;
}

static void expect(const struct winograd_case *t, const struct conv_shape *s, struct numbers *a) {
    for (int64_t i = 0; i < a->out; i++) {
        int64_t k = i % s->k, q = i / s->k % s->q, p = i / (s->k * s->q) % s->p, n = i / (s->k * s->q * s->p);
        double sum = 0, size = 0;
        for (int tap = 0; tap < 9; tap++) {
            int64_t h = p - s->pad_top + tap / 3, w = q - s->pad_left + tap % 3;
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
            for (int64_t c = 0; c < s->c; c++) {
                double term = (double)a->x[((n * s->h + h) * s->w + w) * s->c + c] * (double)a->w[(tap * s->c + c) * s->k + k];
                sum += term, size += fabs(term);
            }
        }
        double add = t->add ? (double)a->add[i] : 0;
        sum += (t->bias ? (double)a->bias[k] : 0) + (t->add_first ? add : 0);
        a->y[i] = act_value(t->act, sum) + (t->add_first ? 0 : add);
        a->size[i] = size + fabs(add) + 1;
    }
}

static float *run(const struct kernels *kernels, const struct winograd_case *t, const struct numbers *a, int side,
                  int threads) {
    struct conv_shape s = shape_of(t);
    struct pack_job pack = {.s = s, .direction = PACK_FORWARD, .w = a->w};
    int64_t panels = (int64_t)(kernels->packed_bytes(&s, pack.direction) / sizeof(float));
    float *packed = case_output(panels), *y = case_output(a->out);
    pack.packed = packed;
    kernels->pack_plan(&pack);
    for (int64_t i = 0; i < pack.tiles; i++) kernels->pack_run(&pack, pack.tiles - 1 - i);
    struct conv_forward job = {.s = s, .in = {.x = a->x}, .winograd = side, .packed = packed, .act = t->act, .y = y};
    job.bias = t->bias ? a->bias : NULL, job.add = t->add ? a->add : NULL, job.add_first = t->add_first;
    size_t bytes = kernels->conv_forward_plan(&job, threads);
    for (int64_t i = 0; i < job.tiles; i++) {
        void *scratch = case_scratch(bytes); /* NaN, and guarded */
        kernels->conv_forward_run(&job, case_order(i, job.tiles, threads), scratch);
        case_scratch_release(scratch, bytes);
    }
    case_release(packed, panels);
    return y;
}

static double worst[5]; /* by side: error of what the terms' magnitudes sum up to */

static void try_side(const struct winograd_case *t, const struct numbers *a, int side) {
    float *plain = run(kernels_of(ISA_PLAIN), t, a, side, 1);
    for (int64_t i = 0; i < a->out; i++) {
        double error = fabs((double)plain[i] - a->y[i]) / a->size[i];
        if (error > worst[side]) worst[side] = error;
        case_close("y", i, plain[i], a->y[i], a->size[i], side == 2 ? 1e-6 : 4e-6);
    }
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (!case_level(isa)) continue;
        for (int threads = 1; threads <= 3; threads++) {
            float *y = run(case_level(isa), t, a, side, threads);
            case_equal("y", y, plain, a->out);
            case_release(y, a->out);
        }
    }
    case_release(plain, a->out);
}

static void try_case(struct winograd_case t) {
    struct conv_shape s = shape_of(&t);
    struct numbers a = {.out = s.n * s.p * s.q * s.k};
    assert_true(winograd_takes(&s));
    a.x = case_input(s.n * s.h * s.w * s.c, -1.0f, 2.0f, 1), a.w = case_input(9 * s.c * s.k, -1.0f, 1.0f, 2);
    a.bias = case_input(s.k, -1.0f, 1.0f, 3), a.add = case_input(a.out, -1.0f, 1.0f, 4);
    a.y = malloc((size_t)a.out * sizeof *a.y), a.size = malloc((size_t)a.out * sizeof *a.size);
    assert_non_null(a.y);
    assert_non_null(a.size);
    expect(&t, &s, &a);
    for (int side = 2; side <= 4; side += 2) try_side(&t, &a, side);
    free(a.x), free(a.w), free(a.bias), free(a.add), free(a.y), free(a.size);
}

static void test_borders(void **state) {
    (void)state;
    for (int64_t h = 1; h <= 9; h += 2)
        for (int64_t w = 2; w <= 10; w += 2)
            try_case((struct winograd_case){.n = 2, .h = h, .w = w, .c = 3, .k = 5, .pad = {1, 1, 1, 1}});
    try_case((struct winograd_case){.n = 1, .h = 6, .w = 7, .c = 4, .k = 4});
    try_case((struct winograd_case){.n = 1, .h = 6, .w = 7, .c = 4, .k = 4, .pad = {0, 1, 2, 0}});
    try_case((struct winograd_case){.n = 1, .h = 5, .w = 5, .c = 4, .k = 4, .pad = {2, 2, 2, 2}});
}

static void test_channels(void **state) {
    static const int64_t sizes[] = {1, 7, 8, 16, 17, 31, 32, 33, 48, 70};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = i % 2; j < sizeof sizes / sizeof *sizes; j += 2)
            try_case((struct winograd_case){.n = 1, .h = 5, .w = 6, .c = sizes[i], .k = sizes[j], .pad = {1, 1, 1, 1}});
}

static void test_stores(void **state) {
    static const enum act acts[] = {ACT_NONE, ACT_RELU, ACT_RELU6};
    (void)state;
    for (int bits = 0; bits < 24; bits++)
        try_case((struct winograd_case){.n = 2,
                                        .h = 7,
                                        .w = 9,
                                        .c = 20,
                                        .k = 37,
                                        .pad = {1, 1, 1, 1},
                                        .act = acts[bits % 3],
                                        .bias = bits / 3 & 1,
                                        .add = bits / 3 & 6,
                                        .add_first = bits / 3 & 4});
}

/* Several blocks of tiles, weights that are shared out by columns, depths whose stride would be a multiple of 2 KiB. */
static void test_large(void **state) {
    (void)state;
    try_case((struct winograd_case){.n = 2, .h = 30, .w = 29, .c = 16, .k = 40, .pad = {1, 1, 1, 1}, .bias = true});
    try_case((struct winograd_case){.n = 3, .h = 6, .w = 8, .c = 512, .k = 100, .pad = {1, 1, 1, 1}, .bias = true});
}

static int report(void **state) {
    (void)state;
    print_message("error of the terms' magnitudes: 2x2 %.2g, 4x4 %.2g\n", worst[2], worst[4]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_borders), cmocka_unit_test(test_channels),
                                       cmocka_unit_test(test_stores), cmocka_unit_test(test_large)};
    return cmocka_run_group_tests(tests, NULL, report);
}
