/* test_bf16_kernels.c — kernels whose tensors are bf16: at every level and in every mixture of f32 and bf16 they make what the
 * plain f32 kernel makes of the same numbers, rounded once; sums are of the rounded numbers.
 *
 * What f32 makes is held against loops in double elsewhere. Inputs are numbers that bf16 has. SPDX-License-Identifier: Apache-2.0 */
#include "base/tensor.h"
#include "kernels/kernel_case.h"

/* ---- numbers in both forms ---- */

struct both {
    float *f32;
    uint16_t *bf16;
};

static struct both both_of(float *x, int64_t count) {
    struct both b = {x, malloc((size_t)count * sizeof *b.bf16)};
    assert_non_null(b.bf16);
    for (int64_t i = 0; i < count; i++) b.bf16[i] = f32_to_bf16(x[i]), x[i] = bf16_to_f32(b.bf16[i]);
    return b;
}

static struct both both_new(int64_t count, float low, float high, uint32_t seed) {
    return both_of(case_input(count, low, high, seed), count);
}

static const void *both_as(const struct both *b, bool bf16) {
    return bf16 ? (const void *)b->bf16 : b->f32;
}

static void both_free(struct both *b) {
    free(b->f32), free(b->bf16);
}

/* ---- outputs ---- */

static float *room_for(int64_t count, bool bf16) {
    return case_output(bf16 ? (count + 1) / 2 : count);
}

static float value_at(const void *out, bool bf16, int64_t i) {
    return bf16 ? bf16_to_f32(((const uint16_t *)out)[i]) : ((const float *)out)[i];
}

static void same(const char *what, const void *found, bool bf16, const float *expected, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float x = value_at(found, bf16, i), e = bf16 ? bf16_to_f32(f32_to_bf16(expected[i])) : expected[i];
        if (memcmp(&x, &e, sizeof x) != 0 && !(isnan(x) && isnan(e)))
            fail_msg("%s[%lld] of %lld is %.9g, not %.9g", what, (long long)i, (long long)count, (double)x, (double)e);
    }
}

static void release(float *out, bool bf16, int64_t count) {
    case_release(out, bf16 ? (count + 1) / 2 : count);
}

/* All parts of partial sums (parts, 2, c) together: of y and y*factor, over rows of c. */
static void sums_of(const char *what, const float *sums, int64_t parts, const void *y, bool bf16, const float *factor,
                    int64_t rows, int64_t c) {
    for (int64_t j = 0; j < c; j++) {
        double found[2] = {0}, sum[2] = {0}, size[2] = {0};
        for (int64_t i = 0; i < 2 * parts; i++) found[i % 2] += (double)sums[i * c + j];
        for (int64_t i = 0; i < rows; i++) {
            double v = value_at(y, bf16, i * c + j), f = factor ? factor[i * c + j] : v;
            sum[0] += v, sum[1] += v * f, size[0] += fabs(v), size[1] += fabs(v * f);
        }
        for (int i = 0; i < 2; i++) case_close(what, i * c + j, (float)found[i], sum[i], size[i], 7e-6);
    }
}

/* ---- pools over windows ---- */

enum { POOL_FORMS = 8 };

struct pool_case {
    int64_t n, h, w, c;
    int kernel, stride, before;
    int64_t p, q;
};

static struct pool_case pool_of(int64_t h, int64_t w, int64_t c, int kernel, int stride, int before) {
    struct pool_case k = {2, h, w, c, kernel, stride, before, 0, 0};
    k.p = (h + 2 * before - kernel) / stride + 1, k.q = (w + 2 * before - kernel) / stride + 1;
    return k;
}

/* Few values, so that there are ties, and some that are not finite. */
static float *rough(int64_t count) {
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f};
    float *x = case_input(count, -3.0f, 6.0f, 5);
    for (int64_t i = 0; i < count; i++) x[i] = i % 7 == 3 ? special[i / 7 % 5] : floorf(x[i]);
    return x;
}

static void max_run(const struct kernels *kernels, struct max_pool_job *job, bool backward, int pass) {
    if (backward)
        kernels->max_pool_backward_plan(job);
    else
        kernels->max_pool_plan(job);
    for (int64_t i = 0; i < job->tiles; i++) {
        if (backward)
            kernels->max_pool_backward_run(job, case_order(i, job->tiles, pass));
        else
            kernels->max_pool_run(job, case_order(i, job->tiles, pass));
    }
}

