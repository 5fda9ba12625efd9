/* test_depthwise.c — depthwise convolution and its gradients against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct dw_case {
    struct conv_shape s;
    bool view, gradient_view, add, bias;
    enum act act; /* of the input view, and of the output */
};

static struct conv_shape shape_of(int64_t n, int64_t h, int64_t w, int64_t c, int kernel, int stride, int dilation) {
    struct conv_shape s = {.n = n, .h = h, .w = w, .c = c, .k = c, .r = kernel, .s = kernel, .groups = (int)c};
    s.stride_h = s.stride_w = stride, s.dilation_h = s.dilation_w = dilation;
    s.pad_top = s.pad_left = (kernel - 1) * dilation / 2;
    s.p = (h - 1) / stride + 1, s.q = (w - 1) / stride + 1;
    return s;
}

/* ---- forward ---- */

struct forward_data {
    float *x, *scale, *shift, *w, *bias;
    struct depthwise_forward job;
    int64_t outputs, stats;
};

static struct forward_data forward_open(const struct dw_case *k) {
    const struct conv_shape *s = &k->s;
    struct forward_data f = {.outputs = s->n * s->p * s->q * s->c};
    f.stats = strip_count(s->n, s->p, s->q) * 2 * s->c;
    f.x = case_input(s->n * s->h * s->w * s->c, -2.0f, 3.0f, 1);
    f.scale = case_input(s->c, -2.0f, 3.0f, 2), f.shift = case_input(s->c, -1.0f, 1.0f, 3);
    f.w = case_input(s->r * s->s * s->c, -1.0f, 1.0f, 4), f.bias = case_input(s->c, -1.0f, 2.0f, 5);
    f.job = (struct depthwise_forward){.s = *s, .in = {.x = f.x, .act = k->act}, .w = f.w, .act = k->act};
    if (k->view) f.job.in.scale = f.scale, f.job.in.shift = f.shift;
    if (k->bias) f.job.bias = f.bias;
    return f;
}

static void forward_close(struct forward_data *f) {
    free(f->x), free(f->scale), free(f->shift), free(f->w), free(f->bias);
}

static void forward_run(const struct kernels *kernels, struct depthwise_forward *job, int threads, int pass) {
    size_t bytes = kernels->depthwise_forward_plan(job, threads);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job->tiles; i++) {
        kernels->depthwise_forward_run(job, case_order(i, job->tiles, pass), scratch);
    }
    case_scratch_release(scratch, bytes);
}

static double forward_value(const struct depthwise_forward *job, int64_t n, int64_t p, int64_t q, int64_t c,
                            double *size) {
    const struct conv_shape *s = &job->s;
    double sum = 0.0;
    *size = 0.0;
    for (int r = 0; r < s->r; r++) {
        for (int t = 0; t < s->s; t++) {
            int64_t h = p * s->stride_h + r * s->dilation_h - s->pad_top;
            int64_t w = q * s->stride_w + t * s->dilation_w - s->pad_left;
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
            float x = case_at(job->in.x, ((n * s->h + h) * s->w + w) * s->c + c);
            double term =
                act_value(job->in.act, (double)case_view_linear(&job->in, x, c)) * job->w[(r * s->s + t) * s->c + c];
            sum += term, *size += fabs(term);
        }
    }
    if (job->bias) sum += job->bias[c], *size += fabs((double)job->bias[c]);
    double y = act_value(job->act, sum);
    *size = 1.5 * *size + fabs(y); /* no slope is steeper */
    return y;
}

static void check_strips(const char *what, const float *sums, const float *y, const float *factor,
                         const int64_t dims[4]) {
    int64_t strip = strip_rows(dims[2]), strips = (dims[1] + strip - 1) / strip, c = dims[3];
    for (int64_t i = 0; i < dims[0] * strips; i++) {
        int64_t from = (i / strips * dims[1] + i % strips * strip) * dims[2];
        int64_t to = (i / strips * dims[1] + (i % strips + 1) * strip) * dims[2];
        int64_t end = (i / strips + 1) * dims[1] * dims[2];
        for (int64_t k = 0; k < c; k++) {
            double sum = 0.0, product = 0.0, size = 0.0, square = 0.0;
            for (int64_t j = from; j < (to < end ? to : end); j++) {
                double v = y[j * c + k], f = factor[j * c + k];
                sum += v, product += v * f, size += fabs(v), square += fabs(v * f);
            }
            case_close(what, i * 2 * c + k, sums[i * 2 * c + k], sum, size, 7e-6);
            case_close(what, i * 2 * c + c + k, sums[(i * 2 + 1) * c + k], product, square, 7e-6);
        }
    }
}

