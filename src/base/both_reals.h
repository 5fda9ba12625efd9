/* both_reals.h — includes the file named by BOTH_REALS twice: with REAL float and names …_f32, with double and …_f64.
 *
 * Arithmetic that must be the same in both precisions is written once. The file says REAL, NAMED(name) for what it
 * defines and uses of its own precision, REAL_SQRT, REAL_TRUNC. It has no include guard, as this one has none.
 * SPDX-License-Identifier: Apache-2.0 */
#define REAL        float
#define REAL_SQRT   sqrtf
#define REAL_TRUNC  truncf
#define NAMED(name) name##_f32
#include BOTH_REALS
#undef REAL
#undef REAL_SQRT
#undef REAL_TRUNC
#undef NAMED
#define REAL        double
#define REAL_SQRT   sqrt
#define REAL_TRUNC  trunc
#define NAMED(name) name##_f64
#include BOTH_REALS
#undef REAL
#undef REAL_SQRT
#undef REAL_TRUNC
#undef NAMED
#undef BOTH_REALS