static void max_case(struct pool_case k) {
    int64_t in = k.n * k.h * k.w * k.c, out = k.n * k.p * k.q * k.c;
    struct max_pool_job job = {k.n, k.h, k.w, k.c, k.p, k.q, k.kernel, k.stride, k.before, k.before, .tiles = 0};
    struct both x = both_of(rough(in), in), dy = both_new(out, -1.0f, 1.0f, 6);
    float *y = case_output(out), *places = case_output(out), *dx = case_output(in);
    job.x = x.f32, job.y = y, job.where = places;
    max_run(kernels_of(ISA_PLAIN), &job, false, 0);
    job.x = dy.f32, job.y = dx;
    max_run(kernels_of(ISA_PLAIN), &job, true, 0);
    struct both where = both_of(places, out);
    for (int form = 1; form < POOL_FORMS * ISA_COUNT; form++) {
        const struct kernels *kernels = case_level(form / POOL_FORMS);
        if (!kernels) continue;
        job.x_bf16 = form & 1, job.y_bf16 = form & 2, job.where_bf16 = form & 4;
        float *made = room_for(out, job.y_bf16), *at = room_for(out, job.where_bf16), *d = room_for(in, job.y_bf16);
        job.x = both_as(&x, job.x_bf16), job.y = made, job.where = at;
        max_run(kernels, &job, false, form);
        job.x = both_as(&dy, job.x_bf16), job.y = d;
        max_run(kernels, &job, true, form);
        same("y", made, job.y_bf16, y, out), same("where", at, job.where_bf16, where.f32, out);
        same("dx", d, job.y_bf16, dx, in);
        release(made, job.y_bf16, out), release(at, job.where_bf16, out), release(d, job.y_bf16, in);
    }
    where.f32 = NULL;
    case_release(y, out), case_release(places, out), case_release(dx, in);
    both_free(&x), both_free(&dy), both_free(&where);
}

static void avg_run(const struct kernels *kernels, struct avg_pool_job *job, bool backward, int pass) {
    if (backward)
        kernels->avg_pool_backward_plan(job);
    else
        kernels->avg_pool_plan(job);
    for (int64_t i = 0; i < job->tiles; i++) {
        if (backward)
            kernels->avg_pool_backward_run(job, case_order(i, job->tiles, pass));
        else
            kernels->avg_pool_run(job, case_order(i, job->tiles, pass));
    }
}

static void avg_case(struct pool_case k, bool exclude) {
    struct avg_pool_job job = {k.n, k.h, k.w, k.c, k.p, k.q, k.kernel, k.stride, k.before, exclude, .tiles = 0};
    for (int backward = 0; backward < 2; backward++) {
        int64_t in = k.n * k.h * k.w * k.c, out = k.n * k.p * k.q * k.c, size = backward ? in : out;
        struct both x = both_new(backward ? out : in, -1.0f, 2.0f, 7);
        float *y = case_output(size);
        job.x = x.f32, job.y = y, job.x_bf16 = job.y_bf16 = false;
        avg_run(kernels_of(ISA_PLAIN), &job, backward, 0);
        for (int form = 1; form < 4 * ISA_COUNT; form++) {
            const struct kernels *kernels = case_level(form / 4);
            if (!kernels) continue;
            job.x_bf16 = form & 1, job.y_bf16 = form & 2;
            float *made = room_for(size, job.y_bf16);
            job.x = both_as(&x, job.x_bf16), job.y = made;
            avg_run(kernels, &job, backward, form);
            same(backward ? "dx" : "y", made, job.y_bf16, y, size);
            release(made, job.y_bf16, size);
        }
        case_release(y, size);
        both_free(&x);
    }
}

static void test_pools(void **state) {
    static const int64_t channels[] = {1, 3, 15, 16, 17, 33, 64, 100};
    (void)state;
    for (int kernel = 1; kernel <= 4; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int before = 0; before <= kernel / 2; before++) {
                max_case(pool_of(7, 6, 5, kernel, stride, before));
                avg_case(pool_of(7, 6, 5, kernel, stride, before), stride == 2);
            }
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        max_case(pool_of(9, 8, channels[i], 3, 2, 1));
        avg_case(pool_of(9, 8, channels[i], 3, 2, 1), true);
    }
    max_case(pool_of(19, 17, 3, 16, 1, 8)); /* the largest place in a window that bf16 must hold */
}

