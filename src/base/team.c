/* team.c — threads that meet at one barrier: it starts a region, orders its phases, and ends it.
 *
 * The last to arrive moves `generation`; the others watch it for 20 us, then watch it between yields of the processor
 * (whoever else wants it gets it at once) for half a millisecond, and then sleep: waking a sleeper costs 50 us and more
 * on a virtual machine, which is longer than most phases of a small network. A sleeper
 * counts itself in `sleepers` before it looks again, and the mover looks at `sleepers` after it
 * moved, both in one sequentially consistent order, so no wake-up is lost and the mutex is touched
 * only where somebody sleeps. SPDX-License-Identifier: Apache-2.0 */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/cpu.h"

enum { SPIN_NS = 20000, YIELD_NS = 500000, LOOKS_PER_CLOCK = 32, THREADS_MAX = 1024, LINE = 64 };

struct member {
    struct team *team;
    int index;
    pthread_t thread;
};

struct team {
    int size;
    bool leave;
    team_region *region;
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    struct member *members;
    /* Each on a cache line of its own: they are written by all while being read by all. */
    char pad0[LINE];
    atomic_int arrived;
    char pad1[LINE];
    atomic_uint generation;
    atomic_int sleepers;
    char pad2[LINE];
    _Atomic int64_t next; /* tile not yet claimed */
    char pad3[LINE];
};

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* True when the generation moved within the spinning and yielding time. */
static bool spin(struct team *team, unsigned generation) {
    int64_t end = now_ns() + SPIN_NS, last = end + YIELD_NS;
    do {
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation) return true;
            cpu_pause();
        }
    } while (now_ns() < end);
    do {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation) return true;
        sched_yield();
    } while (now_ns() < last);
    return false;
}

void team_barrier(struct team *team) {
    if (team->size == 1) return;
    unsigned generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->size) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store(&team->generation, generation + 1);
        if (atomic_load(&team->sleepers) > 0) {
            pthread_mutex_lock(&team->mutex);
            pthread_cond_broadcast(&team->moved);
            pthread_mutex_unlock(&team->mutex);
        }
        return;
    }
    if (spin(team, generation)) return;
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->generation) == generation) pthread_cond_wait(&team->moved, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
}

static void *member_main(void *arg) {
    struct member *member = arg;
    struct team *team = member->team;
    cpu_flush_denormals();
    for (;;) {
        team_barrier(team); /* a region begins */
        if (team->leave) return NULL;
        team->region(team->arg, member->index);
        team_barrier(team); /* and ends */
    }
}

/* Let everybody go. Where a thread could not be started, its place at the barrier is taken for it. */
static void release_started(struct team *team, int started) {
    team->leave = true;
    atomic_fetch_add(&team->arrived, team->size - 1 - started);
    team_barrier(team);
    for (int i = 1; i <= started; i++) pthread_join(team->members[i].thread, NULL);
}

static void team_drop(struct team *team) {
    pthread_cond_destroy(&team->moved);
    pthread_mutex_destroy(&team->mutex);
    block_free(team->members);
    block_free(team);
}

sk_status team_new(struct team **out, int threads) {
    *out = NULL;
    FAIL_IF(threads < 1 || threads > THREADS_MAX, SK_EUSAGE, "%d threads were asked for; expected 1 to %d", threads,
            THREADS_MAX);
    struct team *team = block_new(sizeof *team);
    struct member *members = team ? block_new((size_t)threads * sizeof *members) : NULL;
    if (!members) {
        block_free(team);
        return SK_EMEMORY;
    }
    team->size = threads;
    team->members = members;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->moved, NULL);
    for (int i = 1; i < threads; i++) {
        members[i] = (struct member){.team = team, .index = i};
        int error = pthread_create(&members[i].thread, NULL, member_main, &members[i]);
        if (error) {
            release_started(team, i - 1);
            team_drop(team);
            return status_fail(SK_EMEMORY, "cannot start compute thread %d of %d: %s", i + 1, threads, strerror(error));
        }
    }
    *out = team;
    return SK_OK;
}

void team_free(struct team *team) {
    if (!team) return;
    release_started(team, team->size - 1);
    team_drop(team);
}

int team_size(const struct team *team) {
    return team->size;
}

void team_run(struct team *team, team_region *region, void *arg) {
    unsigned mode = cpu_float_mode(); /* the caller's own; a library leaves it as it was */
    cpu_flush_denormals();
    team->region = region;
    team->arg = arg;
    team_barrier(team);
    region(arg, 0);
    team_barrier(team);
    cpu_set_float_mode(mode);
}

struct tiles {
    struct team *team;
    int64_t count;
    team_tile *tile;
    void *arg;
};

static void claim_tiles(void *arg, int member) {
    const struct tiles *tiles = arg;
    for (;;) {
        int64_t index = atomic_fetch_add_explicit(&tiles->team->next, 1, memory_order_relaxed);
        if (index >= tiles->count) return;
        tiles->tile(tiles->arg, index, member);
    }
}

void team_for(struct team *team, int64_t count, team_tile *tile, void *arg) {
    if (count <= 0) return;
    struct tiles tiles = {.team = team, .count = count, .tile = tile, .arg = arg};
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    team_run(team, claim_tiles, &tiles);
}
