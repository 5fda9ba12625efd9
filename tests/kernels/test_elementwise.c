/* test_elementwise.c — elementwise kernels, pooling and merging against loops in double; equal bits at every level.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

/* One case of every kernel here: rows x c, as `images` of hw rows for the pooling. */
struct rows_case {
    int64_t rows, c;
    bool view, add, sums;
    enum act act;
};

struct rows_data {
    float *x, *dz, *add, *scale, *shift, *a, *b, *c;
    struct load_view in;
    const float *added; /* add or NULL */
};

static struct rows_data rows_open(const struct rows_case *k) {
    int64_t size = k->rows * k->c;
    struct rows_data d;
    d.x = case_input(size, -2.0f, 3.0f, 1), d.dz = case_input(size, -1.0f, 1.0f, 2),
    d.add = case_input(size, -1.0f, 1.0f, 3);
    d.scale = case_input(k->c, -2.0f, 3.0f, 4), d.shift = case_input(k->c, -1.0f, 1.0f, 5);
    d.a = case_input(k->c, -1.0f, 1.0f, 6), d.b = case_input(k->c, -1.0f, 1.0f, 7),
    d.c = case_input(k->c, -1.0f, 1.0f, 8);
    d.in = (struct load_view){.x = d.x, .act = k->act};
    if (k->view) d.in.scale = d.scale, d.in.shift = d.shift;
    d.added = k->add ? d.add : NULL;
    return d;
}

static void rows_close(struct rows_data *d) {
    free(d->x), free(d->dz), free(d->add), free(d->scale), free(d->shift), free(d->a), free(d->b), free(d->c);
}

/* sums per BLOCK_ROWS rows of y and y*factor */
static void check_blocks(const char *what, const float *sums, const float *y, const float *factor,
                         const struct rows_case *k) {
    for (int64_t i = 0; i < conv_blocks(k->rows) * k->c; i++) {
        int64_t block = i / k->c, c = i % k->c, end = (block + 1) * BLOCK_ROWS;
        double sum = 0.0, product = 0.0, size = 0.0, square = 0.0;
        for (int64_t r = block * BLOCK_ROWS; r < (end < k->rows ? end : k->rows); r++) {
            double v = y[r * k->c + c], f = factor[r * k->c + c];
            sum += v, product += v * f, size += fabs(v), square += fabs(v * f);
        }
        case_close(what, i, sums[block * 2 * k->c + c], sum, size, 7e-6);
        case_close(what, i, sums[(block * 2 + 1) * k->c + c], product, square, 7e-6);
    }
}

/* ---- each kernel: run at a level; check the plain result; compare the others ---- */

/* What one level makes of a case, all kernels. */
struct rows_result {
    float *z, *g, *out, *sums, *stats, *gap, *gap_g, *gap_sums;
    double *merged;
};
static const struct rows_result no_result;

static void run_level(const struct kernels *kernels, const struct rows_case *k, const struct rows_data *d, int64_t n,
                      int pass, struct rows_result *r) {
    int64_t size = k->rows * k->c, sums = conv_blocks(k->rows) * 2 * k->c, count = 2 * conv_blocks(k->rows);
    r->z = case_output(size), r->g = case_output(size), r->out = case_output(size);
    r->sums = case_output(sums), r->stats = case_output(sums);
    r->gap = case_output(n * k->c), r->gap_g = case_output(size), r->gap_sums = case_output(sums);
    r->merged = malloc((size_t)k->c * sizeof *r->merged);
    assert_non_null(r->merged);
    struct affine_job affine = {.rows = k->rows, .c = k->c, .in = d->in, .add = d->added, .z = r->z};
    struct affine_backward backward = {
        .rows = k->rows, .c = k->c, .dz = d->dz, .add = d->added, .in = d->in, .g = r->g};
    backward.sums = k->sums ? r->sums : NULL;
    struct combine_job combine = {.rows = k->rows, .c = k->c, .dy = {.g = d->dz}, .out = r->out};
    if (k->view) combine.dy = (struct grad_view){.g = d->dz, .y = d->x, .a = d->a, .b = d->b, .c = d->c};
    if (!k->view && k->add) combine.dy.a = d->a; /* a alone */
    struct stats_job stats = {.rows = k->rows, .c = k->c, .x = d->x, .stats = r->stats};
    struct gap_forward gap = {.n = n, .hw = k->rows / n, .c = k->c, .in = d->in, .y = r->gap};
    struct gap_backward gap_back = {.n = n, .hw = k->rows / n, .c = k->c, .dy = d->dz, .in = d->in, .g = r->gap_g};
    gap_back.sums = k->sums ? r->gap_sums : NULL;
    if (k->add) gap_back.dz = d->add, gap_back.factor = d->x; /* a gate's part; any (n,c) numbers will do */
    struct merge_job merge = {.count = count, .size = k->c, .parts = r->stats, .sum = r->merged};
    kernels->affine_plan(&affine), kernels->affine_backward_plan(&backward), kernels->combine_plan(&combine);
    kernels->stats_plan(&stats), kernels->gap_forward_plan(&gap), kernels->gap_backward_plan(&gap_back);
    kernels->merge_plan(&merge);
    for (int64_t i = 0; i < affine.tiles; i++) kernels->affine_run(&affine, case_order(i, affine.tiles, pass));
    for (int64_t i = 0; i < backward.tiles; i++)
        kernels->affine_backward_run(&backward, case_order(i, backward.tiles, pass));
    for (int64_t i = 0; i < combine.tiles; i++) kernels->combine_run(&combine, case_order(i, combine.tiles, pass));
    for (int64_t i = 0; i < stats.tiles; i++) kernels->stats_run(&stats, case_order(i, stats.tiles, pass));
    for (int64_t i = 0; i < gap.tiles; i++) kernels->gap_forward_run(&gap, case_order(i, gap.tiles, pass));
    for (int64_t i = 0; i < gap_back.tiles; i++)
        kernels->gap_backward_run(&gap_back, case_order(i, gap_back.tiles, pass));
    for (int64_t i = 0; i < merge.tiles; i++) kernels->merge_run(&merge, case_order(i, merge.tiles, pass));
}