/* ---- the gradient of affine and activation ---- */

static void affine_run(const struct kernels *kernels, struct affine_backward *job, int pass) {
    kernels->affine_backward_plan(job);
    for (int64_t i = 0; i < job->tiles; i++) kernels->affine_backward_run(job, case_order(i, job->tiles, pass));
}

struct affine_case {
    int64_t rows, c;
    enum act act;
    bool view, add, g, sums;
};

static void affine_form(const struct affine_case *k, struct affine_backward job, int form, const float *expected,
                        const float *x) {
    int64_t size = k->rows * k->c, parts = conv_blocks(k->rows);
    float *first = NULL;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (!case_level(isa)) continue;
        float *g = k->g ? room_for(size, job.g_bf16) : NULL, *sums = k->sums ? case_output(2 * parts * k->c) : NULL;
        job.g = g, job.sums = sums;
        affine_run(case_level(isa), &job, form);
        if (g) same("g", g, job.g_bf16, expected, size);
        if (sums && !first) {
            bool rounded = g && job.g_bf16;
            struct both kept = both_of(memcpy(malloc((size_t)size * 4), expected, (size_t)size * 4), size);
            sums_of("sums", sums, parts, rounded ? (void *)kept.bf16 : (void *)expected, rounded, x, k->rows, k->c);
            both_free(&kept);
        } else if (sums) {
            case_equal("sums", sums, first, 2 * parts * k->c);
        }
        if (g) release(g, job.g_bf16, size);
        if (sums && first) case_release(sums, 2 * parts * k->c);
        if (!first) first = sums;
    }
    if (first) case_release(first, 2 * parts * k->c);
}

static void affine_case(struct affine_case k) {
    int64_t size = k.rows * k.c;
    struct both x = both_new(size, -4.0f, 7.0f, 1), dz = both_new(size, -1.0f, 1.0f, 2),
                add = both_new(size, -1.0f, 1.0f, 3);
    float *scale = case_input(k.c, -2.0f, 3.0f, 4), *shift = case_input(k.c, -1.0f, 1.0f, 5), *g = case_output(size);
    struct affine_backward job = {.rows = k.rows, .c = k.c, .in = {.act = k.act}};
    if (k.view) job.in.scale = scale, job.in.shift = shift;
    job.dz = dz.f32, job.in.x = x.f32, job.add = k.add ? add.f32 : NULL, job.g = g;
    affine_run(kernels_of(ISA_PLAIN), &job, 0);
    for (int form = 1; form < 16; form++) {
        if ((form & 4 && !k.add) || (form & 8 && !k.g)) continue;
        job.dz_bf16 = form & 1, job.in.bf16 = form & 2, job.add_bf16 = form & 4, job.g_bf16 = form & 8;
        job.dz = both_as(&dz, job.dz_bf16), job.in.x = both_as(&x, job.in.bf16);
        job.add = k.add ? both_as(&add, job.add_bf16) : NULL;
        affine_form(&k, job, form, g, x.f32);
    }
    case_release(g, size);
    both_free(&x), both_free(&dz), both_free(&add), free(scale), free(shift);
}

static void test_affine_gradient(void **state) {
    static const int64_t channels[] = {1, 15, 16, 17, 33, 64};
    (void)state;
    for (int act = 0; act < ACT_COUNT; act++)
        for (int bits = 0; bits < 4; bits++)
            affine_case((struct affine_case){7, 20, (enum act)act, bits & 1, bits & 2, true, true});
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        affine_case((struct affine_case){BLOCK_ROWS + 3, channels[i], ACT_NONE, true, false, false, true});
        affine_case((struct affine_case){2 * BLOCK_ROWS + 6, channels[i], ACT_RELU, false, true, true, i % 2});
        affine_case((struct affine_case){BLOCK_ROWS + 5, channels[i], ACT_SILU, true, i % 2, true, true});
    }
    affine_case((struct affine_case){3, 1030, ACT_GELU, true, true, true, true}); /* longer than a piece of a row */
}

/* ---- depthwise convolution: every column of an edge, whole lines and parts of one ---- */

