/* kernel_act.c — times every activation and its slope in the elementwise kernels, one thread: nanoseconds for 16 numbers.
 *
 * 16 rows of 128 channels lie in L1, as a tile does behind a product; and 6 million numbers, about what MobileNetV2 of
 * 224 px activates in a picture, come from memory. The best of many rounds. Build:
 *   cc -std=c17 -D_GNU_SOURCE -O2 -Iinclude -Isrc bench/kernel_act.c build/release/libsiskin-run.a -lm -lpthread
 * SISKIN_ISA chooses the level. SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "measure.h"

static const struct kernels *kernels;

struct numbers {
    float *x, *to, *g;
    int64_t rows, c;
};

/* Seconds of one pass, forward or backward: the best of some rounds of `passes`. */
static double best_pass(const struct numbers *n, enum act act, bool backward, int rounds, int passes) {
    struct affine_job job = {.rows = n->rows, .c = n->c, .in = {.x = n->x, .act = act}, .z = n->to};
    struct affine_backward back = {.rows = n->rows, .c = n->c, .dz = n->g, .in = {.x = n->x, .act = act}, .g = n->to};
    double best = 1e9;
    kernels->affine_plan(&job), kernels->affine_backward_plan(&back);
    for (int round = 0; round < rounds; round++) {
        double start = thread_time();
        for (int pass = 0; pass < passes; pass++) {
            for (int64_t i = 0; !backward && i < job.tiles; i++) kernels->affine_run(&job, i);
            for (int64_t i = 0; backward && i < back.tiles; i++) kernels->affine_backward_run(&back, i);
        }
        double took = (thread_time() - start) / passes;
        if (took < best) best = took;
    }
    return best;
}

int main(void) {
    static const char *const names[] = {
#define ACT(id, name) #name,
#include "kernels/acts.def"
#undef ACT
    };
    enum { SMALL_ROWS = 16, LARGE_ROWS = 46875, CHANNELS = 128 };
    enum isa isa;
    int64_t count = (int64_t)LARGE_ROWS * CHANNELS;
    if (cpu_isa(&isa) || region_new(&memory, (size_t)(3 * count) * sizeof(float))) return 1;
    kernels = kernels_of(isa);
    cpu_flush_denormals();
    struct numbers n = {memory.data, (float *)memory.data + count, (float *)memory.data + 2 * count, 0, CHANNELS};
    uint32_t state = 12345;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        n.x[i] = (float)(state >> 8) / (float)(1 << 20) - 8.0f;
        n.g[i] = 1.0f, n.to[i] = 0.0f;
    }
    printf("%s, %s, one thread\n", cpu_model_name(), cpu_isa_name(isa));
    printf("%-12s | in L1: value, slope, ns / 16 | 6 million: value, slope, ms\n", "");
    for (int act = 0; act < ACT_COUNT; act++) {
        double seconds[4];
        for (int i = 0; i < 4; i++) {
            n.rows = i < 2 ? SMALL_ROWS : LARGE_ROWS;
            seconds[i] = best_pass(&n, (enum act)act, i % 2, i < 2 ? 400 : 15, i < 2 ? 50 : 1);
        }
        double vectors = SMALL_ROWS * CHANNELS / 16.0;
        printf("%-12s | %13.2f %14.2f | %16.2f %11.2f\n", names[act], 1e9 * seconds[0] / vectors,
               1e9 * seconds[1] / vectors, 1e3 * seconds[2], 1e3 * seconds[3]);
    }
    region_free(&memory);
    return 0;
}
