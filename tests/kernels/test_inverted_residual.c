/* test_inverted_residual.c — the fused inverted residual and its first half: equal bits to the convolutions apart, and
 * right in double.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct block_case {
    int64_t n, h, w, c, hidden, k;
    int r, stride, pad; /* pad: before; behind follows from the output size */
    int64_t p, q;
    bool expand, add, bias;
    enum act act;
    int dense, dense_stride; /* the expansion is a dense convolution of this kernel; 0: 1x1 */
};

struct block_data {
    float *x, *expand, *expand_bias, *depthwise, *depthwise_bias, *project, *project_bias;
};

/* The expansion; a dense one reads an input that is dense_stride as large. */
static struct conv_shape expansion_of(const struct block_case *k) {
    struct conv_shape s = {k->n, k->h, k->w, k->c, k->h, k->w, k->hidden, 1, 1, 1, 1, 1, 1, 0, 0, 1};
    if (!k->dense) return s;
    s.h = k->h * k->dense_stride, s.w = k->w * k->dense_stride - (k->dense_stride - 1);
    s.r = s.s = k->dense, s.stride_h = s.stride_w = k->dense_stride, s.pad_top = s.pad_left = k->dense / 2;
    return s;
}

static struct block_data block_open(const struct block_case *k) {
    struct block_data d;
    struct conv_shape s = expansion_of(k);
    d.x = case_input(s.n * s.h * s.w * s.c, -2.0f, 2.0f, 1);
    d.expand = case_input(s.r * s.s * s.c * s.k, -1.0f, 1.0f, 2), d.expand_bias = case_input(k->hidden, -1.0f, 1.0f, 3);
    d.depthwise = case_input((int64_t)k->r * k->r * k->hidden, -1.0f, 1.0f, 4);
    d.depthwise_bias = case_input(k->hidden, -1.0f, 1.0f, 5);
    d.project = case_input(k->hidden * k->k, -1.0f, 1.0f, 6), d.project_bias = case_input(k->k, -1.0f, 1.0f, 7);
    return d;
}
static void block_close(struct block_data *d) {
    free(d->x), free(d->expand), free(d->expand_bias), free(d->depthwise), free(d->depthwise_bias);
    free(d->project), free(d->project_bias);
}

static struct conv_shape pointwise(int64_t n, int64_t h, int64_t w, int64_t c, int64_t k) {
    return (struct conv_shape){n, h, w, c, h, w, k, 1, 1, 1, 1, 1, 1, 0, 0, 1};
}

static float *pack(const struct kernels *kernels, struct conv_shape s, const float *w) {
    size_t bytes = kernels->packed_bytes(&s, PACK_FORWARD);
    struct pack_job job = {.s = s, .direction = PACK_FORWARD, .w = w, .packed = case_scratch(bytes)};
    kernels->pack_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pack_run(&job, i);
    return job.packed;
}

/* ---- the three convolutions, one after the other ---- */

static void run_conv(const struct kernels *kernels, struct conv_forward *job) {
    size_t bytes = kernels->conv_forward_plan(job, 1);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job->tiles; i++) kernels->conv_forward_run(job, i, scratch);
    case_scratch_release(scratch, bytes);
}

/* A residual is of x, or of what the dense convolution made. */
static void run_apart(const struct kernels *kernels, const struct block_case *k, const struct block_data *d, float *y) {
    int64_t inner = k->n * k->h * k->w * k->hidden, outer = k->n * k->p * k->q * k->hidden;
    float *expanded = case_output(inner), *middle = case_output(outer);
    if (k->expand) {
        struct conv_forward job = {.s = expansion_of(k), .in = {.x = d->x}, .act = k->act};
        job.packed = pack(kernels, job.s, d->expand), job.bias = k->bias ? d->expand_bias : NULL, job.y = expanded;
        run_conv(kernels, &job);
        free((void *)(uintptr_t)job.packed);
    }
    struct depthwise_forward dw = {
        .in = {.x = k->expand ? expanded : d->x}, .w = d->depthwise, .act = k->act, .y = middle};
    dw.s = (struct conv_shape){k->n, k->h,      k->w,      k->hidden, k->p, k->q,   k->hidden, k->r,
                               k->r, k->stride, k->stride, 1,         1,    k->pad, k->pad,    (int)k->hidden};
    dw.bias = k->bias ? d->depthwise_bias : NULL;
    size_t bytes = kernels->depthwise_forward_plan(&dw, 1);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < dw.tiles; i++) kernels->depthwise_forward_run(&dw, i, scratch);
    case_scratch_release(scratch, bytes);
    struct conv_forward job = {.s = pointwise(k->n, k->p, k->q, k->hidden, k->k), .in = {.x = middle}, .y = y};
    job.packed = pack(kernels, job.s, d->project), job.bias = k->bias ? d->project_bias : NULL;
    job.add = k->add ? k->dense ? expanded : d->x : NULL;
    run_conv(kernels, &job);
    free((void *)(uintptr_t)job.packed);
    case_release(expanded, inner), case_release(middle, outer);
}

