/* test_team.c — regions, barriers and claimed tiles with 1, 2, 3 and more threads than cores.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/team.h"

enum { MEMBERS_MAX = 16, TILES = 1000 };

struct sums {
    int64_t value[TILES];
    int claims[TILES];
};

static void add_tile(void *arg, int64_t index, int member) {
    struct sums *sums = arg;
    (void)member;
    sums->claims[index]++;
    for (int64_t i = 0; i < 100; i++) sums->value[index] += index * i;
}

static void tiles_are_claimed_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct team *team;
        assert_int_equal(team_new(&team, threads), SK_OK);
        assert_int_equal(team_size(team), threads);
        for (int repeat = 0; repeat < 20; repeat++) {
            struct sums sums = {0};
            team_for(team, TILES, add_tile, &sums);
            for (int64_t i = 0; i < TILES; i++) {
                assert_int_equal(sums.claims[i], 1);
                assert_int_equal(sums.value[i], i * 4950);
            }
        }
        team_for(team, 0, add_tile, NULL);
        team_free(team);
    }
}

struct phases {
    struct team *team;
    int64_t cell[MEMBERS_MAX];
    int64_t errors[MEMBERS_MAX];
    int rounds;
};

/* Each writes its own cell, all meet, each reads everybody's: plain variables, so TSan sees a missing order. */
static void phase_region(void *arg, int member) {
    struct phases *phases = arg;
    int size = team_size(phases->team);
    for (int round = 1; round <= phases->rounds; round++) {
        phases->cell[member] = round;
        team_barrier(phases->team);
        for (int i = 0; i < size; i++) phases->errors[member] += phases->cell[i] != round;
        team_barrier(phases->team);
    }
}

static void barriers_order_phases(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        struct phases phases = {.rounds = 2000};
        assert_int_equal(team_new(&phases.team, threads), SK_OK);
        team_run(phases.team, phase_region, &phases);
        team_run(phases.team, phase_region, &phases);
        for (int i = 0; i < threads; i++) {
            assert_int_equal(phases.errors[i], 0);
            assert_int_equal(phases.cell[i], 2000);
        }
        team_free(phases.team);
    }
}

static void more_threads_than_cores(void **state) {
    (void)state;
    struct phases phases = {.rounds = 50};
    assert_int_equal(team_new(&phases.team, MEMBERS_MAX), SK_OK);
    team_run(phases.team, phase_region, &phases);
    for (int i = 0; i < MEMBERS_MAX; i++) assert_int_equal(phases.errors[i], 0);
    team_free(phases.team);
}

/* The other members fall asleep while one works longer than the spinning time. */
static void slow_region(void *arg, int member) {
    struct phases *phases = arg;
    if (member == 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    phases->cell[member]++;
    team_barrier(phases->team);
    if (member == 1) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    phases->cell[member]++;
}

static void sleepers_wake(void **state) {
    (void)state;
    struct phases phases = {0};
    assert_int_equal(team_new(&phases.team, 3), SK_OK);
    for (int i = 0; i < 10; i++) {
        team_run(phases.team, slow_region, &phases);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* the whole team sleeps between regions */
    }
    for (int i = 0; i < 3; i++) assert_int_equal(phases.cell[i], 20);
    team_free(phases.team);
}

static void halve_denormal(void *arg, int member) {
    volatile float smallest = 0x1p-126f, half = 0.5f;
    ((float *)arg)[member] = smallest * half;
}

static void every_member_flushes_denormals(void **state) {
    (void)state;
    struct team *team;
    float results[3] = {1, 1, 1};
    volatile float smallest = 0x1p-126f, half = 0.5f;
    assert_int_equal(team_new(&team, 3), SK_OK);
    team_run(team, halve_denormal, results);
    for (int i = 0; i < 3; i++) assert_true(results[i] == 0);
    assert_true(smallest * half != 0); /* the caller's own mode is back */
    team_free(team);
}

static void impossible_teams_are_refused(void **state) {
    (void)state;
    struct team *team;
    assert_int_equal(team_new(&team, 0), SK_EUSAGE);
    assert_null(team);
    assert_int_equal(team_new(&team, 100000), SK_EUSAGE);
    team_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_claimed_once),         cmocka_unit_test(barriers_order_phases),
        cmocka_unit_test(more_threads_than_cores),        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(every_member_flushes_denormals), cmocka_unit_test(impossible_teams_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
