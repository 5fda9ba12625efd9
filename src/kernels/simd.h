/* simd.h — a thin vector vocabulary, so that one kernel source serves every instruction set.
 *
 * A per-ISA kernel file is compiled once per level with -DSK_ISA=plain|avx2|avx512|neon; KERNEL_NAME(f)
 * pastes the level to the name. `vf` holds VL floats; lanes are channels, so an element's additions have
 * the same order at every level, and every level uses fused multiply-add (the plain one fmaf): the levels
 * give equal bits. This is the only kernel file with #if ladders.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_SIMD_H
#define SK_KERNELS_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SK_PASTE2(a, b) a##_##b
#define SK_PASTE(a, b) SK_PASTE2(a, b)
#define KERNEL_NAME(name) SK_PASTE(name, SK_ISA)

#define SK_IS_plain 1
#define SK_IS_avx2 2
#define SK_IS_avx512 3
#define SK_IS_neon 4
#define SK_ISA_NUMBER SK_PASTE(SK_IS, SK_ISA)

/* vpower_eighth: the bits of 2^(k/8), less those of k/8 as an exponent, for k of 0 … 7. */
static const uint32_t simd_eighths[8] = {0x00000000u, 0xfffb95c2u, 0xfff837f0u, 0xfff5fed7u,
                                         0xfff504f3u, 0xfff5672au, 0xfff744fdu, 0xfffac0c7u};

