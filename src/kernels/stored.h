/* stored.h — numbers as tensors hold them, f32 or bf16; kernels compute in f32 whatever is stored.
 *
 * What is stored as bf16 is rounded first (stored_round), and sums are taken of the rounded numbers: they are of what a
 * reader will see. Offsets count elements. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_STORED_H
#define SK_KERNELS_STORED_H

#include <stdbool.h>

#include "base/cpu.h"
#include "kernels/simd.h"

#define STORED_INLINE static inline __attribute__((always_inline))

/* Where element `at` lies; NULL stays NULL. */
STORED_INLINE const void *stored_at(const void *p, bool bf16, int64_t at) {
    return p ? (const char *)p + at * (bf16 ? 2 : 4) : NULL;
}
STORED_INLINE void *stored_to(void *p, bool bf16, int64_t at) {
    return p ? (char *)p + at * (bf16 ? 2 : 4) : NULL;
}

/* `lanes` numbers from element `at` on. */
STORED_INLINE vf stored_load(const void *p, bool bf16, int64_t at, int lanes) {
    if (bf16) {
        const uint16_t *from = (const uint16_t *)p + at;
        return lanes == VL ? vload_bf16(from) : vload_bf16_n(from, lanes);
    }
    const float *from = (const float *)p + at;
    return lanes == VL ? vload(from) : vload_n(from, lanes);
}

STORED_INLINE vf stored_round(vf x, bool bf16) {
    return bf16 ? vround_bf16(x) : x;
}

/* How the kernels that store most see to it: as f32, as bf16, or as bf16 by the processor's own instructions. */
enum stored_form { STORED_F32, STORED_BF16, STORED_NATIVE };
static inline enum stored_form stored_form_of(bool bf16) {
    return !bf16 ? STORED_F32 : SIMD_CONVERTS && (cpu_features() & CPU_AVX512_BF16) ? STORED_NATIVE : STORED_BF16;
}
STORED_INLINE vf stored_round_as(vf x, enum stored_form form) {
    return form == STORED_NATIVE ? vround_bf16_native(x) : stored_round(x, form == STORED_BF16);
}
/* Two rounded vectors side by side, `stream`ed where they are a whole line. */
STORED_INLINE void stored_lines(uint16_t *p, vf a, vf b, bool stream, bool native) {
    if (native && stream)
        vstream_bf16_two_native(p, a, b);
    else if (native)
        vstore_bf16_two_native(p, a, b);
    else if (stream)
        vstream_bf16_two(p, a, b);
    else
        vstore_bf16_two(p, a, b);
}

/* x is rounded. */
STORED_INLINE void stored_store(void *p, bool bf16, int64_t at, vf x, int lanes) {
    if (bf16 && lanes == VL)
        vstore_bf16((uint16_t *)p + at, x);
    else if (bf16)
        vstore_bf16_n((uint16_t *)p + at, x, lanes);
    else if (lanes == VL)
        vstore((float *)p + at, x);
    else
        vstore_n((float *)p + at, x, lanes);
}

#endif
