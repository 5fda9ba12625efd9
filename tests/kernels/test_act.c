/* test_act.c — every activation and its slope, in vectors against their meaning in double; equal bits at every level.
 *
 * Errors are counted in 2^-24, half of an f32's last place. In the left tail of GELU act_value itself cancels, so the
 * truth there is a form that does not, which is first held to act_value. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

static const double half_ulp = 1.0 / (1 << 24);
/* What is smaller is measured as if it were this large: beyond e^-88 exponentials are 0. */
static const double tiny = 1e-32;

/* How far a value may lie off, relatively, and the slope, absolutely or relatively; what grows does so with x². */
struct accuracy {
    double value, grows, slope;
};
static const struct accuracy accuracies[ACT_COUNT] = {
    [ACT_HARDSIGMOID] = {3, 0, 0}, [ACT_HARDSWISH] = {4, 0, 3}, [ACT_SIGMOID] = {4.5, 0, 3},
    [ACT_SILU] = {4.5, 0, 4},      [ACT_GELU] = {4, 1.5, 5},    [ACT_GELU_TANH] = {4, 2.5, 5},
};

/* act_value, but for cancellation. */
static double value_of(enum act act, double x) {
    double u = 1.5957691216057308 * (x + 0.044715 * x * x * x);
    if (act == ACT_GELU) return 0.5 * x * erfc(-x * 0.70710678118654752);
    if (act == ACT_GELU_TANH) return x / (1.0 + exp(-u));
    return act_value(act, x);
}

/* to = act(x) and slopes = act'(x), by the elementwise kernels: one row. */
static void run_act(const struct kernels *kernels, enum act act, const float *x, int64_t count, float *to,
                    float *slopes) {
    struct affine_job job = {.rows = 1, .c = count, .in = {.x = x, .act = act}, .z = to};
    kernels->affine_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->affine_run(&job, i);
    float *ones = case_input(count, 1.0f, 1.0f, 1);
    struct affine_backward back = {.rows = 1, .c = count, .dz = ones, .in = {.x = x, .act = act}, .g = slopes};
    kernels->affine_backward_plan(&back);
    for (int64_t i = 0; i < back.tiles; i++) kernels->affine_backward_run(&back, i);
    free(ones);
}

/* Where denormals are read as zeros: what passes one on and what makes it a zero are both right. */
static bool denormals_are_zeros;
static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return denormals_are_zeros && (bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits;
}

/* Equal bits, where any NaN equals any other. */
static void same_bits(const char *what, enum act act, int isa, const float *x, const float *found, const float *plain,
                      int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (bits_of(found[i]) == bits_of(plain[i]) || (isnan(found[i]) && isnan(plain[i]))) continue;
        fail_msg("%s of %s at %.9g is %.9g with %s, %.9g with plain C", what, act_name(act), (double)x[i],
                 (double)found[i], cpu_isa_name((enum isa)isa), (double)plain[i]);
    }
}

/* Worst errors in half_ulp: of values, of values where x² may add to them, and of slopes. */
static void check_accuracy(enum act act, const float *x, const float *y, const float *slopes, int64_t count,
                           double worst[3]) {
    const struct accuracy *asked = &accuracies[act];
    for (int64_t i = 0; i < count; i++) {
        double at = (double)x[i], truth = value_of(act, at), slope = act_slope(act, at);
        if (!(fabs(truth - act_value(act, at)) <= 1e-15 * (1 + fabs(at)))) fail_msg("two truths at %.9g", at);
        double off = fabs((double)y[i] - truth) / fmax(fabs(truth), tiny) / half_ulp;
        double off_slope = fabs((double)slopes[i] - slope) / fmax(fabs(slope), 1.0) / half_ulp;
        if (!(off <= asked->value + asked->grows * at * at) || !(off_slope <= asked->slope)) {
            fail_msg("%s at %.9g is %.9g, slope %.9g; expected %.9g and %.9g", act_name(act), at, (double)y[i],
                     (double)slopes[i], truth, slope);
        }
        worst[0] = fmax(worst[0], off / (asked->grows > 0 ? 1 + at * at : 1));
        worst[1] = fmax(worst[1], fabs((double)y[i] - truth) / fmax(fabs(truth), 1.0));
        worst[2] = fmax(worst[2], fabs((double)slopes[i] - slope) / fmax(fabs(slope), 1.0));
    }
}

