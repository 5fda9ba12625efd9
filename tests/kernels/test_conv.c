/* test_conv.c — convolutions by matrix products against dull double loops, at every level of this machine.
 *
 * Each case runs at each level with the tiles of one thread in order, and with the tiles of three threads in
 * reverse; all must give equal bits, and the bits must be near the double result. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/harness.h"
#include "ops/attrs.h"

struct conv_case {
    int64_t n, h, w, c, k;
    int r, s, stride_h, stride_w, dilation_h, dilation_w;
    int pad[4]; /* top, left, bottom, right */
    int groups;
    bool view, grad, add, add_first, bias, stats;
    enum act in_act, act;
    enum fill fill;
};

static struct conv_shape shape_of(const struct conv_case *t) {
    struct conv_shape s = {.n = t->n,
                           .h = t->h,
                           .w = t->w,
                           .c = t->c,
                           .k = t->k,
                           .r = t->r,
                           .s = t->s,
                           .stride_h = t->stride_h,
                           .stride_w = t->stride_w,
                           .dilation_h = t->dilation_h,
                           .dilation_w = t->dilation_w,
                           .pad_top = t->pad[0],
                           .pad_left = t->pad[1],
                           .groups = t->groups};
    s.p = (t->h + t->pad[0] + t->pad[2] - t->dilation_h * (t->r - 1) - 1) / t->stride_h + 1;
    s.q = (t->w + t->pad[1] + t->pad[3] - t->dilation_w * (t->s - 1) - 1) / t->stride_w + 1;
    return s;
}

static void name_case(const struct conv_case *t, const char *what, const char *level) {
    CASE("%s at %s: %dx%dx%dx%d to %d, kernel %dx%d stride %dx%d dilation %dx%d pad %d,%d,%d,%d groups %d%s%s%s%s%s "
         "acts "
         "%d,%d%s",
         what, level, (int)t->n, (int)t->h, (int)t->w, (int)t->c, (int)t->k, t->r, t->s, t->stride_h, t->stride_w,
         t->dilation_h, t->dilation_w, t->pad[0], t->pad[1], t->pad[2], t->pad[3], t->groups, t->view ? " view" : "",
         t->grad ? " grad" : "", t->add_first ? " add first" : t->add ? " add" : "", t->bias ? " bias" : "", t->stats ? " stats" : "", (int)t->in_act,
         (int)t->act, t->fill == FILL_EXTREME ? " extreme" : "");
}

/* Every array of a case; outputs once per run. */
struct arrays {
    struct guarded x, scale, shift, w, bias, add, g, y_saved, a, b, c, back_add;
};
struct outputs {
    struct guarded y, stats, dx, sums, dw, dbias;
};

static struct arrays arrays_new(const struct conv_case *t, const struct conv_shape *s, struct rng *rng) {
    size_t in = (size_t)(s->n * s->h * s->w * s->c), out = (size_t)(s->n * s->p * s->q * s->k);
    size_t weights = (size_t)((int64_t)s->r * s->s * s->c / s->groups * s->k);
    return (struct arrays){.x = random_array(rng, in, t->fill),
                           .scale = random_array(rng, (size_t)s->c, FILL_NORMAL),
                           .shift = random_array(rng, (size_t)s->c, FILL_NORMAL),
                           .w = random_array(rng, weights, t->fill),
                           .bias = random_array(rng, (size_t)s->k, FILL_NORMAL),
                           .add = random_array(rng, out, t->fill),
                           .g = random_array(rng, out, t->fill),
                           .y_saved = random_array(rng, out, FILL_NORMAL),
                           .a = random_array(rng, (size_t)s->k, FILL_NORMAL),
                           .b = random_array(rng, (size_t)s->k, FILL_NORMAL),
                           .c = random_array(rng, (size_t)s->k, FILL_NORMAL),
                           .back_add = random_array(rng, in, t->fill)};
}

static void arrays_free(struct arrays *a) {
    struct guarded *all[] = {&a->x, &a->scale,   &a->shift, &a->w, &a->bias, &a->add,
                             &a->g, &a->y_saved, &a->a,     &a->b, &a->c,    &a->back_add};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) guard_free(all[i]);
}

static void outputs_free(struct outputs *o) {
    struct guarded *all[] = {&o->y, &o->stats, &o->dx, &o->sums, &o->dw, &o->dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) guard_free(all[i]);
}