/* ---- the fused kernel ---- */

static void run_fused(const struct kernels *kernels, const struct block_case *k, const struct block_data *d, float *y,
                      int threads, int pass) {
    struct inverted_residual job = {
        .n = k->n, .h = k->h, .w = k->w, .c = k->c, .hidden = k->hidden, .p = k->p, .q = k->q};
    job.k = k->k, job.r = k->r, job.stride = k->stride, job.pad_top = job.pad_left = k->pad,
    job.act = job.expand_act = k->act;
    job.x = d->x, job.depthwise = d->depthwise, job.y = y, job.add = k->add;
    job.expand = k->expand ? pack(kernels, expansion_of(k), d->expand) : NULL;
    if (k->dense) job.dense = expansion_of(k);
    job.project = pack(kernels, pointwise(k->n, k->p, k->q, k->hidden, k->k), d->project);
    if (k->bias) {
        job.expand_bias = d->expand_bias, job.depthwise_bias = d->depthwise_bias, job.project_bias = d->project_bias;
    }
    size_t bytes = kernels->inverted_residual_plan(&job, threads);
    void *scratch = case_scratch(bytes);
    job.shared = job.shared_floats ? case_output(job.shared_floats) : NULL;
    assert_true(job.phases > 1 || !job.shared);
    for (int64_t phase = 0; phase < job.phases; phase++) {
        for (int64_t i = 0; i < job.tiles; i++) {
            kernels->inverted_residual_run(&job, phase, case_order(i, job.tiles, pass), scratch);
        }
    }
    if (job.shared) case_release(job.shared, job.shared_floats);
    case_scratch_release(scratch, bytes);
    free((void *)(uintptr_t)job.expand), free((void *)(uintptr_t)job.project);
}

/* ---- the same without a projection: the first half, and its sums ---- */

static void run_half_apart(const struct kernels *kernels, const struct block_case *k, const struct block_data *d,
                           float *y, float *sums) {
    int64_t inner = k->n * k->h * k->w * k->hidden;
    float *expanded = case_output(inner);
    if (k->expand) {
        struct conv_forward job = {.s = expansion_of(k), .in = {.x = d->x}, .act = k->act};
        job.packed = pack(kernels, job.s, d->expand), job.bias = k->bias ? d->expand_bias : NULL, job.y = expanded;
        run_conv(kernels, &job);
        free((void *)(uintptr_t)job.packed);
    }
    struct depthwise_forward dw = {
        .in = {.x = k->expand ? expanded : d->x}, .w = d->depthwise, .act = k->act, .y = y, .stats = sums};
    dw.s = (struct conv_shape){k->n, k->h,      k->w,      k->hidden, k->p, k->q,   k->hidden, k->r,
                               k->r, k->stride, k->stride, 1,         1,    k->pad, k->pad,    (int)k->hidden};
    dw.bias = k->bias ? d->depthwise_bias : NULL;
    size_t bytes = kernels->depthwise_forward_plan(&dw, 1);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < dw.tiles; i++) kernels->depthwise_forward_run(&dw, i, scratch);
    case_scratch_release(scratch, bytes);
    case_release(expanded, inner);
}