/* -30 … 30, evenly and around every number where something changes; then powers of two and what lies between. */
enum { EVEN = 1 << 18, NEAR = 9 * 64, POWERS = 2 * 277 * 4, COUNT = EVEN + NEAR + POWERS };
static float *sweep(void) {
    static const float corners[] = {-3.0f, 3.0f, 0.0f, 6.0f, 1.0f, -1.0f, 88.0f, -88.0f, -13.25f};
    float *x = malloc(COUNT * sizeof *x), *to = x + EVEN;
    assert_non_null(x);
    for (int i = 0; i < EVEN; i++) x[i] = -30.0f + 60.0f * (float)i / EVEN;
    for (int i = 0; i < 9; i++, to += 64) {
        to[31] = to[32] = corners[i];
        for (int j = 33; j < 64; j++) to[j] = nextafterf(to[j - 1], INFINITY);
        for (int j = 30; j >= 0; j--) to[j] = nextafterf(to[j + 1], -INFINITY);
    }
    for (int i = 0; i < POWERS; i++) {
        float size = ldexpf(1.0f + 0.25f * (float)(i % 4), i / 8 - 149);
        to[i] = i / 4 % 2 ? -size : size;
    }
    return x;
}

static void values_and_slopes(void **state) {
    (void)state;
    float *x = sweep();
    for (int act = 0; act < ACT_COUNT; act++) {
        float *plain = case_output(COUNT), *plain_slopes = case_output(COUNT);
        double worst[3] = {0};
        run_act(kernels_of(ISA_PLAIN), (enum act)act, x, COUNT, plain, plain_slopes);
        check_accuracy((enum act)act, x, plain, plain_slopes, COUNT, worst);
        print_message("%-12s value within %.2f x 2^-24%s relative, %.2g of max(1, value); slope within %.2g\n",
                      act_name((enum act)act), worst[0], accuracies[act].grows > 0 ? " x (1 + x^2)" : "", worst[1],
                      worst[2]);
        for (int isa = 1; isa < ISA_COUNT; isa++) {
            const struct kernels *kernels = case_level(isa);
            if (!kernels) continue;
            float *y = case_output(COUNT), *slopes = case_output(COUNT);
            run_act(kernels, (enum act)act, x, COUNT, y, slopes);
            same_bits("value", (enum act)act, isa, x, y, plain, COUNT);
            same_bits("slope", (enum act)act, isa, x, slopes, plain_slopes, COUNT);
            case_release(y, COUNT), case_release(slopes, COUNT);
        }
        case_release(plain, COUNT), case_release(plain_slopes, COUNT);
    }
    free(x);
}

/* As the compute team has it: denormals flushed; and any bits at all. */
static void any_bits_at_every_level(void **state) {
    enum { ANY = 1 << 15 };
    (void)state;
    float *x = case_input(ANY, 0.0f, 1.0f, 9);
    uint32_t random = 12345;
    for (int i = 0; i < ANY; i++) {
        uint32_t bits = case_next(&random);
        memcpy(x + i, &bits, sizeof bits);
    }
    unsigned mode = cpu_float_mode();
    for (int act = 0; act < ACT_COUNT; act++) {
        for (int flushed = 0; flushed < 2; flushed++) {
            float *plain = case_output(ANY), *plain_slopes = case_output(ANY);
            if (flushed) cpu_flush_denormals();
            denormals_are_zeros = flushed;
            run_act(kernels_of(ISA_PLAIN), (enum act)act, x, ANY, plain, plain_slopes);
            for (int isa = 1; isa < ISA_COUNT; isa++) {
                const struct kernels *kernels = case_level(isa);
                if (!kernels) continue;
                float *y = case_output(ANY), *slopes = case_output(ANY);
                run_act(kernels, (enum act)act, x, ANY, y, slopes);
                same_bits("value", (enum act)act, isa, x, y, plain, ANY);
                same_bits("slope", (enum act)act, isa, x, slopes, plain_slopes, ANY);
                case_release(y, ANY), case_release(slopes, ANY);
            }
            cpu_set_float_mode(mode);
            denormals_are_zeros = false;
            case_release(plain, ANY), case_release(plain_slopes, ANY);
        }
    }
    free(x);
}

