/* cpu.h — what this processor can do, and which instruction set the kernels use.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_CPU_H
#define SK_BASE_CPU_H

#include <stdbool.h>

#include "base/status.h"

/* Slowest first. A level includes what its family's lower levels have. */
enum isa { ISA_PLAIN, ISA_NEON, ISA_AVX2, ISA_AVX512, ISA_COUNT };

enum cpu_feature {
    CPU_FMA = 1 << 0,
    CPU_AVX2 = 1 << 1,
    CPU_AVX512 = 1 << 2, /* F, BW, DQ, VL */
    CPU_AVX512_VNNI = 1 << 3,
    CPU_AVX512_BF16 = 1 << 4,
    CPU_F16C = 1 << 5,
    CPU_NEON = 1 << 6,
    CPU_DOTPROD = 1 << 7,
};

/* Bits of cpu_feature that the machine and its operating system really offer. */
unsigned cpu_features(void);
/* For tests: from now on the machine is said to lack these. */
void cpu_leave_out(unsigned some);

/* True where the machine has all that a level needs. */
bool cpu_has_isa(enum isa isa);

/* The level in force: the best the machine has, or what SISKIN_ISA (plain|neon|avx2|avx512) asks for.
 * An unknown or unavailable SISKIN_ISA is an error. */
sk_status cpu_isa(enum isa *isa);
const char *cpu_isa_name(enum isa isa);

int cpu_cores(void); /* that this process may use (affinity), at least 1 */
const char *cpu_model_name(void);
/* Cache sizes in bytes per core (L1 data, L2) and in all (L3); a plain guess where unknown. */
struct cpu_caches {
    long l1d, l2, l3;
};
struct cpu_caches cpu_caches(void);

/* Flush denormals to zero in the calling thread (x86 MXCSR FTZ+DAZ, aarch64 FPCR FZ). */
void cpu_flush_denormals(void);

/* The calling thread's floating-point mode, to put back what cpu_flush_denormals changed. */
unsigned cpu_float_mode(void);
void cpu_set_float_mode(unsigned mode);

/* A hint inside a spinning loop. */
void cpu_pause(void);

#endif