static struct load_view load_view_of(const struct conv_case *t, const struct arrays *a) {
    return (struct load_view){.x = a->x.data,
                              .scale = t->view ? a->scale.data : NULL,
                              .shift = t->view ? a->shift.data : NULL,
                              .act = t->in_act};
}
static struct grad_view grad_view_of(const struct conv_case *t, const struct arrays *a) {
    struct grad_view v = {.g = a->g.data};
    if (t->grad)
        v = (struct grad_view){.g = a->g.data, .y = a->y_saved.data, .a = a->a.data, .b = a->b.data, .c = a->c.data};
    return v;
}

/* ---- running a kernel: threads = 1 in order, else in reverse; scratch is NaN before each tile ---- */

static struct guarded pack(const struct kernels *kernels, const struct conv_shape *s, const float *w,
                           enum pack_direction direction) {
    struct guarded packed = guard_new(kernels->packed_bytes(s, direction) / sizeof(float));
    struct pack_job job = {.s = *s, .direction = direction, .w = w, .packed = packed.data};
    kernels->pack_plan(&job);
    for (int64_t i = job.tiles - 1; i >= 0; i--) kernels->pack_run(&job, i);
    for (size_t i = 0; i < packed.count; i++) {
        if (isnan(packed.data[i])) fail_msg("%s: packed[%zu] was not written", case_name, i);
    }
    return packed;
}

static void dirty(struct guarded *scratch) {
    for (size_t i = 0; i < scratch->count; i++) scratch->data[i] = NAN;
}

static void run_forward(const struct kernels *kernels, const struct conv_case *t, const struct arrays *a, int threads,
                        struct outputs *o) {
    struct conv_shape s = shape_of(t);
    int64_t rows = s.n * s.p * s.q;
    struct guarded packed = pack(kernels, &s, a->w.data, PACK_FORWARD);
    o->y = guard_new((size_t)(rows * s.k));
    if (t->stats) o->stats = guard_new((size_t)(conv_blocks(rows) * 2 * s.k));
    struct conv_forward job = {.s = s,
                               .in = load_view_of(t, a),
                               .packed = packed.data,
                               .bias = t->bias ? a->bias.data : NULL,
                               .act = t->act,
                               .add = t->add ? a->add.data : NULL,
                               .add_first = t->add_first,
                               .y = o->y.data,
                               .stats = o->stats.data};
    struct guarded scratch = guard_new(kernels->conv_forward_plan(&job, threads) / sizeof(float));
    for (int64_t i = 0; i < job.tiles; i++) {
        dirty(&scratch);
        kernels->conv_forward_run(&job, threads == 1 ? i : job.tiles - 1 - i, scratch.data);
    }
    guard_check(&o->y, "y");
    if (t->stats) guard_check(&o->stats, "stats");
    guard_free(&scratch);
    guard_free(&packed);
}

/* What of the gradient is asked for. */
struct wanted {
    bool dx, sums, dw, dbias;
};

static void run_backward(const struct kernels *kernels, const struct conv_case *t, const struct arrays *a,
                         struct wanted want, int threads, struct outputs *o) {
    struct conv_shape s = shape_of(t);
    int64_t rows = s.n * s.h * s.w, chunks = conv_chunks(s.n * s.p * s.q);
    struct guarded packed = pack(kernels, &s, a->w.data, PACK_BACKWARD);
    struct guarded dw_parts = guard_new(want.dw ? (size_t)chunks * a->w.count : 0);
    struct guarded dbias_parts = guard_new(want.dbias ? (size_t)(chunks * s.k) : 0);
    if (want.dx) o->dx = guard_new(a->x.count);
    if (want.dx && want.sums) o->sums = guard_new((size_t)(conv_blocks(rows) * 2 * s.c));
    if (want.dw) o->dw = guard_new(a->w.count);
    if (want.dbias) o->dbias = guard_new((size_t)s.k);
    struct conv_backward job = {.s = s,
                                .dy = grad_view_of(t, a),
                                .in = load_view_of(t, a),
                                .packed = packed.data,
                                .add = t->add ? a->back_add.data : NULL,
                                .dx = o->dx.data,
                                .sums = o->sums.data,
                                .dw = o->dw.data,
                                .dw_parts = dw_parts.data,
                                .dbias = o->dbias.data,
                                .dbias_parts = dbias_parts.data};
    struct guarded scratch = guard_new(kernels->conv_backward_plan(&job, threads) / sizeof(float));
    for (int64_t i = 0; i < job.tiles; i++) {
        dirty(&scratch);
        kernels->conv_backward_run(&job, threads == 1 ? i : job.tiles - 1 - i, scratch.data);
    }
    for (int64_t i = 0; i < job.reduce_tiles; i++) kernels->conv_backward_reduce(&job, job.reduce_tiles - 1 - i);
    guard_free(&scratch);
    guard_free(&packed);
    guard_free(&dw_parts);
    guard_free(&dbias_parts);
}