static void run_half(const struct kernels *kernels, const struct block_case *k, const struct block_data *d, float *y,
                     float *sums, int pass) {
    struct inverted_residual job = {
        .n = k->n, .h = k->h, .w = k->w, .c = k->c, .hidden = k->hidden, .p = k->p, .q = k->q};
    job.r = k->r, job.stride = k->stride, job.pad_top = job.pad_left = k->pad, job.act = job.expand_act = k->act;
    job.x = d->x, job.depthwise = d->depthwise, job.y = y, job.sums = sums;
    job.expand = k->expand ? pack(kernels, expansion_of(k), d->expand) : NULL;
    if (k->dense) job.dense = expansion_of(k);
    if (k->bias) job.expand_bias = d->expand_bias, job.depthwise_bias = d->depthwise_bias;
    size_t bytes = kernels->inverted_residual_plan(&job, 1 + pass);
    void *scratch = case_scratch(bytes);
    assert_int_equal(job.phases, 1);
    for (int64_t i = 0; i < job.tiles; i++)
        kernels->inverted_residual_run(&job, 0, case_order(i, job.tiles, pass), scratch);
    case_scratch_release(scratch, bytes);
    free((void *)(uintptr_t)job.expand);
}

/* Every level, number of threads and order against the two convolutions apart, whose sums are those of training. */
static void half_case(const struct block_case *k, const struct block_data *d) {
    int64_t count = k->n * k->p * k->q * k->hidden, sums_count = strip_count(k->n, k->p, k->q) * 2 * k->hidden;
    float *apart = case_output(count), *sums_apart = case_output(sums_count);
    run_half_apart(kernels_of(ISA_PLAIN), k, d, apart, sums_apart);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int pass = 0; kernels && pass < 3; pass++) {
            float *y = case_output(count), *sums = case_output(sums_count);
            run_half(kernels, k, d, y, sums, pass);
            case_equal("y of the first half", y, apart, count);
            case_equal("sums of the first half", sums, sums_apart, sums_count);
            case_release(y, count), case_release(sums, sums_count);
        }
    }
    case_release(apart, count), case_release(sums_apart, sums_count);
}

/* ---- the meaning, in double ---- */

static double hidden_value(const struct block_case *k, const struct block_data *d, int64_t pixel, int64_t j) {
    if (!k->expand) return (double)d->x[pixel * k->c + j];
    struct conv_shape s = expansion_of(k);
    double sum = k->bias ? (double)d->expand_bias[j] : 0.0;
    for (int tap = 0; tap < s.r * s.s; tap++) {
        int64_t h = pixel / s.q % s.p * s.stride_h + tap / s.s - s.pad_top,
                w = pixel % s.q * s.stride_w + tap % s.s - s.pad_left;
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        const float *x = d->x + ((pixel / (s.p * s.q) * s.h + h) * s.w + w) * s.c;
        for (int64_t c = 0; c < s.c; c++) sum += (double)x[c] * d->expand[(tap * s.c + c) * s.k + j];
    }
    return act_value(k->act, sum);
}

static double middle_value(const struct block_case *k, const struct block_data *d, const double *hidden,
                           const int64_t at[3], int64_t j) {
    double sum = k->bias ? (double)d->depthwise_bias[j] : 0.0;
    for (int tap = 0; tap < k->r * k->r; tap++) {
        int64_t h = at[1] * k->stride + tap / k->r - k->pad, w = at[2] * k->stride + tap % k->r - k->pad;
        if (h < 0 || h >= k->h || w < 0 || w >= k->w) continue;
        sum += hidden[((at[0] * k->h + h) * k->w + w) * k->hidden + j] * d->depthwise[tap * k->hidden + j];
    }
    return act_value(k->act, sum);
}

static void check_double(const struct block_case *k, const struct block_data *d, const float *y) {
    int64_t inner = k->n * k->h * k->w * k->hidden;
    double *hidden = malloc((size_t)(inner + k->hidden) * sizeof *hidden), *middle = hidden + inner;
    assert_non_null(hidden);
    for (int64_t i = 0; i < inner; i++) hidden[i] = hidden_value(k, d, i / k->hidden, i % k->hidden);
    for (int64_t i = 0; i < k->n * k->p * k->q; i++) {
        int64_t at[3] = {i / k->q / k->p, i / k->q % k->p, i % k->q};
        for (int64_t j = 0; j < k->hidden; j++) middle[j] = middle_value(k, d, hidden, at, j);
        for (int64_t o = 0; o < k->k; o++) {
            double sum = k->bias ? (double)d->project_bias[o] : 0.0, size = 10.0 + 5.0 * (double)k->hidden;
            for (int64_t j = 0; j < k->hidden; j++) sum += middle[j] * d->project[j * k->k + o];
            if (k->add) sum += k->dense ? hidden[i * k->hidden + o] : (double)d->x[i * k->c + o];
            case_close("y", i * k->k + o, y[i * k->k + o], sum, size, 2e-6);
        }
    }
    free(hidden);
}

