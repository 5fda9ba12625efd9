/* peaks_here.c — measuring the ceilings with the kernels in force.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/peaks_here.h"

#include "base/arena.h"
#include "kernels/kernels.h"
#include "train/progress.h"

enum { COPY_FLOATS = 8 << 20, ROUNDS = 400000, TRIES = 5 }; /* 2 x 32 MiB: beyond the caches of most machines */

struct work {
    const struct kernels *kernels;
    int threads;
    float *from, *to, *sinks;
    double *flops;
};

static void fma_member(void *arg, int member) {
    struct work *w = arg;
    w->flops[member] = w->kernels->peak_fma(ROUNDS, &w->sinks[16 * member]);
}

static void copy_member(void *arg, int member) {
    struct work *w = arg;
    int64_t part = COPY_FLOATS / w->threads, begin = part * member;
    w->kernels->peak_copy(w->to + begin, w->from + begin, part);
}

/* The shortest of a few tries, in seconds. */
static double best_of(struct team *team, team_region *region, struct work *work) {
    double best = 1e30;
    for (int i = 0; i < TRIES; i++) {
        double began = clock_seconds();
        team_run(team, region, work);
        double spent = clock_seconds() - began;
        best = spent < best ? spent : best;
    }
    return best;
}

static sk_status measure(struct arena *arena, struct team *team, struct work *w, struct peaks *peaks) {
    enum isa isa;
    TRY(cpu_isa(&isa));
    w->kernels = kernels_of(isa);
    w->threads = team_size(team);
    w->sinks = arena_array(arena, 16 * (size_t)w->threads, sizeof *w->sinks);
    w->flops = arena_array(arena, (size_t)w->threads, sizeof *w->flops);
    if (!w->sinks || !w->flops) return SK_EMEMORY;
    for (int64_t i = 0; i < COPY_FLOATS; i++) w->from[i] = w->to[i] = (float)i; /* touched: not the zero page */
    double seconds = best_of(team, fma_member, w), flops = 0;
    for (int m = 0; m < w->threads; m++) flops += w->flops[m];
    peaks->flops = flops / seconds;
    peaks->bytes = 2.0 * COPY_FLOATS * sizeof(float) / best_of(team, copy_member, w);
    return SK_OK;
}

sk_status peaks_measure(struct team *team, struct peaks *peaks) {
    struct arena arena = {0};
    struct region from, to;
    struct work work = {0};
    TRY(region_new(&from, COPY_FLOATS * sizeof(float)));
    sk_status status = region_new(&to, COPY_FLOATS * sizeof(float));
    if (status == SK_OK) {
        work.from = from.data, work.to = to.data;
        status = measure(&arena, team, &work, peaks);
        region_free(&to);
    }
    region_free(&from);
    arena_free(&arena);
    return status;
}
