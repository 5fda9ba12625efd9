/* cpu.c — asks the processor what it can do: cpuid and XGETBV on x86, the auxiliary vector on aarch64.
 *
 * The one file beside kernels/simd.h that may ask which machine it is compiled for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

static pthread_once_t detected = PTHREAD_ONCE_INIT;
static unsigned features, left_out;
static char model_name[64];
static struct cpu_caches caches;

#if defined(__x86_64__)

#include <cpuid.h>

static bool bit(unsigned word, int index) {
    return word >> index & 1u;
}

/* Registers that the operating system saves; without them an instruction set is unusable. */
static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static unsigned detect_features(void) {
    unsigned a, b, c, d, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27)) return 0; /* OSXSAVE */
    uint64_t saved = saved_registers();
    if ((saved & 0x6) != 0x6) return 0; /* SSE and AVX state */
    bool avx = bit(c, 28);
    if (avx && bit(c, 12)) found |= CPU_FMA;
    if (avx && bit(c, 29)) found |= CPU_F16C;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
    unsigned subleaves = a;
    if (avx && bit(b, 5)) found |= CPU_AVX2;
    if (!avx || (saved & 0xe0) != 0xe0) return found; /* masks and the wide registers */
    if (bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31)) found |= CPU_AVX512;
    if ((found & CPU_AVX512) && bit(c, 11)) found |= CPU_AVX512_VNNI;
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        if ((found & CPU_AVX512) && bit(a, 5)) found |= CPU_AVX512_BF16;
    }
    return found;
}

static void detect_name(void) {
    unsigned words[12];
    for (unsigned i = 0; i < 3; i++) {
        unsigned *w = words + 4 * i;
        if (!__get_cpuid(0x80000002u + i, w, w + 1, w + 2, w + 3)) return;
    }
    char raw[sizeof words + 1] = {0};
    memcpy(raw, words, sizeof words);
    const char *start = raw + strspn(raw, " ");
    snprintf(model_name, sizeof model_name, "%s", start);
    for (size_t n = strlen(model_name); n > 0 && model_name[n - 1] == ' '; n--) model_name[n - 1] = '\0';
}

void cpu_flush_denormals(void) {
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); /* FTZ, DAZ */
}

unsigned cpu_float_mode(void) {
    return __builtin_ia32_stmxcsr();
}

void cpu_set_float_mode(unsigned mode) {
    __builtin_ia32_ldmxcsr(mode);
}

void cpu_pause(void) {
    __builtin_ia32_pause();
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

static unsigned detect_features(void) {
    unsigned long offered = getauxval(AT_HWCAP);
    unsigned found = CPU_FMA;
    if (offered & 1ul << 1) found |= CPU_NEON;     /* HWCAP_ASIMD */
    if (offered & 1ul << 20) found |= CPU_DOTPROD; /* HWCAP_ASIMDDP */
    return found;
}

static void detect_name(void) {
    snprintf(model_name, sizeof model_name, "aarch64");
}

static uint64_t read_fpcr(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
}

void cpu_set_float_mode(unsigned mode) {
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
}

unsigned cpu_float_mode(void) {
    return (unsigned)read_fpcr();
}

void cpu_flush_denormals(void) {
    cpu_set_float_mode((unsigned)read_fpcr() | 1u << 24); /* FZ */
}

void cpu_pause(void) {
    __asm__ volatile("yield");
}

#else

static unsigned detect_features(void) {
    return 0;
}
static void detect_name(void) {
    snprintf(model_name, sizeof model_name, "unknown processor");
}
void cpu_flush_denormals(void) {
}
unsigned cpu_float_mode(void) {
    return 0;
}
void cpu_set_float_mode(unsigned mode) {
    (void)mode;
}
void cpu_pause(void) {
}

#endif

/* "48K", "1024K", "32M" of one sysfs cache entry, in bytes; 0 where it cannot be read. */
static long sysfs_cache(int index) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    if (!file_exists(path)) return 0;
    struct arena arena = {0};
    uint8_t *data;
    size_t size;
    long bytes = 0;
    if (file_read(&arena, path, 4096, &data, &size) == SK_OK) {
        char *end;
        bytes = strtol((const char *)data, &end, 10);
        if (*end == 'K') bytes *= 1024;
        if (*end == 'M') bytes *= 1024 * 1024;
    } else {
        status_clear();
    }
    arena_free(&arena);
    return bytes > 0 ? bytes : 0;
}

static long first_known(long a, long b, long guess) {
    return a > 0 ? a : b > 0 ? b : guess;
}

static void detect(void) {
    features = detect_features();
    snprintf(model_name, sizeof model_name, "unknown processor");
    detect_name();
    /* Linux lists L1 data, L1 instructions, L2, L3 in this order. */
    caches.l1d = first_known(sysconf(_SC_LEVEL1_DCACHE_SIZE), sysfs_cache(0), 32L << 10);
    caches.l2 = first_known(sysconf(_SC_LEVEL2_CACHE_SIZE), sysfs_cache(2), 512L << 10);
    caches.l3 = first_known(sysconf(_SC_LEVEL3_CACHE_SIZE), sysfs_cache(3), 4L << 20);
}

unsigned cpu_features(void) {
    pthread_once(&detected, detect);
    return features & ~left_out;
}

void cpu_leave_out(unsigned some) {
    left_out = some;
}

const char *cpu_model_name(void) {
    pthread_once(&detected, detect);
    return model_name;
}

struct cpu_caches cpu_caches(void) {
    pthread_once(&detected, detect);
    return caches;
}

static const struct {
    const char *name;
    unsigned needs;
} levels[ISA_COUNT] = {
    [ISA_PLAIN] = {"plain", 0},
    [ISA_NEON] = {"neon", CPU_NEON},
    [ISA_AVX2] = {"avx2", CPU_AVX2 | CPU_FMA | CPU_F16C},
    [ISA_AVX512] = {"avx512", CPU_AVX512 | CPU_AVX2 | CPU_FMA | CPU_F16C},
};

bool cpu_has_isa(enum isa isa) {
    return (cpu_features() & levels[isa].needs) == levels[isa].needs;
}

const char *cpu_isa_name(enum isa isa) {
    return levels[isa].name;
}

sk_status cpu_isa(enum isa *isa) {
    const char *wish = getenv("SISKIN_ISA");
    if (!wish || !*wish) {
        *isa = ISA_PLAIN;
        for (int i = 0; i < ISA_COUNT; i++) {
            if (cpu_has_isa((enum isa)i)) *isa = (enum isa)i;
        }
        return SK_OK;
    }
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(wish, levels[i].name) != 0) continue;
        FAIL_IF(!cpu_has_isa((enum isa)i), SK_EUSAGE,
                "SISKIN_ISA asks for %s, which this processor (%s) lacks; unset it or take a lower level", wish,
                cpu_model_name());
        *isa = (enum isa)i;
        return SK_OK;
    }
    char shown[64];
    return status_fail(SK_EUSAGE, "SISKIN_ISA is \"%s\"; expected plain, neon, avx2 or avx512",
                       printable(wish, strlen(wish), shown, sizeof shown));
}

int cpu_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}