static struct conv_shape shape_of(int64_t n, int64_t h, int64_t w, int64_t c, int kernel, int stride) {
    struct conv_shape s = {.n = n, .h = h, .w = w, .c = c, .k = c, .r = kernel, .s = kernel, .groups = (int)c};
    s.stride_h = s.stride_w = stride, s.dilation_h = s.dilation_w = 1;
    s.pad_top = s.pad_left = (kernel - 1) / 2;
    s.p = (h - 1) / stride + 1, s.q = (w - 1) / stride + 1;
    return s;
}

static void depthwise_run(const struct kernels *kernels, struct depthwise_forward *job, int threads, int pass) {
    size_t bytes = kernels->depthwise_forward_plan(job, threads);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job->tiles; i++)
        kernels->depthwise_forward_run(job, case_order(i, job->tiles, pass), scratch);
    case_scratch_release(scratch, bytes);
}

/* Of the forms from `form` on: a bit for x, one for y. */
static void forward_case(struct conv_shape s, enum act act, int form) {
    int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.p * s.q * s.c, parts = strip_count(s.n, s.p, s.q);
    struct both x = both_new(in, -2.0f, 3.0f, 1);
    float *scale = case_input(s.c, -2.0f, 3.0f, 2), *shift = case_input(s.c, -1.0f, 1.0f, 3);
    float *w = case_input(s.r * s.s * s.c, -1.0f, 1.0f, 4), *y = case_output(out);
    struct depthwise_forward job = {.s = s, .in = {.x = x.f32, .act = act, .scale = scale, .shift = shift}, .w = w};
    job.y = y;
    depthwise_run(kernels_of(ISA_PLAIN), &job, 1, 0);
    for (; form < 4; form++) {
        float *first = NULL;
        job.in.bf16 = form & 1, job.y_bf16 = form & 2, job.in.x = both_as(&x, job.in.bf16);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            if (!case_level(isa)) continue;
            float *made = room_for(out, job.y_bf16), *stats = case_output(2 * parts * s.c);
            job.y = made, job.stats = stats;
            depthwise_run(case_level(isa), &job, 1 + isa, isa);
            same("y", made, job.y_bf16, y, out);
            if (first)
                case_equal("stats", stats, first, 2 * parts * s.c), case_release(stats, 2 * parts * s.c);
            else
                sums_of("stats", stats, parts, made, job.y_bf16, NULL, s.n * s.p * s.q, s.c), first = stats;
            release(made, job.y_bf16, out);
        }
        case_release(first, 2 * parts * s.c);
    }
    case_release(y, out);
    both_free(&x), free(scale), free(shift), free(w);
}

static void backward_run(const struct kernels *kernels, struct depthwise_backward *job, int threads, int pass) {
    size_t bytes = kernels->depthwise_backward_plan(job, threads);
    void *scratch = case_scratch(bytes);
    for (int64_t i = 0; i < job->tiles; i++)
        kernels->depthwise_backward_run(job, case_order(i, job->tiles, pass), scratch);
    for (int64_t i = 0; i < job->reduce_tiles; i++)
        kernels->depthwise_backward_reduce(job, case_order(i, job->reduce_tiles, pass));
    case_scratch_release(scratch, bytes);
}

struct backward_data {
    struct both x, g, y, add;
    float *scale, *shift, *w, *a, *b, *c, *dx, *dw, *parts;
    int64_t in, taps, chunks;
};

static struct backward_data backward_open(const struct conv_shape *s) {
    int64_t out = s->n * s->p * s->q * s->c;
    struct backward_data d = {.in = s->n * s->h * s->w * s->c, .taps = s->r * s->s * s->c};
    d.chunks = depthwise_chunks(s) * d.taps;
    d.x = both_new(d.in, -2.0f, 3.0f, 11), d.g = both_new(out, -1.0f, 1.0f, 12), d.y = both_new(out, -1.0f, 1.0f, 13);
    d.add = both_new(d.in, -1.0f, 1.0f, 14);
    d.scale = case_input(s->c, -2.0f, 3.0f, 15), d.shift = case_input(s->c, -1.0f, 1.0f, 16);
    d.a = case_input(s->c, -1.0f, 1.0f, 17), d.b = case_input(s->c, -1.0f, 1.0f, 18),
    d.c = case_input(s->c, -1.0f, 1.0f, 19);
    d.w = case_input(d.taps, -1.0f, 1.0f, 20);
    d.dx = case_output(d.in), d.dw = case_output(d.taps), d.parts = case_output(d.chunks);
    return d;
}

