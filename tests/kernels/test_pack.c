/* test_pack.c — weights to panels from a file's order and from memory's, with a norm folded in and without: the same bits, at
 * every level, and those of multiplying first.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_case.h"

struct pack_case {
    int64_t c, k;
    int r, groups;
};
static const struct pack_case cases[] = {{1, 1, 1, 1},  {3, 7, 3, 1},   {16, 32, 1, 1}, {40, 33, 1, 1}, {17, 64, 3, 1},
                                         {5, 31, 7, 1}, {24, 48, 3, 4}, {64, 8, 1, 2},  {3, 96, 4, 1}};

struct pack_data {
    int64_t count;
    float *memory, *file, *folded, *weight, *variance;
};

static struct pack_data data_of(const struct pack_case *t) {
    int64_t window = t->r * t->r, channels = t->c / t->groups, i = 0;
    struct pack_data d = {.count = window * channels * t->k};
    d.memory = case_input(d.count, -1, 1, 1), d.file = case_input(d.count, 0, 1, 2);
    d.folded = case_input(d.count, 0, 1, 3);
    d.weight = case_input(t->k, -2, 2, 4), d.variance = case_input(t->k, 0, 3, 5);
    for (int64_t tap = 0; tap < window; tap++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t k = 0; k < t->k; k++, i++) {
                d.file[(k * channels + c) * window + tap] = d.memory[i];
                d.folded[i] = (float)(d.memory[i] * ((double)d.weight[k] / sqrt((double)d.variance[k] + 1e-5)));
            }
    return d;
}

static void data_free(struct pack_data *d) {
    free(d->memory), free(d->file), free(d->folded), free(d->weight), free(d->variance);
}

static void run(const struct kernels *kernels, struct pack_job job, float *to) {
    job.packed = to;
    kernels->pack_plan(&job);
    for (int64_t i = job.tiles - 1; i >= 0; i--) kernels->pack_run(&job, i);
}

static void check(const struct kernels *kernels, const struct pack_case *t, const struct pack_data *d) {
    struct conv_shape s = {.n = 1, .h = 9, .w = 9, .c = t->c, .p = 1, .q = 1, .k = t->k, .r = t->r, .s = t->r};
    s.groups = t->groups;
    int64_t floats = (int64_t)(kernels->packed_bytes(&s, PACK_FORWARD) / sizeof(float));
    float *expected = case_output(floats), *found = case_output(floats);
    struct pack_job from_memory = {.s = s, .w = d->memory}, from_file = {.s = s, .file = d->file};
    run(kernels, from_memory, expected), run(kernels, from_file, found);
    assert_memory_equal(found, expected, (size_t)floats * sizeof *found);
    run(kernels, (struct pack_job){.s = s, .w = d->folded}, expected);
    from_memory.weight = from_file.weight = d->weight, from_memory.variance = from_file.variance = d->variance;
    from_memory.eps = from_file.eps = 1e-5;
    run(kernels, from_memory, found);
    assert_memory_equal(found, expected, (size_t)floats * sizeof *found);
    run(kernels, from_file, found);
    assert_memory_equal(found, expected, (size_t)floats * sizeof *found);
    case_release(expected, floats), case_release(found, floats);
}

static void files_and_norms_change_no_bit(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pack_data d = data_of(&cases[i]);
        for (int isa = 0; isa < ISA_COUNT; isa++)
            if (case_level(isa)) check(case_level(isa), &cases[i], &d);
        data_free(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_and_norms_change_no_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