static void same_outputs(const struct outputs *a, const struct outputs *b) {
    const struct guarded *left[] = {&a->y, &a->stats, &a->dx, &a->sums, &a->dw, &a->dbias};
    const struct guarded *right[] = {&b->y, &b->stats, &b->dx, &b->sums, &b->dw, &b->dbias};
    static const char *const names[] = {"y", "stats", "dx", "sums", "dw", "dbias"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        check_bits(left[i]->data, right[i]->data, left[i]->count, names[i]);
        if (left[i]->block) guard_check(left[i], names[i]);
    }
}

/* ---- the dull loops ---- */

static const double EPSILON = 1.0 / (1 << 24);

/* What an activation that is no clamp may add to a bound (see test_act.c), as terms of a sum. */
static double act_terms(enum act act) {
    return act > ACT_RELU6 ? 128 : 0;
}

/* The view in f32, as the definition has it: a threshold must fall on the same side. */
static float viewed(const struct conv_case *t, const struct arrays *a, size_t at, int64_t c) {
    float v = a->x.data[at];
    return t->view ? fmaf(a->scale.data[c], v, a->shift.data[c]) : v;
}
static double gradient(const struct conv_case *t, const struct arrays *a, size_t at, int64_t k) {
    if (!t->grad) return (double)a->g.data[at];
    return (double)fmaf(a->a.data[k], a->g.data[at], fmaf(a->b.data[k], a->y_saved.data[at], a->c.data[k]));
}

/* One pair of an input element and an output element that a weight connects. */
typedef void visit(void *arg, size_t in, size_t weight, size_t out, int64_t k);

static void each_product(const struct conv_shape *s, visit *visit, void *arg) {
    int64_t in = s->c / s->groups, out = s->k / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < s->p; p++)
            for (int64_t q = 0; q < s->q; q++)
                for (int64_t r = 0; r < s->r; r++)
                    for (int64_t t = 0; t < s->s; t++) {
                        int64_t h = p * s->stride_h - s->pad_top + r * s->dilation_h,
                                w = q * s->stride_w - s->pad_left + t * s->dilation_w;
                        if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
                        for (int64_t i = 0; i < in; i++)
                            for (int64_t k = 0; k < s->k; k++) {
                                int64_t c = k / out * in + i;
                                visit(arg, (size_t)(((n * s->h + h) * s->w + w) * s->c + c),
                                      (size_t)(((r * s->s + t) * in + i) * s->k + k),
                                      (size_t)(((n * s->p + p) * s->q + q) * s->k + k), k);
                            }
                    }
}

struct sums {
    const struct conv_case *t;
    const struct arrays *a;
    double *u;                                        /* the viewed input */
    double *y, *y_size, *dx, *dx_size, *dw, *dw_size; /* sums, and sums of magnitudes */
};

static void visit_forward(void *arg, size_t in, size_t weight, size_t out, int64_t k) {
    struct sums *sums = arg;
    double term = sums->u[in] * (double)sums->a->w.data[weight];
    (void)k;
    sums->y[out] += term;
    sums->y_size[out] += fabs(term);
}

static void visit_backward(void *arg, size_t in, size_t weight, size_t out, int64_t k) {
    struct sums *sums = arg;
    double dy = gradient(sums->t, sums->a, out, k);
    double to_x = dy * (double)sums->a->w.data[weight], to_w = dy * sums->u[in];
    sums->dx[in] += to_x;
    sums->dx_size[in] += fabs(to_x);
    sums->dw[weight] += to_w;
    sums->dw_size[weight] += fabs(to_w);
}

static double *doubles(size_t count) {
    double *d = calloc(count + 1, sizeof *d);
    assert_non_null(d);
    return d;
}