static void check_forward(const struct forward_data *f) {
    const struct conv_shape *s = &f->job.s;
    for (int64_t i = 0; i < f->outputs; i++) {
        int64_t c = i % s->c, q = i / s->c % s->q, p = i / s->c / s->q % s->p, n = i / s->c / s->q / s->p;
        double size, expected = forward_value(&f->job, n, p, q, c, &size);
        case_close("y", i, case_at(f->job.y, i), expected, size, 1e-6);
    }
    check_strips("stats", f->job.stats, f->job.y, f->job.y, (int64_t[]){s->n, s->p, s->q, s->c});
}

static void forward_case(const struct dw_case *k) {
    struct forward_data f = forward_open(k);
    float *y = f.job.y = case_output(f.outputs), *stats = f.job.stats = case_output(f.stats);
    forward_run(kernels_of(ISA_PLAIN), &f.job, 1, 0);
    check_forward(&f);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int pass = 0; kernels && pass < 3; pass++) {
            f.job.y = case_output(f.outputs), f.job.stats = pass == 2 ? NULL : case_output(f.stats);
            forward_run(kernels, &f.job, 1 + 3 * pass, pass);
            case_equal("y", f.job.y, y, f.outputs);
            case_release(f.job.y, f.outputs);
            if (!f.job.stats) continue;
            case_equal("stats", f.job.stats, stats, f.stats);
            case_release(f.job.stats, f.stats);
        }
    }
    case_release(y, f.outputs), case_release(stats, f.stats);
    forward_close(&f);
}

/* ---- gradients ---- */

struct backward_data {
    float *x, *scale, *shift, *w, *g, *y, *a, *b, *c, *add;
    struct depthwise_backward job;
    int64_t inputs, sums, taps, parts;
};

static struct backward_data backward_open(const struct dw_case *k) {
    const struct conv_shape *s = &k->s;
    int64_t outputs = s->n * s->p * s->q * s->c;
    struct backward_data d = {.inputs = s->n * s->h * s->w * s->c, .taps = s->r * s->s * s->c};
    d.sums = strip_count(s->n, s->h, s->w) * 2 * s->c, d.parts = depthwise_chunks(s) * d.taps;
    d.x = case_input(d.inputs, -2.0f, 3.0f, 11), d.scale = case_input(s->c, -2.0f, 3.0f, 12);
    d.shift = case_input(s->c, -1.0f, 1.0f, 13), d.w = case_input(d.taps, -1.0f, 1.0f, 14);
    d.g = case_input(outputs, -1.0f, 1.0f, 15), d.y = case_input(outputs, -1.0f, 1.0f, 16);
    d.a = case_input(s->c, -1.0f, 1.0f, 17), d.b = case_input(s->c, -1.0f, 1.0f, 18);
    d.c = case_input(s->c, -1.0f, 1.0f, 19), d.add = case_input(d.inputs, -1.0f, 1.0f, 20);
    d.job = (struct depthwise_backward){.s = *s, .dy = {.g = d.g}, .in = {.x = d.x, .act = k->act}, .w = d.w};
    if (k->gradient_view) d.job.dy.y = d.y, d.job.dy.a = d.a, d.job.dy.b = d.b, d.job.dy.c = d.c;
    if (k->view) d.job.in.scale = d.scale, d.job.in.shift = d.shift;
    if (k->add) d.job.add = d.add;
    return d;
}

static void backward_close(struct backward_data *d) {
    free(d->x), free(d->scale), free(d->shift), free(d->w), free(d->g);
    free(d->y), free(d->a), free(d->b), free(d->c), free(d->add);
}

static void backward_outputs(struct backward_data *d, bool dx, bool sums, bool dw) {
    d->job.dx = dx ? case_output(d->inputs) : NULL;
    d->job.sums = sums ? case_output(d->sums) : NULL;
    d->job.dw = dw ? case_output(d->taps) : NULL;
    d->job.dw_parts = dw ? case_output(d->parts) : NULL;
}
static void backward_release(struct backward_data *d) {
    if (d->job.dx) case_release(d->job.dx, d->inputs);
    if (d->job.sums) case_release(d->job.sums, d->sums);
    if (d->job.dw) case_release(d->job.dw, d->taps), case_release(d->job.dw_parts, d->parts);
}

static void backward_run(const struct kernels *kernels, struct depthwise_backward *job, int threads, int pass) {
    size_t bytes = kernels->depthwise_backward_plan(job, threads);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job->tiles; i++) {
        kernels->depthwise_backward_run(job, case_order(i, job->tiles, pass), scratch);
    }
    for (int64_t i = 0; i < job->reduce_tiles; i++) {
        kernels->depthwise_backward_reduce(job, case_order(i, job->reduce_tiles, pass));
    }
    case_scratch_release(scratch, bytes);
}