/* Against double at the plain level, then every level, number of threads and order against the convolutions apart. */
static void block_case(struct block_case k) {
    if (!k.p) k.p = (k.h + 2 * k.pad - k.r) / k.stride + 1;
    if (!k.q) k.q = (k.w + 2 * k.pad - k.r) / k.stride + 1;
    struct block_data d = block_open(&k);
    int64_t count = k.n * k.p * k.q * k.k;
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
    half_case(&k, &d);
    block_close(&d);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        int64_t c = channels[i];
        block_case((struct block_case){1, 7, 7, c, 6 * c, c, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
        block_case((struct block_case){1, 17, 15, c, 6 * c, c + 1, 3, 2, 1, 0, 0, true, false, true, ACT_RELU6, 0, 0});
    }
}

static void test_options(void **state) {
    (void)state;
    for (int v = 0; v < 8 * ACT_COUNT; v++) {
        struct block_case k = {1, 15, 16, 10, 20, 10, 3, 1, 1, 0, 0, v & 1, v & 2, v & 4, (enum act)(v / 8 % ACT_COUNT),
                               0, 0};
        if (!k.expand) k.hidden = k.c;
        block_case(k);
        k.h = k.w = 5, k.p = k.q = 0;
        block_case(k);
    }
}

static void test_kernels(void **state) {
    (void)state;
    for (int stride = 1; stride < 3; stride++) {
        for (int r = 3; r < 8; r += 2) {
            block_case(
                (struct block_case){1, 9, 8, 5, 30, 7, r, stride, r / 2, 0, 0, true, false, true, ACT_RELU, 0, 0});
            block_case(
                (struct block_case){1, 18, 19, 5, 30, 7, r, stride, r / 2, 0, 0, true, false, true, ACT_RELU, 0, 0});
        }
    }
    /* TensorFlow's SAME */
    block_case((struct block_case){1, 8, 8, 6, 36, 6, 3, 2, 0, 4, 4, true, false, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 20, 22, 6, 36, 6, 3, 2, 0, 10, 11, true, false, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 20, 22, 6, 36, 6, 5, 2, 1, 10, 11, true, false, true, ACT_RELU6, 0, 0});
}

/* Sizes at which bands, groups, pairs of images and phases begin. */
static void test_sizes(void **state) {
    (void)state;
    block_case((struct block_case){1, 14, 14, 16, 200, 20, 3, 1, 1, 0, 0, true, false, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 14, 14, 16, 200, 40, 3, 2, 1, 0, 0, true, false, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){13, 7, 7, 8, 104, 8, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){2, 28, 28, 8, 48, 8, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 28, 28, 8, 200, 8, 5, 1, 2, 0, 0, true, true, true, ACT_HARDSWISH, 0, 0});
    block_case((struct block_case){1, 28, 27, 8, 200, 8, 5, 2, 2, 0, 0, true, false, true, ACT_SILU, 0, 0});
    block_case((struct block_case){5, 16, 13, 8, 48, 8, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 3, 120, 8, 8, 8, 3, 2, 1, 0, 0, false, false, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 120, 3, 4, 24, 4, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
    block_case((struct block_case){1, 1, 1, 16, 96, 16, 3, 1, 1, 0, 0, true, true, true, ACT_RELU6, 0, 0});
}

/* A network's first convolution inside the block after it. */
static void test_dense(void **state) {
    static const int64_t widths[] = {15, 20, 33, 112};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct block_case k = {2, 17, widths[i], 3, 32, 16, 3, 1, 1, 0, 0, true, false, true, ACT_RELU6, 3, 2};
        assert_true(block_takes(&(struct conv_shape){.p = k.h, .q = k.w, .k = k.hidden, .groups = 1}));
        block_case(k);
        k.add = true, k.hidden = k.k, k.act = ACT_HARDSWISH;
        block_case(k);
        k.r = 5, k.pad = 2, k.dense_stride = 1;
        block_case(k);
        k.add = false, k.r = 3, k.pad = 1, k.act = ACT_RELU6;
        k.stride = 2, k.dense_stride = 1, k.hidden = 16, k.c = 5, k.p = k.q = 0;
        block_case(k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_options),
                                       cmocka_unit_test(test_kernels), cmocka_unit_test(test_sizes),
                                       cmocka_unit_test(test_dense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