static double *viewed_input(const struct conv_case *t, const struct arrays *a) {
    double *u = doubles(a->x.count);
    for (size_t i = 0; i < a->x.count; i++) {
        u[i] = act_value(t->in_act, (double)viewed(t, a, i, (int64_t)i % t->c));
    }
    return u;
}

/* Block sums of t and t*u over rows x cols, of the stored values. */
static void check_sums(const float *sums, const float *t, const float *u, int64_t rows, int64_t cols,
                       const char *what) {
    for (int64_t i = 0; i < conv_blocks(rows); i++) {
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0, product = 0, sum_size = 0, product_size = 0;
            for (int64_t r = i * BLOCK_ROWS; r < rows && r < (i + 1) * BLOCK_ROWS; r++) {
                double v = (double)t[r * cols + j], p = v * (double)u[r * cols + j];
                sum += v, product += p, sum_size += fabs(v), product_size += fabs(p);
            }
            double bounds[] = {BLOCK_ROWS * EPSILON * sum_size, BLOCK_ROWS * EPSILON * product_size + 1e-40};
            check_near(sums + (2 * i) * cols + j, &sum, &bounds[0], 1, what);
            check_near(sums + (2 * i + 1) * cols + j, &product, &bounds[1], 1, what);
        }
    }
}

static void check_forward(const struct conv_case *t, const struct arrays *a, const struct outputs *o) {
    struct conv_shape s = shape_of(t);
    struct sums sums = {.t = t, .a = a, .u = viewed_input(t, a)};
    sums.y = doubles(o->y.count), sums.y_size = doubles(o->y.count);
    double terms = (double)(s.r * s.s * (s.c / s.groups) + 4) + act_terms(t->in_act);
    each_product(&s, visit_forward, &sums);
    for (size_t i = 0; i < o->y.count; i++) {
        size_t k = i % (size_t)s.k;
        double bias = t->bias ? (double)a->bias.data[k] : 0, add = t->add ? (double)a->add.data[i] : 0;
        double y = act_value(t->act, sums.y[i] + bias + (t->add_first ? add : 0));
        sums.y[i] = t->add_first ? y : y + add;
        sums.y_size[i] = terms * EPSILON * (1.5 * (sums.y_size[i] + fabs(bias)) + fabs(add)) + 1e-40; /* no steeper */
        sums.y_size[i] += act_terms(t->act) * EPSILON * fabs(y);
    }
    check_near(o->y.data, sums.y, sums.y_size, o->y.count, "y");
    if (t->stats) check_sums(o->stats.data, o->y.data, o->y.data, s.n * s.p * s.q, s.k, "stats");
    free(sums.u);
    free(sums.y);
    free(sums.y_size);
}

static void check_dbias(const struct conv_case *t, const struct arrays *a, const struct outputs *o) {
    size_t k_count = o->dbias.count;
    double *sum = doubles(k_count), *bound = doubles(k_count);
    for (size_t i = 0; i < a->g.count; i++) {
        double dy = gradient(t, a, i, (int64_t)(i % k_count));
        sum[i % k_count] += dy;
        bound[i % k_count] += fabs(dy) * EPSILON * (BLOCK_ROWS + 32);
    }
    check_near(o->dbias.data, sum, bound, k_count, "dbias");
    free(sum);
    free(bound);
}

static void check_backward(const struct conv_case *t, const struct arrays *a, const struct outputs *o) {
    struct conv_shape s = shape_of(t);
    size_t in = a->x.count, weights = a->w.count;
    struct sums sums = {.t = t, .a = a, .u = viewed_input(t, a), .dx = doubles(in), .dx_size = doubles(in)};
    sums.dw = doubles(weights), sums.dw_size = doubles(weights);
    double terms = (double)(s.r * s.s * (s.k / s.groups) + 4);
    double rows = (double)(s.n * s.p * s.q + 20) + act_terms(t->in_act);
    each_product(&s, visit_backward, &sums);
    for (size_t i = 0; i < in; i++) {
        float v = viewed(t, a, i, (int64_t)(i % (size_t)s.c));
        double add = t->add ? (double)a->back_add.data[i] : 0;
        sums.dx[i] = (sums.dx[i] + add) * act_slope(t->in_act, (double)v);
        sums.dx_size[i] = 1.5 * (terms + 8) * EPSILON * (sums.dx_size[i] + fabs(add)) + 1e-40;
    }
    for (size_t i = 0; i < weights; i++) sums.dw_size[i] = rows * EPSILON * sums.dw_size[i] + 1e-40;
    if (o->dx.block) check_near(o->dx.data, sums.dx, sums.dx_size, in, "dx");
    if (o->dw.block) check_near(o->dw.data, sums.dw, sums.dw_size, weights, "dw");
    if (o->sums.block) check_sums(o->sums.data, o->dx.data, a->x.data, s.n * s.h * s.w, s.c, "sums");
    if (o->dbias.block) check_dbias(t, a, o);
    free(sums.u);
    free(sums.dx);
    free(sums.dx_size);
    free(sums.dw);
    free(sums.dw_size);
}

