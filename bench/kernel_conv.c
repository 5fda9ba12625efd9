/* kernel_conv.c — times the convolution kernels at MobileNetV2's shapes, one thread, against this core's ceilings.
 *
 * Per shape: inference forward (bias, activation), training forward (view, statistics), training backward (both
 * views, both gradients, sums). GFLOP/s count multiply and add; GB/s count each tensor that must be read or
 * written once. Build as the level to be measured:
 *   cc -std=c17 -D_GNU_SOURCE -O3 -march=native -ffp-contract=off -DSK_ISA=avx512 -Iinclude -Isrc bench/kernel_conv.c
 *      build/release/libsiskin-run.a -lm -lpthread
 * Usage: kernel_conv [batch [filter]]. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cpu.h"
#include "ceilings.h"
#include "kernels/kernels.h"

struct layer {
    int size, c, k, kernel, stride;
};
/* Every distinct convolution of MobileNetV2 that is not depthwise, in the order of the network. */
static const struct layer layers[] = {
    {224, 3, 32, 3, 2},    {112, 32, 16, 1, 1}, {112, 16, 96, 1, 1}, {56, 96, 24, 1, 1},  {56, 24, 144, 1, 1},
    {56, 144, 24, 1, 1},   {28, 144, 32, 1, 1}, {28, 32, 192, 1, 1}, {28, 192, 32, 1, 1}, {14, 192, 64, 1, 1},
    {14, 64, 384, 1, 1},   {14, 384, 64, 1, 1}, {14, 384, 96, 1, 1}, {14, 96, 576, 1, 1}, {14, 576, 96, 1, 1},
    {7, 576, 160, 1, 1},   {7, 160, 960, 1, 1}, {7, 960, 160, 1, 1}, {7, 960, 320, 1, 1}, {7, 320, 1280, 1, 1},
    {1, 1280, 1000, 1, 1},
};

static const struct kernels *kernels;

static void run_forward(const struct conv_forward *job, void *scratch) {
    for (int64_t i = 0; i < job->tiles; i++) kernels->conv_forward_run(job, i, scratch);
}
static void run_backward(const struct conv_backward *job, void *scratch) {
    for (int64_t i = 0; i < job->tiles; i++) kernels->conv_backward_run(job, i, scratch);
    for (int64_t i = 0; i < job->reduce_tiles; i++) kernels->conv_backward_reduce(job, i);
}

/* The best of several rounds of at least 20 ms in all. */
#define MEASURE(seconds, call)                                                                                         \
    do {                                                                                                               \
        (seconds) = 1e9;                                                                                               \
        double spent_ = 0;                                                                                             \
        for (int round_ = 0; round_ < 4 || spent_ < 0.1; round_++) {                                                   \
            double start_ = thread_time();                                                                             \
            call;                                                                                                      \
            double took_ = thread_time() - start_;                                                                     \
            spent_ += took_;                                                                                           \
            if (took_ < (seconds)) (seconds) = took_;                                                                  \
        }                                                                                                              \
    } while (0)

static double peak, totals[3];

static void show(int what, double seconds, double flops, double bytes) {
    totals[what] += seconds;
    printf(" | %7.3f ms %6.1f GF %3.0f%% %5.1f GB", 1e3 * seconds, flops / seconds / 1e9, 100 * flops / seconds / peak,
           bytes / seconds / 1e9);
}

static struct conv_shape shape_of(const struct layer *l, int batch) {
    struct conv_shape s = {
        .n = batch, .h = l->size, .w = l->size, .c = l->c, .k = l->k, .r = l->kernel, .s = l->kernel};
    s.stride_h = s.stride_w = l->stride;
    s.dilation_h = s.dilation_w = s.groups = 1;
    s.pad_top = s.pad_left = l->kernel / 2;
    s.p = s.q = (l->size + l->stride - 1) / l->stride;
    return s;
}