static void backward_close(struct backward_data *d) {
    both_free(&d->x), both_free(&d->g), both_free(&d->y), both_free(&d->add);
    free(d->scale), free(d->shift), free(d->w), free(d->a), free(d->b), free(d->c);
    case_release(d->dx, d->in), case_release(d->dw, d->taps), case_release(d->parts, d->chunks);
}

/* The job's tensors in a form: a bit each for g, y, x, add and dx. */
static void backward_form(struct depthwise_backward *job, const struct backward_data *d, int form, bool add) {
    job->dy.g_bf16 = form & 1, job->dy.y_bf16 = form & 2, job->in.bf16 = form & 4, job->add_bf16 = form & 8;
    job->dx_bf16 = form & 16;
    job->dy.g = both_as(&d->g, job->dy.g_bf16), job->dy.y = both_as(&d->y, job->dy.y_bf16);
    job->in.x = both_as(&d->x, job->in.bf16), job->add = add ? both_as(&d->add, job->add_bf16) : NULL;
}

static void backward_case(struct conv_shape s, enum act act, bool add) {
    static const int forms[] = {31, 1, 2, 4, 8, 16, 21, 23, 10};
    struct backward_data d = backward_open(&s);
    struct depthwise_backward job = {.s = s, .dy = {.a = d.a, .b = d.b, .c = d.c}, .w = d.w};
    job.in = (struct load_view){.act = act, .scale = d.scale, .shift = d.shift};
    backward_form(&job, &d, 0, add);
    job.dx = d.dx, job.dw = d.dw, job.dw_parts = d.parts;
    backward_run(kernels_of(ISA_PLAIN), &job, 1, 0);
    int64_t parts = strip_count(s.n, s.h, s.w), sums = 2 * parts * s.c;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        float *first = NULL;
        backward_form(&job, &d, forms[f], add);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            if (!case_level(isa)) continue;
            float *dx = room_for(d.in, job.dx_bf16), *dw = case_output(d.taps), *chunks = case_output(d.chunks);
            job.dx = dx, job.dw = dw, job.dw_parts = chunks, job.sums = case_output(sums);
            backward_run(case_level(isa), &job, 1 + isa, isa);
            same("dx", dx, job.dx_bf16, d.dx, d.in), case_equal("dw", dw, d.dw, d.taps);
            if (first)
                case_equal("sums", job.sums, first, sums), case_release(job.sums, sums);
            else
                sums_of("sums", job.sums, parts, dx, job.dx_bf16, d.x.f32, s.n * s.h * s.w, s.c), first = job.sums;
            release(dx, job.dx_bf16, d.in), case_release(dw, d.taps), case_release(chunks, d.chunks);
        }
        case_release(first, sums);
    }
    backward_close(&d);
}

static void test_depthwise_edges(void **state) {
    (void)state;
    for (int kernel = 3; kernel <= 7; kernel += 2)
        for (int64_t w = 1; w <= 17; w += kernel == 3 ? 1 : 3)
            for (int stride = 1; stride <= 2; stride++) {
                struct conv_shape s = shape_of(1, 4 + w % 3, w, 32 + 16 * (w % 2), kernel, stride);
                forward_case(s, ACT_RELU6, 1), backward_case(s, ACT_RELU6, w % 2);
            }
}

static void test_depthwise_channels(void **state) {
    static const int64_t channels[] = {1, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 96, 144};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int stride = 1; stride <= 2; stride++) {
            struct conv_shape s = shape_of(2, 6, 9, channels[i], i % 3 ? 3 : 5, stride);
            forward_case(s, ACT_SILU, 1), backward_case(s, i % 2 ? ACT_HARDSWISH : ACT_RELU, i % 2);
        }
    forward_case(shape_of(1, 30, 40, 160, 3, 1), ACT_RELU6, 1),
        backward_case(shape_of(1, 30, 40, 160, 3, 1), ACT_RELU6, false);
}

/* So much that it is stored past the caches. */
static void test_past_the_caches(void **state) {
    (void)state;
    forward_case(shape_of(1, 294, 300, 96, 3, 1), ACT_RELU6, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),           cmocka_unit_test(test_affine_gradient),
        cmocka_unit_test(test_depthwise_edges), cmocka_unit_test(test_depthwise_channels),
        cmocka_unit_test(test_past_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