/* ---- a case at every level ---- */

static void run_one(const struct kernels *kernels, const struct conv_case *t, const struct arrays *a,
                    const struct wanted *backward, int threads, struct outputs *o) {
    if (backward)
        run_backward(kernels, t, a, *backward, threads, o);
    else
        run_forward(kernels, t, a, threads, o);
}

/* backward NULL: forward. Extreme values overflow: bits alone are compared. */
static void try_direction(const struct conv_case *t, const struct arrays *a, const struct wanted *backward) {
    struct outputs first = {0};
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = level_here(isa);
        if (!kernels) continue;
        name_case(t, backward ? "backward" : "forward", cpu_isa_name((enum isa)isa));
        for (int threads = 1; threads <= 3; threads += 2) {
            struct outputs o = {0};
            run_one(kernels, t, a, backward, threads, &o);
            if (threads == 1 && isa == ISA_PLAIN) {
                if (t->fill == FILL_NORMAL && backward) check_backward(t, a, &o);
                if (t->fill == FILL_NORMAL && !backward) check_forward(t, a, &o);
                first = o;
                continue;
            }
            same_outputs(&o, &first);
            outputs_free(&o);
        }
    }
    outputs_free(&first);
}

static uint64_t case_number;

static void try_case(const struct conv_case *t) {
    struct rng rng = rng_at(7, RNG_TEST, 0, case_number++);
    struct conv_shape s = shape_of(t);
    struct arrays a = arrays_new(t, &s, &rng);
    static const struct wanted wants[] = {{true, true, true, true},
                                          {true, false, false, false},
                                          {false, false, true, false},
                                          {false, false, false, true},
                                          {true, true, true, false}};
    try_direction(t, &a, NULL);
    try_direction(t, &a, &wants[0]);
    try_direction(t, &a, &wants[1 + case_number % 4]);
    arrays_free(&a);
}

static struct conv_case pointwise(int64_t n, int64_t h, int64_t w, int64_t c, int64_t k) {
    return (struct conv_case){.n = n,
                              .h = h,
                              .w = w,
                              .c = c,
                              .k = k,
                              .r = 1,
                              .s = 1,
                              .stride_h = 1,
                              .stride_w = 1,
                              .dilation_h = 1,
                              .dilation_w = 1,
                              .groups = 1};
}

/* Options by the bits of a number, so that a list of shapes meets all of them. */
static void set_options(struct conv_case *t, unsigned bits) {
    t->view = bits & 1;
    t->grad = bits & 2;
    t->add = bits & 4;
    t->bias = bits & 8;
    t->stats = bits & 16;
    t->in_act = (enum act)(bits / 32 % ACT_COUNT);
    t->act = (enum act)(bits / 3 % ACT_COUNT);
    t->add_first = t->add && (t->act == ACT_RELU || t->act == ACT_RELU6) && bits / 7 % 2;
}

static void channel_tails(void **state) {
    static const int64_t sizes[] = {1, 3, 7, 8, 16, 17, 24, 27, 31, 32, 33, 96};
    unsigned bits = 0;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            struct conv_case t = pointwise(1, 3, 5, sizes[i], sizes[j]);
            set_options(&t, bits += 37);
            try_case(&t);
        }
    }
}

static void row_tails(void **state) {
    static const int64_t more[] = {55, 56, 57, 111, 112, 113, 197, 223, 224, 225, 449};
    (void)state;
    for (int64_t rows = 1; rows < 32; rows++) {
        struct conv_case t = pointwise(1, 1, rows, 18, 35);
        set_options(&t, (unsigned)rows * 53);
        try_case(&t);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct conv_case t = pointwise(1, more[i], 1, 33, 20);
        set_options(&t, 31 + (unsigned)i * 41);
        try_case(&t);
    }
}

