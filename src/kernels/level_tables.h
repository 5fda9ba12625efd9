/* level_tables.h — the tables of those levels that this build has.
 *
 * The build defines SISKIN_HAVE_<LEVEL> as 1 for each level it compiled. BUILT(x) is 1 where x is defined as 1,
 * else 0, so that a table that was not built is never referred to and no #if is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_LEVEL_TABLES_H
#define SK_KERNELS_LEVEL_TABLES_H

#include "kernels/kernels.h"

#define BUILT_MARK_1                     0,
#define BUILT_SECOND(first, second, ...) second
#define BUILT_EXPAND(...)                BUILT_SECOND(__VA_ARGS__)
#define BUILT_PASTE(value)               BUILT_EXPAND(BUILT_MARK_##value 1, 0, 0)
#define BUILT(flag)                      BUILT_PASTE(flag)

/* static const struct kernels *const tables[ISA_COUNT], of the tables called name_<level>. */
#define LEVEL_TABLES(name)                                                                                             \
    extern const struct kernels name##_plain, name##_neon, name##_avx2, name##_avx512;                                 \
    static const struct kernels *const tables[ISA_COUNT] = {                                                           \
        [ISA_PLAIN] = &name##_plain,                                                                                   \
        [ISA_NEON] = BUILT(SISKIN_HAVE_NEON) ? &name##_neon : NULL,                                                    \
        [ISA_AVX2] = BUILT(SISKIN_HAVE_AVX2) ? &name##_avx2 : NULL,                                                    \
        [ISA_AVX512] = BUILT(SISKIN_HAVE_AVX512) ? &name##_avx512 : NULL,                                              \
    }

#endif