static double gradient_value(const struct grad_view *dy, int64_t i, int64_t c) {
    return dy->y ? (double)dy->a[c] * case_at(dy->g, i) + (double)dy->b[c] * case_at(dy->y, i) + dy->c[c]
                 : (double)case_at(dy->g, i);
}

/* Scatter dy through the kernel, the dullest way. */
static void reference_backward(const struct depthwise_backward *job, double *dx, double *dx_size, double *dw,
                               double *dw_size) {
    const struct conv_shape *s = &job->s;
    for (int64_t i = 0; i < s->n * s->p * s->q * s->c; i++) {
        int64_t c = i % s->c, q = i / s->c % s->q, p = i / s->c / s->q % s->p, n = i / s->c / s->q / s->p;
        double dy = gradient_value(&job->dy, i, c);
        double bound = job->dy.y ? 3.0 : fabs(dy); /* what rounds inside the view counts as well */
        for (int tap = 0; tap < s->r * s->s; tap++) {
            int64_t h = p * s->stride_h + tap / s->s * s->dilation_h - s->pad_top;
            int64_t w = q * s->stride_w + tap % s->s * s->dilation_w - s->pad_left;
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
            int64_t at = ((n * s->h + h) * s->w + w) * s->c + c;
            double u = act_value(job->in.act, (double)case_view_linear(&job->in, case_at(job->in.x, at), c));
            dx[at] += dy * job->w[tap * s->c + c], dx_size[at] += bound * fabs((double)job->w[tap * s->c + c]);
            dw[tap * s->c + c] += dy * u, dw_size[tap * s->c + c] += bound * fabs(u);
        }
    }
}

static void check_backward(const struct backward_data *d) {
    const struct conv_shape *s = &d->job.s;
    double *dx = calloc((size_t)(2 * (d->inputs + d->taps)), sizeof *dx), *dx_size = dx + d->inputs;
    double *dw = dx_size + d->inputs, *dw_size = dw + d->taps;
    assert_non_null(dx);
    reference_backward(&d->job, dx, dx_size, dw, dw_size);
    for (int64_t i = 0; i < d->inputs; i++) {
        double expected = dx[i] + (d->job.add ? (double)case_at(d->job.add, i) : 0.0);
        expected *= act_slope(d->job.in.act, (double)case_view_linear(&d->job.in, d->x[i], i % s->c));
        case_close("dx", i, case_at(d->job.dx, i), expected, 1.5 * (dx_size[i] + 1.0), 1e-6);
    }
    for (int64_t i = 0; i < d->taps; i++) case_close("dw", i, d->job.dw[i], dw[i], dw_size[i], 7e-6);
    check_strips("sums", d->job.sums, d->job.dx, d->x, (int64_t[]){s->n, s->h, s->w, s->c});
    free(dx);
}

/* Every level, tile order and number of threads, and every choice of outputs. */
static void backward_case(const struct dw_case *k) {
    struct backward_data d = backward_open(k), e = d;
    backward_outputs(&d, true, true, true);
    backward_run(kernels_of(ISA_PLAIN), &d.job, 1, 0);
    check_backward(&d);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int pass = 0; kernels && pass < 4; pass++) {
            backward_outputs(&e, pass != 2, pass < 2, pass != 3);
            backward_run(kernels, &e.job, 1 + 3 * pass, pass);
            if (e.job.dx) case_equal("dx", e.job.dx, d.job.dx, d.inputs);
            if (e.job.sums) case_equal("sums", e.job.sums, d.job.sums, d.sums);
            if (e.job.dw) case_equal("dw", e.job.dw, d.job.dw, d.taps);
            backward_release(&e);
        }
    }
    backward_release(&d);
    backward_close(&d);
}

/* ---- cases ---- */

static void both(struct conv_shape s, int variant) {
    struct dw_case k = {
        .s = s, .view = variant & 1, .gradient_view = variant & 2, .add = variant & 4, .bias = variant & 8};
    k.act = (enum act)(variant / 16 % ACT_COUNT);
    forward_case(&k);
    backward_case(&k);
}

static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33, 96, 144};
enum { CHANNELS = sizeof channels / sizeof *channels };

static void test_channels(void **state) {
    (void)state;
    for (int i = 0; i < CHANNELS; i++) {
        both(shape_of(2, 9, 7, channels[i], 3, 1, 1), 47);
        both(shape_of(2, 9, 8, channels[i], 3, 2, 1), 47);
        both(shape_of(1, 7, 9, channels[i], 5, 1, 1), 47);
        both(shape_of(1, 10, 9, channels[i], 5, 2, 1), 47);
    }
}

static void test_views(void **state) {
    (void)state;
    for (int variant = 0; variant < 16 * ACT_COUNT; variant++)
        both(shape_of(2, 6, 7, 20, 3, 1 + variant % 2, 1), variant);
}