static void every_option(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 288; bits++) {
        struct conv_case t = pointwise(2, 3, 19, 19, 21);
        set_options(&t, bits);
        if (bits % 2) {
            t.r = t.s = 3;
            t.pad[0] = t.pad[1] = t.pad[2] = t.pad[3] = 1;
        }
        try_case(&t);
    }
}

static void many_chunks(void **state) {
    (void)state;
    struct conv_case t = pointwise(3, 30, 31, 9, 10);
    set_options(&t, 31);
    try_case(&t);
    t = pointwise(16, 1, 1, 70, 65); /* a linear layer */
    set_options(&t, 8);
    try_case(&t);
    t = pointwise(1, 14, 15, 8, 9);
    t.n = 64;
    set_options(&t, 31 + 64 + 96);
    try_case(&t);
}

/* Strides of 2 KiB take another way, depths beyond a piece are accumulated. */
static void deep(void **state) {
    static const int64_t depths[] = {511, 512, 513, 1024, 1100};
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        for (unsigned bits = 0; bits < 2; bits++) {
            struct conv_case t = pointwise(1, 5, 4, depths[i], 34);
            set_options(&t, bits ? 31 + 64 + 96 : 0);
            try_case(&t);
            t = pointwise(1, 5, 4, 34, depths[i]);
            set_options(&t, bits ? 31 + 32 + 192 : 0);
            try_case(&t);
        }
    }
    struct conv_case t = {1, 4,    5,    130,  140,   3,    3,    1,         1,        1, 1, {1, 1, 1, 1},
                          1, true, true, true, false, true, true, ACT_RELU6, ACT_RELU, FILL_NORMAL};
    try_case(&t);
    t.c = t.k = 520;
    t.h = t.w = 2;
    try_case(&t);
}

static void general(void **state) {
    static const struct conv_case cases[] = {
        /* Wide rows whose inner pixels are read in place. */
        {.n = 2, .h = 9, .w = 70, .c = 3, .k = 33, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2, .pad = {1, 1, 1, 1}},
        {.n = 2, .h = 6, .w = 70, .c = 3, .k = 16, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2, .pad = {1, 1, 1, 1}},
        {.n = 1, .h = 5, .w = 91, .c = 3, .k = 48, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2, .pad = {0, 0, 2, 1}},
        {.n = 2, .h = 6, .w = 47, .c = 3, .k = 32, .r = 3, .s = 3, .dilation_h = 2, .pad = {2, 1, 2, 3}},
        {.n = 1, .h = 7, .w = 40, .c = 16, .k = 20, .r = 3, .s = 3, .pad = {1, 1, 1, 1}},
        /* The same, but too deep, or too far apart, for zeros around their edges. */
        {.n = 1, .h = 4, .w = 40, .c = 64, .k = 20, .r = 3, .s = 3, .pad = {1, 1, 1, 1}},
        {.n = 1, .h = 5, .w = 100, .c = 4, .k = 9, .r = 2, .s = 2, .stride_h = 3, .stride_w = 3, .pad = {1, 1, 1, 1}},
        {.n = 2, .h = 8, .w = 33, .c = 5, .k = 9, .r = 5, .s = 3, .dilation_h = 2, .pad = {4, 0, 4, 4}},
        {.n = 1, .h = 6, .w = 64, .c = 5, .k = 7, .r = 1, .s = 1, .stride_h = 2, .stride_w = 2},
        {.n = 2, .h = 17, .w = 15, .c = 3, .k = 32, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2, .pad = {1, 1, 1, 1}},
        {.n = 1, .h = 16, .w = 16, .c = 3, .k = 32, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2, .pad = {0, 0, 1, 1}},
        {.n = 1, .h = 20, .w = 22, .c = 3, .k = 17, .r = 7, .s = 7, .stride_h = 2, .stride_w = 2, .pad = {3, 3, 3, 3}},
        {.n = 1, .h = 12, .w = 12, .c = 3, .k = 20, .r = 4, .s = 4, .stride_h = 4, .stride_w = 4},
        {.n = 2, .h = 8, .w = 9, .c = 12, .k = 20, .r = 1, .s = 1, .stride_h = 2, .stride_w = 2},
        {.n = 2, .h = 6, .w = 7, .c = 6, .k = 10, .r = 1, .s = 1, .pad = {1, 2, 0, 1}},
        {.n = 2,
         .h = 13,
         .w = 11,
         .c = 8,
         .k = 12,
         .r = 3,
         .s = 3,
         .dilation_h = 2,
         .dilation_w = 3,
         .pad = {2, 3, 2, 3}},
        {.n = 1, .h = 9, .w = 14, .c = 5, .k = 7, .r = 2, .s = 5, .stride_h = 3, .stride_w = 1, .pad = {0, 4, 2, 0}},
        {.n = 1, .h = 9, .w = 9, .c = 12, .k = 18, .r = 3, .s = 3, .pad = {1, 1, 1, 1}, .groups = 3},
        {.n = 2,
         .h = 7,
         .w = 8,
         .c = 16,
         .k = 16,
         .r = 3,
         .s = 3,
         .stride_h = 2,
         .stride_w = 2,
         .pad = {1, 1, 1, 1},
         .groups = 16},
        {.n = 1, .h = 5, .w = 5, .c = 6, .k = 24, .r = 5, .s = 5, .pad = {2, 2, 2, 2}, .groups = 6},
        {.n = 1, .h = 4, .w = 6, .c = 40, .k = 80, .r = 1, .s = 1, .groups = 2},
        {.n = 1, .h = 3, .w = 3, .c = 4, .k = 5, .r = 5, .s = 5, .pad = {4, 4, 4, 4}},
        {.n = 1, .h = 28, .w = 28, .c = 7, .k = 40, .r = 3, .s = 3, .pad = {1, 1, 1, 1}},
        {.n = 1, .h = 10, .w = 3, .c = 20, .k = 9, .r = 3, .s = 1, .dilation_h = 4, .pad = {4, 0, 4, 0}},
    };
    static const unsigned options[] = {0, 31, 31 + 64 + 96, 7 + 32 + 192, 24};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t j = 0; j < sizeof options / sizeof *options; j++) {
            struct conv_case t = cases[i];
            if (!t.stride_h) t.stride_h = t.stride_w = 1;
            if (!t.dilation_h) t.dilation_h = 1;
            if (!t.dilation_w) t.dilation_w = 1;
            if (!t.groups) t.groups = 1;
            set_options(&t, options[j]);
            try_case(&t);
        }
    }
}