static void release_level(const struct rows_case *k, int64_t n, struct rows_result *r) {
    int64_t size = k->rows * k->c, sums = conv_blocks(k->rows) * 2 * k->c;
    case_release(r->z, size), case_release(r->g, size), case_release(r->out, size);
    case_release(r->sums, sums), case_release(r->stats, sums);
    case_release(r->gap, n * k->c), case_release(r->gap_g, size), case_release(r->gap_sums, sums);
    free(r->merged);
    *r = no_result;
}

static void check_pooling(const struct rows_case *k, const struct rows_data *d, int64_t n,
                          const struct rows_result *r) {
    int64_t hw = k->rows / n;
    for (int64_t i = 0; i < n * k->c; i++) {
        double sum = 0.0, size = 0.0;
        for (int64_t j = 0; j < hw; j++) {
            float v = case_view_linear(&d->in, d->x[(i / k->c * hw + j) * k->c + i % k->c], i % k->c);
            double y = act_value(k->act, (double)v);
            sum += y, size += fabs(y);
        }
        case_close("mean", i, r->gap[i], sum / (double)hw, size / (double)hw, 7e-6);
    }
    for (int64_t i = 0; i < k->rows * k->c; i++) {
        double g = (double)d->dz[i / k->c / hw * k->c + i % k->c] / (double)hw;
        double gate = k->add ? (double)d->add[i] * d->x[i / k->c / hw * k->c + i % k->c] : 0.0;
        double slope = act_slope(k->act, (double)case_view_linear(&d->in, d->x[i], i % k->c));
        case_close("pooled g", i, r->gap_g[i], (g + gate) * slope, fabs(g) + fabs(gate), 5e-7);
    }
    if (k->sums) check_blocks("pooled sums", r->gap_sums, r->gap_g, d->x, k);
}

static void check_plain(const struct rows_case *k, const struct rows_data *d, int64_t n, const struct rows_result *r) {
    for (int64_t i = 0; i < k->rows * k->c; i++) {
        int64_t c = i % k->c;
        float v = case_view_linear(&d->in, d->x[i], c);
        double added = k->add ? (double)d->add[i] : 0.0;
        double z = act_value(k->act, (double)v), g = act_slope(k->act, (double)v) * (d->dz[i] + added);
        case_close("z", i, r->z[i], z + added, fmax(fabs((double)v), fabs(z)) + fabs(added), 3e-7);
        case_close("g", i, r->g[i], g, 2.0, 3e-7);
        double out = k->view ? (double)d->a[c] * d->dz[i] + (double)d->b[c] * d->x[i] + d->c[c] : (double)d->dz[i];
        if (!k->view && k->add) out *= (double)d->a[c];
        case_close("out", i, r->out[i], out, 5.0, 1e-7);
    }
    if (k->sums) check_blocks("sums", r->sums, r->g, d->x, k);
    check_blocks("stats", r->stats, d->x, d->x, k);
    for (int64_t c = 0; c < k->c; c++) {
        double sum = 0.0;
        for (int64_t i = 0; i < 2 * conv_blocks(k->rows); i++) sum += (double)r->stats[i * k->c + c];
        assert_true(sum == r->merged[c]);
    }
    check_pooling(k, d, n, r);
}

static void rows_case(struct rows_case k, int64_t n) {
    struct rows_data d = rows_open(&k);
    struct rows_result plain, r;
    int64_t size = k.rows * k.c, sums = conv_blocks(k.rows) * 2 * k.c;
    run_level(kernels_of(ISA_PLAIN), &k, &d, n, 0, &plain);
    check_plain(&k, &d, n, &plain);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        run_level(kernels, &k, &d, n, 1 + isa, &r);
        case_equal("z", r.z, plain.z, size), case_equal("g", r.g, plain.g, size),
            case_equal("out", r.out, plain.out, size);
        case_equal("sums", r.sums, plain.sums, sums), case_equal("stats", r.stats, plain.stats, sums);
        case_equal("mean", r.gap, plain.gap, n * k.c), case_equal("pooled g", r.gap_g, plain.gap_g, size);
        case_equal("pooled sums", r.gap_sums, plain.gap_sums, sums);
        assert_memory_equal(r.merged, plain.merged, (size_t)k.c * sizeof *r.merged);
        release_level(&k, n, &r);
    }
    release_level(&k, n, &plain);
    rows_close(&d);
}

