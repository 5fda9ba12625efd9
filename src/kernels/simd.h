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
/* the number whose sign and exponent are the last nine bits of x: 2^(n - 127) where those hold n of 1 … 254, 0 for 0 */
static inline vf vpower(vf x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 23)); }
/* Half a vector, which costs half where no more columns are left. */
enum { HL = 8 };
typedef __m256 vh;
static inline vh vhzero(void) { return _mm256_setzero_ps(); }
static inline vh vhload(const float *p) { return _mm256_loadu_ps(p); }
static inline vh vhload_n(const float *p, int n) { return _mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1u), p); }
static inline vh vhfma(float a, vh b, vh c) { return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c); }
static inline vf vwiden(vh x) { return _mm512_zextps256_ps512(x); }
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
static inline vf vpower(vf x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23)); }
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
static inline vf vpower(vf x) { return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(x), 23)); }
#else
/* ---- plain C: one lane; the meaning of all the others ---- */
enum { VL = 1, SIMD_REGISTERS = 16 };
typedef float vf;
static inline vf vzero(void) { return 0.0f; }
static inline vf vset(float x) { return x; }
static inline vf vload(const float *p) { return *p; }
static inline void vstore(float *p, vf x) { *p = x; }
static inline void vstream(float *p, vf x) { *p = x; }
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
static inline vf vpower(vf x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits <<= 23;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#endif

#if SK_ISA_NUMBER != SK_IS_avx512
/* No half vectors: HL = 0 says that these are never reached. */
enum { HL = 0 };
typedef vf vh;
static inline vh vhzero(void) { return vzero(); }
static inline vh vhload(const float *p) { return vload(p); }
static inline vh vhload_n(const float *p, int n) { return vload_n(p, n); }
static inline vh vhfma(float a, vh b, vh c) { return vfma(vset(a), b, c); }
static inline vf vwiden(vh x) { return x; }
#endif

#endif