static float *pack(const struct conv_shape *s, const float *w, enum pack_direction direction) {
    float *packed = take((int64_t)(kernels->packed_bytes(s, direction) / sizeof(float)));
    struct pack_job job = {.s = *s, .direction = direction, .w = w, .packed = packed};
    kernels->pack_plan(&job);
    for (int64_t i = 0; i < job.tiles; i++) kernels->pack_run(&job, i);
    return packed;
}

static void bench_layer(const struct layer *l, int batch) {
    struct conv_shape s = shape_of(l, batch);
    used = 0;
    bool stem = l->kernel == 3;
    int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.p * s.q * s.k, weights = (int64_t)s.r * s.s * s.c * s.k;
    int64_t rows = s.n * s.p * s.q, chunks = conv_chunks(rows);
    double flops = 2.0 * (double)out * s.r * s.s * (double)s.c, seconds;
    struct load_view raw = {.x = take_random(in), .act = ACT_NONE}, view = raw;
    view.scale = take_random(s.c), view.shift = take_random(s.c), view.act = ACT_RELU6;
    float *w = take_random(weights), *y = take_random(out), *stats = take(conv_blocks(rows) * 2 * s.k);
    float *coefficients = take_random(s.k);
    struct conv_forward f = {
        .s = s, .in = raw, .packed = pack(&s, w, PACK_FORWARD), .bias = coefficients, .act = ACT_RELU6, .y = y};
    printf("%3d %4d->%4d", l->size, l->c, l->k);
    void *scratch = take(1 << 20);
    kernels->conv_forward_plan(&f, 1);
    MEASURE(seconds, run_forward(&f, scratch));
    show(0, seconds, flops, 4.0 * (double)(in + out + weights));
    f.bias = NULL, f.act = ACT_NONE, f.stats = stats, f.in = stem ? raw : view;
    kernels->conv_forward_plan(&f, 1);
    MEASURE(seconds, run_forward(&f, scratch));
    show(1, seconds, flops, 4.0 * (double)(in + out + weights));
    struct conv_backward b = {.s = s,
                              .in = stem ? raw : view,
                              .packed = pack(&s, w, PACK_BACKWARD),
                              .dx = stem ? NULL : take(in),
                              .dw = take(weights),
                              .dw_parts = take(chunks * weights)};
    b.dy = (struct grad_view){take_random(out), y, coefficients, coefficients, coefficients};
    if (!stem) b.sums = take(conv_blocks(s.n * s.h * s.w) * 2 * s.c);
    kernels->conv_backward_plan(&b, 1);
    MEASURE(seconds, run_backward(&b, scratch));
    show(2, seconds, (stem ? 1 : 2) * flops, 4.0 * (double)((stem ? 1 : 2) * in + 2 * out + 2 * weights));
    printf("\n");
}

int main(int count, char **words) {
    int batch = count > 1 ? atoi(words[1]) : 1;
    enum isa isa;
    if (cpu_isa(&isa) || region_new(&memory, (size_t)1 << 30)) return 1;
    kernels = kernels_of(isa);
    cpu_flush_denormals();
    peak = peak_flops();
    printf("%s, %s, batch %d, one thread; peak %.1f GFLOP/s, copy %.1f GB/s (read + write)\n", cpu_model_name(),
           cpu_isa_name(isa), batch, peak / 1e9, copy_bytes() / 1e9);
    printf("%-14s | %-33s | %-33s | %s\n", "layer", "inference", "training forward", "backward");
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "%d %d->%d", layers[i].size, layers[i].c, layers[i].k);
        if (count <= 2 || strstr(name, words[2])) bench_layer(&layers[i], batch);
    }
    printf("in all: inference %.2f ms, training forward %.2f ms, backward %.2f ms\n", 1e3 * totals[0], 1e3 * totals[1],
           1e3 * totals[2]);
    region_free(&memory);
    return 0;
}