static void test_channels(void **state) {
    static const int64_t channels[] = {1, 3, 8, 15, 16, 17, 24, 33, 96, 144, 300, 1280};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        rows_case((struct rows_case){2 * 59, channels[i], true, true, true, ACT_RELU6}, 2);
    }
}

static void test_options(void **state) {
    (void)state;
    for (int v = 0; v < 8 * ACT_COUNT; v++) {
        rows_case((struct rows_case){3 * 39, 20, v & 1, v & 2, v & 4, (enum act)(v / 8 % ACT_COUNT)}, 3);
    }
}

static void test_rows(void **state) {
    static const int64_t rows[] = {1, 3, 111, 112, 113, 224, 500};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rows_case((struct rows_case){rows[i], 17, true, false, true, ACT_RELU}, 1);
        rows_case((struct rows_case){rows[i] * 5, 9, true, true, true, ACT_NONE}, rows[i]);
    }
    rows_case((struct rows_case){4000, 40, true, true, true, ACT_RELU6}, 10); /* several tiles */
}

/* A gradient of which only the sums are wanted. */
static void test_sums_alone(void **state) {
    (void)state;
    struct rows_case k = {250, 33, false, true, true, ACT_NONE};
    struct rows_data d = rows_open(&k);
    int64_t count = conv_blocks(k.rows) * 2 * k.c;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        float *g = case_output(k.rows * k.c), *sums = case_output(count), *alone = case_output(count);
        struct affine_backward job = {
            .rows = k.rows, .c = k.c, .dz = d.dz, .add = d.add, .in = d.in, .g = g, .sums = sums};
        kernels->affine_backward_plan(&job);
        for (int64_t i = 0; i < job.tiles; i++) kernels->affine_backward_run(&job, i);
        job.g = NULL, job.sums = alone;
        for (int64_t i = 0; i < job.tiles; i++) kernels->affine_backward_run(&job, i);
        case_equal("sums", alone, sums, count);
        case_release(g, k.rows * k.c), case_release(sums, count), case_release(alone, count);
    }
    rows_close(&d);
}

/* A clamp of a sum, and its gradient told by what it gave: the bits of the sum alone, and of the masked gradient's sums. */
static void sum_case(struct rows_case k) {
    struct rows_data d = rows_open(&k);
    int64_t size = k.rows * k.c, count = conv_blocks(k.rows) * 2 * k.c;
    struct load_view sum = d.in;
    sum.act = ACT_NONE;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        if (!kernels) continue;
        float *plain = case_output(size), *z = case_output(size), *g = case_output(size), *masked = case_output(size);
        float *sums = case_output(count), *alone = case_output(count);
        struct affine_job forward = {.rows = k.rows, .c = k.c, .in = sum, .add = d.added, .z = plain};
        kernels->affine_plan(&forward);
        for (int64_t i = 0; i < forward.tiles; i++) kernels->affine_run(&forward, i);
        forward.in.act = k.act, forward.add_first = true, forward.z = z;
        for (int64_t i = 0; i < forward.tiles; i++) kernels->affine_run(&forward, i);
        for (int64_t i = 0; i < size; i++) {
            plain[i] = (float)act_value(k.act, plain[i]);
            masked[i] = act_slope(k.act, z[i]) > 0 ? d.dz[i] : 0;
        }
        struct affine_backward job = {.rows = k.rows, .c = k.c, .dz = d.dz, .made = z, .g = g, .sums = sums};
        job.in = (struct load_view){.x = d.x, .act = k.act};
        kernels->affine_backward_plan(&job);
        for (int64_t i = 0; i < job.tiles; i++) kernels->affine_backward_run(&job, i);
        job.in.act = ACT_NONE, job.made = NULL, job.dz = masked, job.g = NULL, job.sums = alone;
        for (int64_t i = 0; i < job.tiles; i++) kernels->affine_backward_run(&job, i);
        case_equal("clamped sum", z, plain, size), case_equal("masked g", g, masked, size);
        case_equal("sums of masked g", sums, alone, count);
        case_release(plain, size), case_release(z, size), case_release(g, size), case_release(masked, size);
        case_release(sums, count), case_release(alone, count);
    }
    rows_close(&d);
}

static void test_sum_first(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++)
        sum_case((struct rows_case){i < 4 ? 250 : 113, i & 2 ? 33 : 16, i & 1, true, true, i % 3 ? ACT_RELU : ACT_RELU6});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels), cmocka_unit_test(test_options),
                                       cmocka_unit_test(test_rows), cmocka_unit_test(test_sums_alone),
                                       cmocka_unit_test(test_sum_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
