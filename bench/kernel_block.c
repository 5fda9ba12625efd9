/* kernel_block.c — times the fused inverted residuals of MobileNetV2 at 224 px, and its depthwise layers in training.
 *
 * Blocks: milliseconds and GFLOP/s on 1 and 2 threads (tiles claimed one by one), and the share of a peak measured
 * with multiply-adds in registers alone. Depthwise: GB/s (each tensor read or written once) against a copy's.
 * Times are the threads' own (the mean where there are two, as if they had run side by side undisturbed); "wall" is the
 * clock's, which other work on the machine disturbs. Build as the level to be measured:
 *   cc -std=c17 -D_GNU_SOURCE -O3 -march=native -ffp-contract=off -DSK_ISA=avx512 -Iinclude -Isrc bench/kernel_block.c
 *      build/release/libsiskin-run.a -lm -lpthread
 * Usage: kernel_block [batch [blocks|depthwise [threads [first block [last]]]]]. SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "ceilings.h"
#include "kernels/kernels.h"

struct block {
    int size, c, hidden, k, stride, times;
};
static const struct block blocks[] = {
    {112, 32, 32, 16, 1, 1}, {112, 16, 96, 24, 2, 1},  {56, 24, 144, 24, 1, 1},  {56, 24, 144, 32, 2, 1},
    {28, 32, 192, 32, 1, 2}, {28, 32, 192, 64, 2, 1},  {14, 64, 384, 64, 1, 3},  {14, 64, 384, 96, 1, 1},
    {14, 96, 576, 96, 1, 2}, {14, 96, 576, 160, 2, 1}, {7, 160, 960, 160, 1, 2}, {7, 160, 960, 320, 1, 1},
};
enum { BLOCKS = sizeof blocks / sizeof *blocks, THREADS_MAX = 2, ROUNDS_MAX = 2048 };

/* ---- a list of fused blocks on some threads ---- */

static const struct kernels *kernels;

struct network {
    struct inverted_residual jobs[32];
    int count, threads, rounds;
    void *scratch[THREADS_MAX];
    atomic_long next, arrived, generation;
    double took[ROUNDS_MAX][THREADS_MAX]; /* the threads' own time */
};

static void barrier(struct network *net) {
    long generation = atomic_load(&net->generation);
    if (atomic_fetch_add(&net->arrived, 1) == net->threads - 1) {
        atomic_store(&net->next, 0);
        atomic_store(&net->arrived, 0);
        atomic_fetch_add(&net->generation, 1);
    }
    for (int spins = 0; atomic_load(&net->generation) == generation; spins++) {
        if (spins < 1000)
            cpu_pause();
        else
            sched_yield();
    }
}

/* The time in tiles alone: waiting spins. */
static double run_once(struct network *net, int member) {
    double busy = 0;
    for (int i = 0; i < net->count; i++) {
        const struct inverted_residual *job = &net->jobs[i];
        for (int64_t phase = 0; phase < job->phases; phase++) {
            double start = thread_time();
            for (long t; (t = atomic_fetch_add(&net->next, 1)) < job->tiles;) {
                kernels->inverted_residual_run(job, phase, t, net->scratch[member]);
            }
            busy += thread_time() - start;
            barrier(net);
        }
    }
    return busy;
}

struct member {
    struct network *net;
    int index;
    pthread_t thread;
};
static void *member_run(void *given) {
    struct member *m = given;
    cpu_flush_denormals();
    for (int i = 0; i < m->net->rounds; i++) m->net->took[i][m->index] = run_once(m->net, m->index);
    return NULL;
}

/* The mean of the threads' own times in the best round; *wall: the clock's, of all rounds, per round. */
static double run_network(struct network *net, int threads, double *wall) {
    struct member members[THREADS_MAX];
    double best = 1e9, start = clock_of(CLOCK_MONOTONIC);
    net->threads = threads;
    atomic_store(&net->next, 0);
    atomic_store(&net->arrived, 0);
    for (int i = 0; i < threads; i++) {
        members[i] = (struct member){.net = net, .index = i};
        if (i > 0 && pthread_create(&members[i].thread, NULL, member_run, &members[i])) exit(1);
    }
    member_run(&members[0]);
    for (int i = 1; i < threads; i++) pthread_join(members[i].thread, NULL);
    *wall = (clock_of(CLOCK_MONOTONIC) - start) / net->rounds;
    for (int i = 0; i < net->rounds; i++) {
        double sum = 0;
        for (int t = 0; t < threads; t++) sum += net->took[i][t];
        best = sum < best ? sum : best;
    }
    return best / threads;
}