/* TensorFlow's SAME: the odd pixel of padding lies behind. */
static void test_asymmetric_padding(void **state) {
    (void)state;
    for (int64_t size = 4; size < 9; size++) {
        struct conv_shape s = shape_of(1, size, size + 3, 17, 3, 2, 1);
        s.pad_top = s.pad_left = 0;
        both(s, 47);
        s = shape_of(1, size, size + 1, 17, 5, 2, 1);
        s.pad_top = s.pad_left = 1;
        both(s, 47);
        s = shape_of(1, size, size, 5, 5, 1, 1);
        s.pad_top = 3, s.pad_left = 0, s.p += 1, s.q -= 1;
        both(s, 47);
    }
}

static void test_any_kernel(void **state) {
    (void)state;
    both(shape_of(1, 9, 8, 17, 3, 1, 2), 47);
    both(shape_of(1, 12, 13, 17, 5, 1, 3), 47);
    both(shape_of(1, 12, 13, 17, 3, 2, 2), 47); /* stride and dilation */
    both(shape_of(2, 11, 9, 24, 7, 1, 1), 47);
    both(shape_of(1, 11, 9, 24, 7, 2, 1), 47);
    for (int64_t w = 1; w < 16; w++) both(shape_of(1, 8, w, 20, 7, 1 + (int)(w % 2), 1), (int)(w * 3));
    both(shape_of(1, 9, 9, 9, 1, 1, 1), 47);
    both(shape_of(1, 9, 9, 9, 1, 2, 1), 47); /* rows and columns that no output reads */
    both(shape_of(1, 9, 9, 9, 2, 3, 1), 47);
    struct conv_shape s = shape_of(1, 9, 12, 18, 3, 1, 1);
    s.s = 5, s.stride_w = 2, s.q = 6, s.dilation_h = 2, s.pad_top = 2, s.pad_left = 2;
    both(s, 47);
}

static void test_sizes(void **state) {
    (void)state;
    for (int64_t h = 1; h < 6; h++) {
        for (int64_t w = 1; w < 11; w++) both(shape_of(1, h, w, 16, 3, 1 + (int)(w % 2), 1), 47);
    }
    both(shape_of(1, 1, 1, 33, 5, 1, 1), 47);
}

/* Maps large enough for bands, groups of channels, several strips in a band, several images in a chunk. */
static void test_large(void **state) {
    (void)state;
    both(shape_of(1, 40, 30, 160, 3, 1, 1), 47);
    both(shape_of(1, 81, 80, 24, 3, 1, 1), 47);
    both(shape_of(1, 113, 115, 8, 5, 2, 1), 47);
    both(shape_of(18, 5, 4, 16, 3, 2, 1), 47);
    both(shape_of(1, 5, 120, 260, 3, 1, 1), 47);
}

/* More than 16 MiB, stored past the caches: too much for loops in double, so the levels against the plain one. */
static void past_the_caches(enum act act) {
    struct dw_case k = {.s = shape_of(1, 151, 152, 192, 3, 1, 1), .view = true, .gradient_view = true, .act = act};
    struct forward_data f = forward_open(&k);
    struct backward_data d = backward_open(&k), e = d;
    float *plain = case_output(f.outputs), *y = case_output(f.outputs);
    f.job.y = plain;
    forward_run(kernels_of(ISA_PLAIN), &f.job, 1, 0);
    backward_outputs(&d, true, true, true), backward_outputs(&e, true, true, true);
    backward_run(kernels_of(ISA_PLAIN), &d.job, 1, 0);
    for (int isa = 1; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        f.job.y = y;
        forward_run(kernels, &f.job, 1, 1);
        backward_run(kernels, &e.job, 1, 1);
        case_equal("y", y, plain, f.outputs);
        case_equal("dx", e.job.dx, d.job.dx, d.inputs), case_equal("sums", e.job.sums, d.job.sums, d.sums);
        case_equal("dw", e.job.dw, d.job.dw, d.taps);
    }
    case_release(plain, f.outputs), case_release(y, f.outputs);
    backward_release(&d), backward_release(&e);
    forward_close(&f), backward_close(&d);
}

static void test_past_the_caches(void **state) {
    (void)state;
    past_the_caches(ACT_RELU6);
    past_the_caches(ACT_SILU);
}

/* A guard that sees nothing would let every case pass. */
static void test_guards_see(void **state) {
    (void)state;
    float *x = case_output(8);
    assert_true(isnan(x[0]) && isnan(x[7]) && x[-1] == guard_value && x[8] == guard_value);
    case_release(x, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guards_see), cmocka_unit_test(test_channels),
        cmocka_unit_test(test_views),      cmocka_unit_test(test_asymmetric_padding),
        cmocka_unit_test(test_any_kernel), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_past_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