#if SK_ISA_NUMBER == SK_IS_avx512
/* ---- AVX-512 (F, BW, DQ, VL): 16 lanes, 32 registers ---- */
#include <immintrin.h>
enum { VL = 16, SIMD_REGISTERS = 32 };
typedef __m512 vf;
static inline vf vzero(void) { return _mm512_setzero_ps(); }
static inline vf vset(float x) { return _mm512_set1_ps(x); }
static inline vf vload(const float *p) { return _mm512_loadu_ps(p); }
static inline void vstore(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline void vstream(float *p, vf x) { _mm512_stream_ps(p, x); } /* p aligned to a vector; past the caches */
static inline void vstream_end(void) { _mm_sfence(); }                 /* before others may read it */
static inline vf vload_n(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p); }
static inline void vstore_n(float *p, vf x, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), x); }
static inline vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); } /* a*b + c */
static inline vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vabs(vf x) { return _mm512_abs_ps(x); }
/* x where low < v < high, else 0 */
static inline vf vkeep_between(vf x, vf v, vf low, vf high) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(v, low, _CMP_GT_OQ) & _mm512_cmp_ps_mask(v, high, _CMP_LT_OQ), x);
}
/* a where v > bound, else b */
static inline vf vpick_above(vf v, vf bound, vf a, vf b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(v, bound, _CMP_GT_OQ), a);
}
/* a where v > bound or v is NaN, else b */
static inline vf vpick_over(vf v, vf bound, vf a, vf b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(v, bound, _CMP_GT_OQ) | _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), a);
}
/* the number whose sign and exponent are the last nine bits of x: 2^(n - 127) where those hold n of 1 … 254, 0 for 0 */
static inline vf vpower(vf x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 23)); }
/* the same in eighths, of the last twelve bits of x: 2^((n - 1016) / 8), where those hold n of 8 … 2039 */
static inline vf vpower_eighth(vf x) {
    __m512i n = _mm512_castps_si512(x), table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)simd_eighths));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(n, 20), _mm512_permutexvar_epi32(n, table)));
}
/* Bytes as int32: vi has VL of them, v4 always four (a pixel). Sums wrap; they are stored as bytes after a shift. */
typedef __m512i vi;
static inline vi viset(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi vibytes(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline vi vimuladd(vi a, vi b, vi c) { return _mm512_add_epi32(_mm512_mullo_epi32(a, b), c); }
static inline void vistore_bytes(uint8_t *p, vi x, int shift) {
    x = _mm512_max_epi32(_mm512_sra_epi32(x, _mm_cvtsi32_si128(shift)), _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(x));
}
static inline vf vifloat(vi x) { return _mm512_cvtepi32_ps(x); }
/* Up to 64 bytes as words, and two of them, a and b, chosen for every lane: a * (low word of the weight) + b * (high). */
enum { WINDOW = 64 };
typedef struct {
    __m512i low, high;
} vwindow;
static inline vwindow vwindow_load(const uint8_t *p, int n) {
    __m512i bytes = _mm512_maskz_loadu_epi8(n < 64 ? (1ull << n) - 1 : ~0ull, p);
    return (vwindow){_mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)),
                     _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1))};
}
static inline vi vwindow_pick(vwindow w, vi places) { return _mm512_permutex2var_epi16(w.low, places, w.high); }
static inline vi viload(const void *p) { return _mm512_loadu_si512(p); }
static inline vi vidot_add(vi pair, vi weights, vi sum) { return _mm512_add_epi32(_mm512_madd_epi16(pair, weights), sum); }
static inline vi vijoin(vi high, vi low, int shift) { return _mm512_add_epi32(_mm512_slli_epi32(high, (unsigned)shift), low); }
static inline void vistore_bytes_n(uint8_t *p, vi x, int shift, int n) {
    x = _mm512_max_epi32(_mm512_sra_epi32(x, _mm_cvtsi32_si128(shift)), _mm512_setzero_si512());
    _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1u), _mm512_cvtusepi32_epi8(x));
}
static inline vf vround_bf16(vf x) {
    __m512i bits = _mm512_castps_si512(x);
    __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000)), nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    __m512i add = _mm512_mask_blend_epi32(odd, _mm512_set1_epi32(0x7fff), _mm512_set1_epi32(0x8000));
    __m512i sum = _mm512_mask_or_epi32(_mm512_add_epi32(bits, add), nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(~0xffff)));
}
static inline vf simd_widen(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
static inline __m256i simd_cut(vf x) {
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x), 16));
}
static inline vf vload_bf16(const uint16_t *p) { return simd_widen(_mm256_loadu_si256((const __m256i *)p)); }
static inline void vstore_bf16(uint16_t *p, vf x) { _mm256_storeu_si256((__m256i *)p, simd_cut(x)); }
static inline vf vload_bf16_n(const uint16_t *p, int n) {
    return simd_widen(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1u), p));
}
static inline void vstore_bf16_n(uint16_t *p, vf x, int n) {
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1u), simd_cut(x));
}
static inline __m512i simd_cut_two(vf a, vf b) {
    __m512i low = _mm512_srli_epi32(_mm512_castps_si512(a), 16);
    __m512i both = _mm512_mask_mov_epi16(low, 0xaaaaaaaau, _mm512_castps_si512(b)); /* a0 b0 a1 b1 … */
    const __m512i order = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 30, 28, 26, 24, 22,
                                           20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_epi16(order, both);
}
static inline void vstore_bf16_two(uint16_t *p, vf a, vf b) { _mm512_storeu_si512(p, simd_cut_two(a, b)); }
static inline void vstream_bf16_two(uint16_t *p, vf a, vf b) { _mm512_stream_si512((void *)p, simd_cut_two(a, b)); }
/* One instruction rounds and packs where the processor has AVX512_BF16 (CPU_AVX512_BF16); by assembler, since the level is
 * compiled for processors without it, too. The bits are vround_bf16's where denormals are flushed, as compute threads do. */