static double block_flops(const struct inverted_residual *j) {
    double in = (double)(j->n * j->h * j->w), out = (double)(j->n * j->p * j->q), hidden = (double)j->hidden;
    return 2 * hidden * (j->expand ? in * (double)j->c : 0) + 2 * out * hidden * (9 + (double)j->k);
}

static struct inverted_residual block_job(const struct block *b, int batch) {
    struct inverted_residual j = {.n = batch, .h = b->size, .w = b->size, .c = b->c, .hidden = b->hidden, .k = b->k};
    j.r = 3, j.stride = b->stride, j.pad_top = j.pad_left = 1, j.act = j.expand_act = ACT_RELU6;
    j.p = j.q = b->size / b->stride, j.add = b->stride == 1 && b->c == b->k;
    j.x = take_random((int64_t)batch * b->size * b->size * b->c), j.y = take(j.n * j.p * j.q * j.k);
    if (b->c != b->hidden)
        j.expand = take_random((int64_t)b->c * (b->hidden + 64)), j.expand_bias = take_random(b->hidden);
    j.depthwise = take_random(9 * b->hidden), j.depthwise_bias = take_random(b->hidden);
    j.project = take_random((int64_t)b->hidden * (b->k + 64)), j.project_bias = take_random(b->k);
    return j;
}

static void plan_network(struct network *net, int threads) {
    size_t most = 0;
    int64_t shared = 0;
    for (int i = 0; i < net->count; i++) {
        size_t bytes = kernels->inverted_residual_plan(&net->jobs[i], threads);
        most = bytes > most ? bytes : most;
        shared = net->jobs[i].shared_floats > shared ? net->jobs[i].shared_floats : shared;
    }
    float *both = shared ? take(shared) : NULL;
    for (int i = 0; i < net->count; i++) net->jobs[i].shared = both;
    for (int i = 0; i < threads; i++) net->scratch[i] = take((int64_t)(most / sizeof(float)) + 16);
}

static double time_network(struct network *net, int threads, double flops, double peak) {
    double wall;
    plan_network(net, threads);
    net->rounds = 3;
    double took = run_network(net, threads, &wall);
    net->rounds = 10 + (int)(0.1 / took / (threads * threads));
    if (net->rounds > ROUNDS_MAX) net->rounds = ROUNDS_MAX;
    took = run_network(net, threads, &wall);
    printf(" | %8.3f ms %6.1f GF %3.0f%% (wall %8.3f)", 1e3 * took, flops / took / 1e9,
           100 * flops / took / peak / threads, 1e3 * wall);
    return took;
}

static void bench_blocks(int batch, double peak, int most, int from, int to) {
    static struct network all, one;
    double total[2] = {0}, flops = 0, took[2] = {0};
    used = 0;
    for (int i = from; i <= to; i++) {
        for (int t = 0; t < blocks[i].times; t++, all.count++) {
            all.jobs[all.count] = block_job(&blocks[i], batch);
            if (all.count > 0) all.jobs[all.count].x = all.jobs[all.count - 1].y; /* as in the network */
        }
        one.jobs[0] = all.jobs[all.count - 1], one.count = 1;
        printf("%3d %3d->%3d->%3d s%d x%d", blocks[i].size, blocks[i].c, blocks[i].hidden, blocks[i].k,
               blocks[i].stride, blocks[i].times);
        for (int threads = 1; threads <= most; threads++) {
            size_t before = used;
            total[threads - 1] += blocks[i].times * time_network(&one, threads, block_flops(&one.jobs[0]), peak);
            used = before;
        }
        printf("\n");
        flops += blocks[i].times * block_flops(&one.jobs[0]);
    }
    for (int i = 0; i < most; i++) printf("%s%.3f ms", i ? ", " : "sum: ", 1e3 * total[i]);
    printf("\nall in sequence     ");
    for (int threads = 1; threads <= most; threads++) took[threads - 1] = time_network(&all, threads, flops, peak);
    for (int i = 0; i < most; i++) printf("%s%.1f images/s", i ? ", " : "\nblocks alone: ", batch / took[i]);
    printf("\n");
}

