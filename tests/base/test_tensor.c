/* test_tensor.c — shapes and conversions to f32. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/tensor.h"

static void shapes(void **state) {
    (void)state;
    struct shape a = {.rank = 3, .dim = {3, 224, 224}}, scalar = {0};
    int64_t count;
    char text[64], tiny[6];
    assert_int_equal(shape_count(&a, &count), SK_OK);
    assert_int_equal(count, 150528);
    assert_int_equal(shape_elements(&a), 150528);
    assert_string_equal(shape_text(&a, text, sizeof text), "(3, 224, 224)");
    assert_string_equal(shape_text(&a, tiny, sizeof tiny), "(3, 2");
    assert_int_equal(shape_count(&scalar, &count), SK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(shape_text(&scalar, text, sizeof text), "()");
    struct shape b = a;
    assert_true(shape_equal(&a, &b));
    b.dim[2] = 223;
    assert_false(shape_equal(&a, &b));
    b.rank = 2;
    assert_false(shape_equal(&a, &b));
}

static void unsound_shapes_are_refused(void **state) {
    (void)state;
    int64_t count = 5;
    struct shape negative = {.rank = 2, .dim = {3, -1}};
    struct shape huge = {.rank = 3, .dim = {1ll << 31, 1ll << 31, 4}};
    struct shape empty = {.rank = 4, .dim = {1ll << 62, 1ll << 62, 1ll << 62, 0}};
    struct shape deep = {.rank = 9};
    assert_int_equal(shape_count(&negative, &count), SK_ESHAPE);
    assert_string_equal(sk_error(), "shape (3, -1) has a negative dimension");
    assert_int_equal(shape_count(&huge, &count), SK_ESHAPE);
    assert_int_equal(shape_count(&deep, &count), SK_ESHAPE);
    assert_int_equal(count, 5);
    assert_int_equal(shape_count(&empty, &count), SK_OK);
    assert_int_equal(count, 0);
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static void halves(void **state) {
    (void)state;
    assert_int_equal(bits_of(f16_to_f32(0x3c00)), 0x3f800000);
    assert_int_equal(bits_of(f16_to_f32(0xc000)), 0xc0000000);
    assert_int_equal(bits_of(f16_to_f32(0x7bff)), bits_of(65504.0f));
    assert_int_equal(bits_of(f16_to_f32(0x0001)), bits_of(0x1p-24f));
    assert_int_equal(bits_of(f16_to_f32(0x03ff)), bits_of(1023 * 0x1p-24f));
    assert_int_equal(bits_of(f16_to_f32(0x8000)), 0x80000000);
    assert_int_equal(bits_of(f16_to_f32(0xfc00)), 0xff800000);
    assert_true(isnan(f16_to_f32(0x7e01)));
    /* Every finite f16 against ldexp. */
    for (uint32_t h = 0; h < 0x7c00; h++) {
        int exponent = (int)(h >> 10), fraction = (int)(h & 0x3ff);
        double want = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        assert_true((double)f16_to_f32((uint16_t)h) == want);
    }
}

static void bf16_rounds_to_nearest_even(void **state) {
    (void)state;
    static const uint32_t cases[][2] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x7f7fffff, 0x7f80},
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x80000000, 0x8000}, {0x7f800001, 0x7fc0}, {0x00000001, 0x0000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float value;
        memcpy(&value, &cases[i][0], 4);
        assert_int_equal(f32_to_bf16(value), cases[i][1]);
    }
    for (uint32_t b = 0; b < 0x7f80; b++) assert_int_equal(f32_to_bf16(bf16_to_f32((uint16_t)b)), b);
}

static void every_type_converts(void **state) {
    (void)state;
    float out[3];
    tensor_to_f32(F32, (float[]){1.5f, -2, 0}, out, 3);
    assert_true(out[0] == 1.5f && out[1] == -2 && out[2] == 0);
    tensor_to_f32(F64, (double[]){0.1, -3, 1e300}, out, 3);
    assert_true(out[0] == 0.1f && out[1] == -3 && isinf(out[2]));
    tensor_to_f32(F16, (uint16_t[]){0x3c00, 0xc000, 0}, out, 3);
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 0);
    tensor_to_f32(BF16, (uint16_t[]){0x3f80, 0xc000, 0}, out, 3);
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 0);
    tensor_to_f32(U8, (uint8_t[]){0, 255, 7}, out, 3);
    assert_true(out[0] == 0 && out[1] == 255 && out[2] == 7);
    tensor_to_f32(S8, (int8_t[]){-128, 127, 0}, out, 3);
    assert_true(out[0] == -128 && out[1] == 127 && out[2] == 0);
    tensor_to_f32(S16, (int16_t[]){-32768, 1, 0}, out, 3);
    assert_true(out[0] == -32768 && out[1] == 1);
    tensor_to_f32(S32, (int32_t[]){16777217, -5, 0}, out, 3);
    assert_true(out[0] == 16777216 && out[1] == -5);
    tensor_to_f32(I64, (int64_t[]){1ll << 40, -5, 0}, out, 3);
    assert_true(out[0] == 0x1p40f && out[1] == -5);
    tensor_to_f32(BOOL8, (uint8_t[]){0, 1, 2}, out, 3);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 1);
    static const size_t sizes[DTYPE_COUNT] = {4, 8, 2, 2, 1, 1, 2, 4, 8, 1};
    for (int i = 0; i < DTYPE_COUNT; i++) {
        assert_int_equal(dtype_size((enum dtype)i), sizes[i]);
        assert_non_null(dtype_name((enum dtype)i));
    }
    assert_string_equal(dtype_name(BF16), "bf16");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(unsound_shapes_are_refused),
        cmocka_unit_test(halves),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(every_type_converts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