static void random_shapes(void **state) {
    struct rng rng = rng_at(11, RNG_TEST, 1, 0);
    (void)state;
    for (int i = 0; i < 150; i++) {
        struct conv_case t = pointwise(1 + (int64_t)rng_below(&rng, 3), 5 + (int64_t)rng_below(&rng, 10),
                                       5 + (int64_t)rng_below(&rng, 10), 1, 1);
        t.groups = rng_below(&rng, 3) ? 1 : 1 + (int)rng_below(&rng, 4);
        t.c = t.groups * (1 + (int64_t)rng_below(&rng, 40));
        t.k = t.groups * (1 + (int64_t)rng_below(&rng, 40));
        t.r = 1 + (int)rng_below(&rng, 3);
        t.s = 1 + (int)rng_below(&rng, 3);
        t.stride_h = 1 + (int)rng_below(&rng, 3);
        t.stride_w = 1 + (int)rng_below(&rng, 3);
        t.dilation_h = 1 + (int)rng_below(&rng, 2);
        t.dilation_w = 1 + (int)rng_below(&rng, 2);
        for (int j = 0; j < 4; j++) t.pad[j] = (int)rng_below(&rng, 3);
        set_options(&t, (unsigned)rng_below(&rng, 288));
        t.fill = i % 3 ? FILL_NORMAL : FILL_EXTREME;
        try_case(&t);
    }
}

static void grids(void **state) {
    (void)state;
    assert_int_equal(conv_blocks(1), 1);
    assert_int_equal(conv_blocks(112), 1);
    assert_int_equal(conv_blocks(113), 2);
    assert_int_equal(conv_chunks(49), 1);
    assert_int_equal(conv_chunks(113), 2);
    assert_int_equal(conv_chunks(784 * 3), 3);
    assert_int_equal(conv_chunks(200704), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids),   cmocka_unit_test(channel_tails), cmocka_unit_test(row_tails),
        cmocka_unit_test(general), cmocka_unit_test(every_option),  cmocka_unit_test(many_chunks),
        cmocka_unit_test(deep),    cmocka_unit_test(random_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, levels_report);
}