/* ---- depthwise layers of training, one thread ---- */

#define MEASURE(seconds, call)                                                                                         \
    do {                                                                                                               \
        (seconds) = 1e9;                                                                                               \
        double spent_ = 0;                                                                                             \
        for (int round_ = 0; round_ < 3 || spent_ < 0.2; round_++) {                                                   \
            double start_ = thread_time();                                                                             \
            call;                                                                                                      \
            double took_ = thread_time() - start_;                                                                     \
            spent_ += took_;                                                                                           \
            if (took_ < (seconds)) (seconds) = took_;                                                                  \
        }                                                                                                              \
    } while (0)

static void run_forward(const struct depthwise_forward *job, void *scratch) {
    for (int64_t i = 0; i < job->tiles; i++) kernels->depthwise_forward_run(job, i, scratch);
}
static void run_backward(const struct depthwise_backward *job, void *scratch) {
    for (int64_t i = 0; i < job->tiles; i++) kernels->depthwise_backward_run(job, i, scratch);
    for (int64_t i = 0; i < job->reduce_tiles; i++) kernels->depthwise_backward_reduce(job, i);
}

static void bench_depthwise(const struct block *b, int batch, double copy) {
    struct conv_shape s = {.n = batch, .h = b->size, .w = b->size, .c = b->hidden, .k = b->hidden, .r = 3, .s = 3};
    s.stride_h = s.stride_w = b->stride, s.dilation_h = s.dilation_w = 1, s.groups = b->hidden,
    s.pad_top = s.pad_left = 1;
    s.p = s.q = b->size / b->stride;
    int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.p * s.q * s.c;
    double seconds;
    used = 0;
    struct load_view view = {take_random(in), take_random(s.c), take_random(s.c), ACT_RELU6};
    struct depthwise_forward f = {.s = s, .in = view, .w = take_random(9 * s.c), .y = take(out)};
    f.stats = take(strip_count(s.n, s.p, s.q) * 2 * s.c);
    void *scratch = take(1 << 20);
    kernels->depthwise_forward_plan(&f, 1);
    MEASURE(seconds, run_forward(&f, scratch));
    double rate = 4.0 * (double)(in + out) / seconds;
    printf("%3d %3d s%d | %8.3f ms %5.1f GB/s %3.0f%%", b->size, b->hidden, b->stride, 1e3 * seconds, rate / 1e9,
           100 * rate / copy);
    struct depthwise_backward d = {.s = s, .in = view, .w = f.w, .dx = take(in), .dw = take(9 * s.c)};
    d.sums = take(strip_count(s.n, s.h, s.w) * 2 * s.c), d.dw_parts = take(depthwise_chunks(&s) * 9 * s.c);
    d.dy = (struct grad_view){take_random(out), f.y, take_random(s.c), take_random(s.c), take_random(s.c)};
    kernels->depthwise_backward_plan(&d, 1);
    MEASURE(seconds, run_backward(&d, scratch));
    rate = 4.0 * (double)(2 * in + 2 * out) / seconds;
    printf(" | %8.3f ms %5.1f GB/s %3.0f%%\n", 1e3 * seconds, rate / 1e9, 100 * rate / copy);
}

int main(int count, char **words) {
    int batch = count > 1 ? atoi(words[1]) : 1;
    const char *what = count > 2 ? words[2] : "blocks";
    enum isa isa;
    if (cpu_isa(&isa) || region_new(&memory, (size_t)2 << 30)) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    kernels = kernels_of(isa);
    cpu_flush_denormals();
    double peak = peak_flops(), copy = copy_bytes();
    printf("%s, %s, batch %d; peak of one core %.1f GFLOP/s, copy %.1f GB/s (read + write)\n", cpu_model_name(),
           cpu_isa_name(isa), batch, peak / 1e9, copy / 1e9);
    if (!strcmp(what, "depthwise")) {
        printf("depthwise  | forward with view and statistics | backward: both views, both gradients, sums\n");
        for (int i = 0; i < BLOCKS; i++) bench_depthwise(&blocks[i], batch, copy);
    } else {
        int most = count > 3 && atoi(words[3]) == 1 ? 1 : THREADS_MAX, from = count > 4 ? atoi(words[4]) : 0;
        bench_blocks(batch, peak, most, from, count > 5 ? atoi(words[5]) : BLOCKS - 1);
    }
    region_free(&memory);
    return 0;
}