/* NaN goes through, infinities and zeros come out as act_value has them, signs included. */
static void special_numbers(void **state) {
    static const float numbers[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e-45f, -1e-45f};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        for (int act = 0; kernels && act < ACT_COUNT; act++) {
            float *y = case_output(NUMBERS), *slopes = case_output(NUMBERS);
            run_act(kernels, (enum act)act, numbers, NUMBERS, y, slopes);
            for (int i = 0; i < NUMBERS; i++) {
                double found = (double)y[i], expected = act_value((enum act)act, (double)numbers[i]);
                bool same = isnan(expected) ? isnan(found) : found == expected || fabs(found - expected) < 1e-7;
                bool zero_sign = found != 0 || act < ACT_HARDSIGMOID || signbit(found) == signbit(expected);
                if (same && zero_sign && !(isfinite(numbers[i]) && isnan(slopes[i]))) continue;
                fail_msg("%s at %g is %g, slope %g; expected %g (%s)", act_name((enum act)act), (double)numbers[i],
                         found, (double)slopes[i], expected, cpu_isa_name((enum isa)isa));
            }
            case_release(y, NUMBERS), case_release(slopes, NUMBERS);
        }
    }
}

static void tails(void **state) {
    (void)state;
    float *x = case_input(70, -6.0f, 6.0f, 3), plain[70], plain_slopes[70];
    for (int act = 0; act < ACT_COUNT; act++) {
        run_act(kernels_of(ISA_PLAIN), (enum act)act, x, 70, plain, plain_slopes);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            const struct kernels *kernels = case_level(isa);
            for (int64_t count = 1; kernels && count <= 70; count++) {
                float *y = case_output(count), *slopes = case_output(count);
                run_act(kernels, (enum act)act, x, count, y, slopes);
                same_bits("value", (enum act)act, isa, x, y, plain, count);
                same_bits("slope", (enum act)act, isa, x, slopes, plain_slopes, count);
                case_release(y, count), case_release(slopes, count);
            }
        }
    }
    free(x);
}

/* ---- products of more than 16 MiB, which are stored past the caches: every level against plain C ---- */

enum { WIDE_ROWS = 131087, WIDE = 32, NARROW = 3 };

static float *packed(const struct kernels *kernels, const struct conv_shape *s, enum pack_direction direction,
                     const float *w) {
    struct pack_job job = {.s = *s, .direction = direction, .w = w};
    job.packed = case_output((int64_t)(kernels->packed_bytes(s, direction) / sizeof(float)));
    kernels->pack_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pack_run(&job, i);
    return job.packed;
}

static void forward(const struct kernels *kernels, struct conv_forward job, const float *w) {
    float *panels = packed(kernels, &job.s, PACK_FORWARD, w);
    size_t bytes = kernels->conv_forward_plan(&job, 1);
    void *scratch = case_scratch(bytes);
    job.packed = panels;
    for (int64_t i = 0; i < job.tiles; i++) kernels->conv_forward_run(&job, i, scratch);
    case_scratch_release(scratch, bytes);
    case_release(panels, (int64_t)(kernels->packed_bytes(&job.s, PACK_FORWARD) / sizeof(float)));
}

/* y = gelu(x * w), narrow to wide. */
static void wide_forward(const struct kernels *kernels, const float *x, const float *w, float *y, float *stats) {
    struct conv_shape s = {1, WIDE_ROWS, 1, NARROW, WIDE_ROWS, 1, WIDE, 1, 1, 1, 1, 1, 1, 0, 0, 1};
    forward(kernels, (struct conv_forward){.s = s, .in = {.x = x}, .act = ACT_GELU, .y = y, .stats = stats}, w);
}

/* dx = (g * w) · silu'(x), narrow to wide. */
static void wide_backward(const struct kernels *kernels, const float *x, const float *g, const float *w, float *dx,
                          float *sums) {
    struct conv_shape s = {1, WIDE_ROWS, 1, WIDE, WIDE_ROWS, 1, NARROW, 1, 1, 1, 1, 1, 1, 0, 0, 1};
    struct conv_backward job = {.s = s, .dy = {.g = g}, .in = {.x = x, .act = ACT_SILU}, .dx = dx, .sums = sums};
    float *panels = packed(kernels, &s, PACK_BACKWARD, w);
    size_t bytes = kernels->conv_backward_plan(&job, 1);
    void *scratch = case_scratch(bytes);
    job.packed = panels;
    for (int64_t i = 0; i < job.tiles; i++) kernels->conv_backward_run(&job, i, scratch);
    case_scratch_release(scratch, bytes);
    case_release(panels, (int64_t)(kernels->packed_bytes(&s, PACK_BACKWARD) / sizeof(float)));
}

