/* test_stored.c — rounding to bf16, and loads and stores of it, through a gate of ones: every kind of number, all tails,
 * every level, against the scalar conversion; and through products, where rounding is the processor's own if it has an
 * instruction for it: the same bits as without.
 *
 * In the mode that compute threads have: denormals are flushed, so that a number to be rounded is none.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tensor.h"
#include "kernels/harness.h"

static float of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Zeros, denormals, ties to even both ways and their neighbours, the largest, what rounds to infinity, quiet NaNs. */
static const uint32_t special[] = {0,          0x80000000, 1,          0x00008000, 0x00018000, 0x007fffff, 0x807f8000,
                                   0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0xbf808000, 0xbf818001, 0x7f7f7fff,
                                   0x7f7f8000, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fffffff, 0xffffffff};
enum { SPECIALS = sizeof special / sizeof *special, HW = 3 };

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* What arithmetic makes of x where denormals are flushed. */
static float flushed(float x) {
    return bits_of(x) & 0x7f800000 ? x : of_bits(bits_of(x) & 0x80000000);
}

static void check_half(uint16_t got, float from, int64_t c, int64_t i) {
    bool nan = (got & 0x7fff) > 0x7f80;
    if (isnan(from) ? !nan : got != f32_to_bf16(flushed(from)))
        fail_msg("%s: c %lld, %lld: %a became %04x", case_name, (long long)c, (long long)i, (double)from, got);
}

static void one_case(const struct kernels *kernels, int64_t c) {
    size_t count = (size_t)(HW * c);
    struct guarded x = guard_new(count), gate = guard_new((size_t)c);
    uint16_t *y = aligned_alloc(64, (2 * count + 64 + 63) / 64 * 64), *again = malloc(2 * count);
    assert_true(y && again);
    for (size_t i = 0; i < count; i++) x.data[i] = of_bits(special[(i * 5 + (size_t)c) % SPECIALS]);
    for (int64_t i = 0; i < c; i++) gate.data[i] = 1;
    for (int turn = 0; turn < 2; turn++) { /* from f32; then from bf16, which changes nothing */
        struct gate_forward f = {.n = 1, .hw = HW, .c = c, .gate = gate.data, .y = y, .y_bf16 = true};
        f.in = (struct load_view){.x = turn ? (const void *)again : x.data, .bf16 = turn};
        for (size_t i = count; i < count + 32; i++) y[i] = 0xa5a5;
        kernels->gate_forward_plan(&f);
        for (int64_t i = 0; i < f.tiles; i++) kernels->gate_forward_run(&f, i);
        for (size_t i = 0; i < count; i++) check_half(y[i], x.data[i], c, (int64_t)i);
        for (size_t i = count; i < count + 32; i++) assert_int_equal(y[i], 0xa5a5);
        memcpy(again, y, 2 * count);
    }
    free(y), free(again);
    guard_free(&x), guard_free(&gate);
}

static void rounding(void **state) {
    (void)state;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = level_here(isa);
        if (!kernels) continue;
        CASE("%s", cpu_isa_name((enum isa)isa));
        for (int64_t c = 1; c <= 70; c++) one_case(kernels, c);
    }
}

/* ---- products: the identity times B, whose elements are the numbers ---- */

enum { ROWS = 28, COLS = 80 };

static void product(const struct kernels *kernels, const float *x, uint16_t *y) {
    struct conv_shape s = {.n = 1, .h = ROWS, .w = 1, .c = ROWS, .k = COLS, .r = 1, .s = 1, .p = ROWS, .q = 1};
    s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = s.groups = 1;
    struct guarded one = guard_new(ROWS * ROWS), scratch, packed;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) one.data[i * ROWS + j] = i == j;
    packed = guard_new(kernels->packed_bytes(&s, PACK_FORWARD) / sizeof(float));
    struct pack_job pack = {.s = s, .direction = PACK_FORWARD, .w = x, .packed = packed.data};
    kernels->pack_plan(&pack);
    for (int64_t i = 0; i < pack.tiles; i++) kernels->pack_run(&pack, i);
    struct conv_forward f = {.s = s, .in = {.x = one.data}, .packed = packed.data, .y = y, .y_bf16 = true};
    scratch = guard_new(kernels->conv_forward_plan(&f, 1) / sizeof(float) + 1);
    for (int64_t i = 0; i < f.tiles; i++) kernels->conv_forward_run(&f, i, scratch.data);
    guard_free(&one), guard_free(&packed), guard_free(&scratch);
}

/* Every upper half of a finite float, with lower halves around the ties. */
static void products_round(void **state) {
    static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    static float x[ROWS * COLS];
    static uint16_t plain[ROWS * COLS], other[ROWS * COLS];
    (void)state;
    for (uint32_t at = 0; at < 6 * 0x7f80 * 2; at += ROWS * COLS) {
        for (uint32_t i = 0; i < ROWS * COLS; i++) {
            uint32_t n = (at + i) % (6 * 0x7f80 * 2), upper = n / 12;
            x[i] = of_bits((n / 6 % 2) << 31 | upper << 16 | lower[n % 6]);
        }
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            const struct kernels *kernels = level_here(isa);
            if (!kernels) continue;
            CASE("%s", cpu_isa_name((enum isa)isa));
            product(kernels, x, plain);
            for (int64_t i = 0; i < ROWS * COLS; i++) check_half(plain[i], flushed(x[i]) + 0.0f, COLS, i);
            cpu_leave_out(CPU_AVX512_BF16);
            product(kernels, x, other);
            cpu_leave_out(0);
            assert_memory_equal(plain, other, sizeof plain);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounding), cmocka_unit_test(products_round)};
    cpu_flush_denormals();
    return cmocka_run_group_tests(tests, levels_report, NULL);
}