enum { SIMD_CONVERTS = 1 };
static inline vf vround_bf16_native(vf x) {
    __m256i half;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(x));
    return simd_widen(half);
}
static inline __m512i simd_cut_two_native(vf a, vf b) {
    __m512i both;
    __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(a), "v"(b));
    return both;
}
static inline void vstore_bf16_two_native(uint16_t *p, vf a, vf b) { _mm512_storeu_si512(p, simd_cut_two_native(a, b)); }
static inline void vstream_bf16_two_native(uint16_t *p, vf a, vf b) {
    _mm512_stream_si512((void *)p, simd_cut_two_native(a, b));
}
/* Half a vector, which costs half where no more columns are left. */
enum { HL = 8 };
typedef __m256 vh;
static inline vh vhzero(void) { return _mm256_setzero_ps(); }
static inline vh vhload(const float *p) { return _mm256_loadu_ps(p); }
static inline vh vhload_n(const float *p, int n) { return _mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1u), p); }
static inline vh vhfma(float a, vh b, vh c) { return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c); }
static inline vf vwiden(vh x) { return _mm512_zextps256_ps512(x); }
/* Row i of r becomes its column i: pairs, then fours within quarters of a vector, then the quarters. */
static inline void vtranspose(vf r[VL]) {
    vf b[VL];
    for (int q = 0; q < VL; q += 4) {
        __m512d low0 = _mm512_castps_pd(_mm512_unpacklo_ps(r[q], r[q + 1]));
        __m512d low2 = _mm512_castps_pd(_mm512_unpacklo_ps(r[q + 2], r[q + 3]));
        __m512d high0 = _mm512_castps_pd(_mm512_unpackhi_ps(r[q], r[q + 1]));
        __m512d high2 = _mm512_castps_pd(_mm512_unpackhi_ps(r[q + 2], r[q + 3]));
        b[q] = _mm512_castpd_ps(_mm512_unpacklo_pd(low0, low2));
        b[q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low0, low2));
        b[q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high0, high2));
        b[q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high0, high2));
    }
    for (int m = 0; m < 4; m++) {
        vf even0 = _mm512_shuffle_f32x4(b[m], b[4 + m], 0x88), odd0 = _mm512_shuffle_f32x4(b[m], b[4 + m], 0xdd);
        vf even8 = _mm512_shuffle_f32x4(b[8 + m], b[12 + m], 0x88), odd8 = _mm512_shuffle_f32x4(b[8 + m], b[12 + m], 0xdd);
        r[m] = _mm512_shuffle_f32x4(even0, even8, 0x88), r[8 + m] = _mm512_shuffle_f32x4(even0, even8, 0xdd);
        r[4 + m] = _mm512_shuffle_f32x4(odd0, odd8, 0x88), r[12 + m] = _mm512_shuffle_f32x4(odd0, odd8, 0xdd);
    }
}
#elif SK_ISA_NUMBER == SK_IS_avx2
/* ---- AVX2 + FMA: 8 lanes, 16 registers ---- */
#include <immintrin.h>
enum { VL = 8, SIMD_REGISTERS = 16 };
typedef __m256 vf;
static inline __m256i simd_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vzero(void) { return _mm256_setzero_ps(); }
static inline vf vset(float x) { return _mm256_set1_ps(x); }
static inline vf vload(const float *p) { return _mm256_loadu_ps(p); }
static inline void vstore(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline void vstream(float *p, vf x) { _mm256_stream_ps(p, x); }
static inline void vstream_end(void) { _mm_sfence(); }
static inline vf vload_n(const float *p, int n) { return _mm256_maskload_ps(p, simd_mask(n)); }
static inline void vstore_n(float *p, vf x, int n) { _mm256_maskstore_ps(p, simd_mask(n), x); }
static inline vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vabs(vf x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
static inline vf vkeep_between(vf x, vf v, vf low, vf high) {
    return _mm256_and_ps(x, _mm256_and_ps(_mm256_cmp_ps(v, low, _CMP_GT_OQ), _mm256_cmp_ps(v, high, _CMP_LT_OQ)));
}
static inline vf vpick_above(vf v, vf bound, vf a, vf b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(v, bound, _CMP_GT_OQ));
}
static inline vf vpick_over(vf v, vf bound, vf a, vf b) {
    return _mm256_blendv_ps(b, a, _mm256_or_ps(_mm256_cmp_ps(v, bound, _CMP_GT_OQ), _mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
}
static inline vf vpower(vf x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23)); }
static inline vf vpower_eighth(vf x) {
    __m256i n = _mm256_castps_si256(x), table = _mm256_loadu_si256((const __m256i *)simd_eighths);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(n, 20), _mm256_permutevar8x32_epi32(table, n)));
}
typedef __m256i vi;
static inline vi viset(int32_t x) { return _mm256_set1_epi32(x); }
static inline vi vibytes(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
static inline vi vimuladd(vi a, vi b, vi c) { return _mm256_add_epi32(_mm256_mullo_epi32(a, b), c); }
static inline void vistore_bytes(uint8_t *p, vi x, int shift) {
    x = _mm256_sra_epi32(x, _mm_cvtsi32_si128(shift));
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    /* Words above 32767 are taken as negative by the next step. */
    words = _mm_min_epu16(words, _mm_set1_epi16(255));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}
static inline vf vifloat(vi x) { return _mm256_cvtepi32_ps(x); }
static inline vf vround_bf16(vf x) {
    __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    sum = _mm256_blendv_epi8(sum, quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    return _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(~0xffff)));
}
static inline vf vload_bf16(const uint16_t *p) {
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline void vstore_bf16(uint16_t *p, vf x) {
    __m256i low = _mm256_srli_epi32(_mm256_castps_si256(x), 16);
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}
static inline void vtranspose(vf r[VL]) {
    vf b[VL];
    for (int q = 0; q < VL; q += 4) {
        __m256d low0 = _mm256_castps_pd(_mm256_unpacklo_ps(r[q], r[q + 1]));
        __m256d low2 = _mm256_castps_pd(_mm256_unpacklo_ps(r[q + 2], r[q + 3]));
        __m256d high0 = _mm256_castps_pd(_mm256_unpackhi_ps(r[q], r[q + 1]));
        __m256d high2 = _mm256_castps_pd(_mm256_unpackhi_ps(r[q + 2], r[q + 3]));
        b[q] = _mm256_castpd_ps(_mm256_unpacklo_pd(low0, low2));
        b[q + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low0, low2));
        b[q + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high0, high2));
        b[q + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high0, high2));
    }
    for (int m = 0; m < 4; m++) {
        r[m] = _mm256_permute2f128_ps(b[m], b[4 + m], 0x20);
        r[4 + m] = _mm256_permute2f128_ps(b[m], b[4 + m], 0x31);
    }
}
#elif SK_ISA_NUMBER == SK_IS_neon
/* ---- NEON (aarch64): 4 lanes, 32 registers ---- */
#include <arm_neon.h>
enum { VL = 4, SIMD_REGISTERS = 32 };
typedef float32x4_t vf;
static inline vf vzero(void) { return vdupq_n_f32(0.0f); }
static inline vf vset(float x) { return vdupq_n_f32(x); }
static inline vf vload(const float *p) { return vld1q_f32(p); }
static inline void vstore(float *p, vf x) { vst1q_f32(p, x); }
static inline void vstream(float *p, vf x) { vst1q_f32(p, x); }
static inline void vstream_end(void) {}
static inline vf vload_n(const float *p, int n) {
    float lanes[4] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vld1q_f32(lanes);
}
static inline void vstore_n(float *p, vf x, int n) {
    float lanes[4];
    vst1q_f32(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
static inline vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
/* As x86: the second operand where the comparison is false, so that NaN and signed zeros agree. */
static inline vf vmax(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf vmin(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf vdiv(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf vabs(vf x) { return vabsq_f32(x); }
static inline vf vkeep_between(vf x, vf v, vf low, vf high) {
    uint32x4_t keep = vandq_u32(vcgtq_f32(v, low), vcltq_f32(v, high));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), keep));
}
static inline vf vpick_above(vf v, vf bound, vf a, vf b) { return vbslq_f32(vcgtq_f32(v, bound), a, b); }
static inline vf vpick_over(vf v, vf bound, vf a, vf b) {
    return vbslq_f32(vorrq_u32(vcgtq_f32(v, bound), vmvnq_u32(vceqq_f32(v, v))), a, b);
}
static inline vf vpower(vf x) { return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(x), 23)); }
static inline vf vpower_eighth(vf x) {
    uint32x4_t n = vreinterpretq_u32_f32(x), k = vandq_u32(n, vdupq_n_u32(7));
    uint8x16_t bytes = vreinterpretq_u8_u32(vmlaq_n_u32(vdupq_n_u32(0x03020100u), k, 0x04040404u));
    uint8x16x2_t table = {{vld1q_u8((const uint8_t *)simd_eighths), vld1q_u8((const uint8_t *)(simd_eighths + 4))}};
    uint32x4_t eighth = vreinterpretq_u32_u8(vqtbl2q_u8(table, bytes));
    return vreinterpretq_f32_u32(vaddq_u32(vshlq_n_u32(n, 20), eighth));
}
typedef int32x4_t vi;
static inline vi viset(int32_t x) { return vdupq_n_s32(x); }
static inline vi vibytes(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    uint16x8_t words = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}
static inline vi vimuladd(vi a, vi b, vi c) { return vmlaq_s32(c, a, b); }
static inline void vistore_bytes(uint8_t *p, vi x, int shift) {
    uint16x4_t words = vqmovun_s32(vshlq_s32(x, vdupq_n_s32(-shift)));
    uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(words, words))), 0);
    memcpy(p, &four, sizeof four);
}
static inline vf vifloat(vi x) { return vcvtq_f32_s32(x); }
typedef vi v4;
static inline v4 v4set(int32_t x) { return viset(x); }
static inline v4 v4bytes(const uint8_t *p) { return vibytes(p); }
static inline v4 v4muladd(v4 a, v4 b, v4 c) { return vimuladd(a, b, c); }
static inline void v4store_bytes(uint8_t *p, v4 x, int shift) { vistore_bytes(p, x, shift); }
/* The five pixels of three bytes from from[1] on in reverse order; reads from[0] and writes to[15], which mean nothing. */
static inline void mirror_five(const uint8_t *from, uint8_t *to) {
    static const uint8_t order[16] = {13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0};
    vst1q_u8(to, vqtbl1q_u8(vld1q_u8(from), vld1q_u8(order)));
}
static inline vf vround_bf16(vf x) {
    uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t sum = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    sum = vbslq_u32(vceqq_f32(x, x), sum, vorrq_u32(bits, vdupq_n_u32(0x400000)));
    return vreinterpretq_f32_u32(vandq_u32(sum, vdupq_n_u32(0xffff0000u)));
}
static inline vf vload_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
static inline void vstore_bf16(uint16_t *p, vf x) { vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_f32(x), 16)); }
static inline void vtranspose(vf r[VL]) {
    float32x4x2_t low = vtrnq_f32(r[0], r[1]), high = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
    r[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
    r[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
    r[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
}
#else
/* ---- plain C: one lane; the meaning of all the others ---- */
enum { VL = 1, SIMD_REGISTERS = 16 };
typedef float vf;
static inline vf vzero(void) { return 0.0f; }
static inline vf vset(float x) { return x; }
static inline vf vload(const float *p) { return *p; }
static inline void vstore(float *p, vf x) { *p = x; }
static inline void vstream(float *p, vf x) { *p = x; }
static inline void vtranspose(vf r[VL]) { (void)r; } /* rows of r become its columns */
static inline void vstream_end(void) {}
static inline vf vload_n(const float *p, int n) { return n > 0 ? *p : 0.0f; }
static inline void vstore_n(float *p, vf x, int n) {
    if (n > 0) *p = x;
}
static inline vf vadd(vf a, vf b) { return a + b; }
static inline vf vsub(vf a, vf b) { return a - b; }
static inline vf vmul(vf a, vf b) { return a * b; }
static inline vf vfma(vf a, vf b, vf c) { return fmaf(a, b, c); }
static inline vf vmax(vf a, vf b) { return a > b ? a : b; }
static inline vf vmin(vf a, vf b) { return a < b ? a : b; }
static inline vf vdiv(vf a, vf b) { return a / b; }
static inline vf vabs(vf x) { return fabsf(x); }
static inline vf vkeep_between(vf x, vf v, vf low, vf high) { return v > low && v < high ? x : 0.0f; }
static inline vf vpick_above(vf v, vf bound, vf a, vf b) { return v > bound ? a : b; }
static inline vf vpick_over(vf v, vf bound, vf a, vf b) { return v > bound || v != v ? a : b; }
static inline vf vpower(vf x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits <<= 23;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline vf vpower_eighth(vf x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits << 20) + simd_eighths[bits & 7];
    memcpy(&x, &bits, sizeof x);
    return x;
}
typedef int32_t vi;
static inline vi viset(int32_t x) { return x; }
static inline vi vibytes(const uint8_t *p) { return *p; }
static inline vi vimuladd(vi a, vi b, vi c) { return (int32_t)((uint32_t)a * (uint32_t)b + (uint32_t)c); }
static inline void vistore_bytes(uint8_t *p, vi x, int shift) {
    x >>= shift; /* an arithmetic shift on every compiler we build with */
    *p = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}
static inline vf vifloat(vi x) { return (float)x; }
typedef struct {
    int32_t lane[4];
} v4;
static inline v4 v4set(int32_t x) { return (v4){{x, x, x, x}}; }
static inline v4 v4bytes(const uint8_t *p) { return (v4){{p[0], p[1], p[2], p[3]}}; }
static inline v4 v4muladd(v4 a, v4 b, v4 c) {
    for (int i = 0; i < 4; i++) c.lane[i] = vimuladd(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}
static inline void v4store_bytes(uint8_t *p, v4 x, int shift) {
    for (int i = 0; i < 4; i++) vistore_bytes(p + i, x.lane[i], shift);
}
static inline void mirror_five(const uint8_t *from, uint8_t *to) {
    for (int i = 0; i < 5; i++) memcpy(to + (size_t)(3 * i), from + (size_t)(13 - 3 * i), 3);
    to[15] = from[0];
}
/* bf16 is a float's upper half. vround_bf16 rounds to nearest, ties to even, and keeps a NaN one; loads are exact, and
 * stores cut the lower half off, which a rounded vector has none of. */
static inline vf vround_bf16(vf x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (x != x ? bits | 0x400000u : bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline vf vload_bf16(const uint16_t *p) {
    uint32_t bits = (uint32_t)*p << 16;
    vf x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline void vstore_bf16(uint16_t *p, vf x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    *p = (uint16_t)(bits >> 16);
}
#endif

#if SK_ISA_NUMBER == SK_IS_avx512 || SK_ISA_NUMBER == SK_IS_avx2
/* Rows and columns of eight by eight exchanged. */
static inline void transpose_eight(const int32_t *from, int32_t *to) {
    __m256i a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = _mm256_loadu_si256((const __m256i *)(from + 8 * i));
    for (int i = 0; i < 4; i++) {
        b[2 * i] = _mm256_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm256_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        a[4 * i] = _mm256_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
        a[4 * i + 1] = _mm256_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
        a[4 * i + 2] = _mm256_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
        a[4 * i + 3] = _mm256_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_si256((__m256i *)(to + 8 * i), _mm256_permute2x128_si256(a[i], a[i + 4], 0x20));
        _mm256_storeu_si256((__m256i *)(to + 8 * i + 32), _mm256_permute2x128_si256(a[i], a[i + 4], 0x31));
    }
}
/* Sixteen red, green and blue bytes as sixteen pixels. */
static inline void interleave_three(const uint8_t *red, const uint8_t *green, const uint8_t *blue, uint8_t *to) {
    static const int8_t order[3][3][16] = {
        {{0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5}, {-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1},
         {-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1}},
        {{-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1}, {5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10},
         {-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1}},
        {{-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1}, {-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1},
         {10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15}}};
    __m128i from[3] = {_mm_loadu_si128((const __m128i *)red), _mm_loadu_si128((const __m128i *)green),
                       _mm_loadu_si128((const __m128i *)blue)};
    for (int part = 0; part < 3; part++) {
        __m128i sum = _mm_setzero_si128();
        for (int c = 0; c < 3; c++)
            sum = _mm_or_si128(sum, _mm_shuffle_epi8(from[c], _mm_loadu_si128((const __m128i *)order[part][c])));
        _mm_storeu_si128((__m128i *)(to + 16 * part), sum);
    }
}
typedef __m128i v4;
static inline v4 v4set(int32_t x) { return _mm_set1_epi32(x); }
static inline v4 v4bytes(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
}
static inline v4 v4muladd(v4 a, v4 b, v4 c) { return _mm_add_epi32(_mm_mullo_epi32(a, b), c); }
static inline void v4store_bytes(uint8_t *p, v4 x, int shift) {
    x = _mm_sra_epi32(x, _mm_cvtsi32_si128(shift));
    x = _mm_min_epu16(_mm_packus_epi32(x, x), _mm_set1_epi16(255));
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(x, x));
    memcpy(p, &four, sizeof four);
}
static inline void mirror_five(const uint8_t *from, uint8_t *to) {
    const __m128i order = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)from), order));
}
#endif

#if SK_ISA_NUMBER != SK_IS_avx512
/* Not inlined: they are long, and at the ends of rows alone. */
static __attribute__((noinline, unused)) vf vload_bf16_n(const uint16_t *p, int n) {
    uint16_t lanes[VL] = {0};
    for (int i = 0; i < n; i++) lanes[i] = p[i];
    return vload_bf16(lanes);
}
static __attribute__((noinline, unused)) void vstore_bf16_n(uint16_t *p, vf x, int n) {
    uint16_t lanes[VL];
    vstore_bf16(lanes, x);
    for (int i = 0; i < n; i++) p[i] = lanes[i];
}
/* Two vectors side by side: a whole line of bf16 where a vector of floats is one. */
static inline void vstore_bf16_two(uint16_t *p, vf a, vf b) { vstore_bf16(p, a), vstore_bf16(p + VL, b); }
static inline void vstream_bf16_two(uint16_t *p, vf a, vf b) { vstore_bf16_two(p, a, b); }
/* No instruction for it: SIMD_CONVERTS = 0 says that these are never reached. */
enum { SIMD_CONVERTS = 0 };
static inline vf vround_bf16_native(vf x) { return vround_bf16(x); }
static inline void vstore_bf16_two_native(uint16_t *p, vf a, vf b) { vstore_bf16_two(p, a, b); }
static inline void vstream_bf16_two_native(uint16_t *p, vf a, vf b) { vstream_bf16_two(p, a, b); }
/* No windows: WINDOW = 0 says that these are never reached. */
enum { WINDOW = 0 };
typedef vi vwindow;
static inline vwindow vwindow_load(const uint8_t *p, int n) { return viset(p[n]); }
static inline vi vwindow_pick(vwindow w, vi places) { return vimuladd(w, places, w); }
static inline vi viload(const void *p) { return vibytes(p); }
static inline vi vidot_add(vi pair, vi weights, vi sum) { return vimuladd(pair, weights, sum); }
static inline vi vijoin(vi high, vi low, int shift) { return vimuladd(high, viset(shift), low); }
static inline void vistore_bytes_n(uint8_t *p, vi x, int shift, int n) { vistore_bytes(p + n, x, shift); }
/* No half vectors: HL = 0 says that these are never reached. */
enum { HL = 0 };
typedef vf vh;
static inline vh vhzero(void) { return vzero(); }
static inline vh vhload(const float *p) { return vload(p); }
static inline vh vhload_n(const float *p, int n) { return vload_n(p, n); }
static inline vh vhfma(float a, vh b, vh c) { return vfma(vset(a), b, c); }
static inline vf vwiden(vh x) { return x; }
#endif

#if SK_ISA_NUMBER == SK_IS_neon || SK_ISA_NUMBER == SK_IS_plain
static inline void transpose_eight(const int32_t *from, int32_t *to) {
    for (int i = 0; i < 64; i++) to[i] = from[i % 8 * 8 + i / 8];
}
static inline void interleave_three(const uint8_t *red, const uint8_t *green, const uint8_t *blue, uint8_t *to) {
    for (int i = 0; i < 16; i++) to[3 * i] = red[i], to[3 * i + 1] = green[i], to[3 * i + 2] = blue[i];
}
#endif

/* The first `lanes` of a vector, of 1 to VL; where all of them are there, by the instruction for whole ones. Forced inline:
 * callers count on `lanes` being a constant. */
static inline __attribute__((always_inline)) vf vload_lanes(const float *p, int lanes) {
    return lanes == VL ? vload(p) : vload_n(p, lanes);
}
static inline __attribute__((always_inline)) void vstore_lanes(float *p, vf x, int lanes) {
    if (lanes == VL)
        vstore(p, x);
    else
        vstore_n(p, x, lanes);
}

#endif