static void products_past_the_caches(void **state) {
    (void)state;
    int64_t wide = (int64_t)WIDE_ROWS * WIDE, sums = conv_blocks(WIDE_ROWS) * 2 * WIDE;
    float *narrow = case_input(WIDE_ROWS * NARROW, -2.0f, 2.0f, 1), *w = case_input(NARROW * WIDE, -2.0f, 2.0f, 2);
    float *x = case_input(wide, -5.0f, 5.0f, 3), *plain[4], *made[4];
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = case_level(isa);
        float **to = isa == ISA_PLAIN ? plain : made;
        if (!kernels) continue;
        for (int i = 0; i < 4; i++) to[i] = case_output(i < 2 ? wide : sums);
        wide_forward(kernels, narrow, w, to[0], to[2]);
        wide_backward(kernels, x, narrow, w, to[1], to[3]);
        for (int i = 0; isa != ISA_PLAIN && i < 4; i++) {
            case_equal(i < 2 ? "product" : "sums", made[i], plain[i], i < 2 ? wide : sums);
            case_release(made[i], i < 2 ? wide : sums);
        }
    }
    for (int i = 0; i < 4; i++) case_release(plain[i], i < 2 ? wide : sums);
    free(narrow), free(w), free(x);
}

/* ---- products with SiLU and nothing else behind the sum: whole tiles of each level, half their rows, half their
 * columns, tails, and a first convolution's windows ---- */

static void products_of_silu(void **state) {
    static const struct conv_shape shapes[] = {
        {1, 1, 63, 19, 1, 63, 48, 1, 1, 1, 1, 1, 1, 0, 0, 1}, {1, 1, 44, 19, 1, 44, 40, 1, 1, 1, 1, 1, 1, 0, 0, 1},
        {1, 1, 63, 19, 1, 63, 44, 1, 1, 1, 1, 1, 1, 0, 0, 1}, {1, 1, 44, 19, 1, 44, 32, 1, 1, 1, 1, 1, 1, 0, 0, 1},
        {1, 9, 70, 3, 5, 35, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1},
    };
    (void)state;
    float *x = case_input(63 * 70, -4.0f, 4.0f, 5), *w = case_input(27 * 48, -1.0f, 1.0f, 6);
    float *bias = case_input(48, -2.0f, 2.0f, 7);
    for (int i = 0; i < 10; i++) {
        struct conv_forward job = {.s = shapes[i / 2], .in = {.x = x}, .act = ACT_SILU, .bias = i % 2 ? bias : NULL};
        int64_t count = job.s.p * job.s.q * job.s.k;
        float *plain = case_output(count), *sums = case_output(count);
        job.y = plain;
        forward(kernels_of(ISA_PLAIN), job, w);
        job.act = ACT_NONE, job.y = sums;
        forward(kernels_of(ISA_PLAIN), job, w);
        for (int64_t j = 0; j < count; j++) {
            double truth = act_value(ACT_SILU, (double)sums[j]);
            if (!(fabs((double)plain[j] - truth) <= 4.5 * half_ulp * fabs(truth)))
                fail_msg("silu of %g", (double)sums[j]);
        }
        job.act = ACT_SILU;
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            const struct kernels *kernels = case_level(isa);
            if (!kernels || isa == ISA_PLAIN) continue;
            float *y = case_output(count);
            job.y = y;
            forward(kernels, job, w);
            case_equal("silu of a product", y, plain, count);
            case_release(y, count);
        }
        case_release(plain, count), case_release(sums, count);
    }
    free(x), free(w), free(bias);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_slopes),        cmocka_unit_test(any_bits_at_every_level),
        cmocka_unit_test(special_numbers),          cmocka_unit_test(tails),
        cmocka_unit_test(products_past_the_caches), cmocka_unit_test(products_of_silu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
