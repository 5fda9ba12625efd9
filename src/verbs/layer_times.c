/* layer_times.c — the table of steps of `siskin bench --layers`, for inference and training alike.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/layer_times.h"

#include "base/cpu.h"
#include "verbs/layers.h"

/* The least time that the machine's peaks allow. */
static double bound_seconds(const struct peaks *peaks, const struct cost *cost) {
    double compute = 2.0 * (double)cost->macs / peaks->flops, memory = (double)cost->bytes / peaks->bytes;
    return compute > memory ? compute : memory;
}

double layer_bounds(const struct plan *plan, const struct peaks *peaks, size_t bytes) {
    bool memory = bytes > (size_t)cpu_caches().l3;
    double sum = 0;
    for (int s = 0; s < plan->step_count; s++) {
        if (plan->steps[s].first_phase < 0) continue;
        struct cost cost = layer_cost(plan->graph, plan->steps[s].node);
        if (!memory) cost.bytes = 0;
        sum += bound_seconds(peaks, &cost);
    }
    return sum;
}

/* Steps that share a phase share its time as their bounds stand to each other. */
static double step_seconds(const struct plan *plan, int step, const struct peaks *peaks) {
    double sum = 0;
    for (int p = 0; p < plan->phase_count; p++) {
        const struct phase *phase = &plan->phases[p];
        double mine = 0, all = 0;
        for (int i = 0; i < phase->item_count; i++) {
            int other = plan->items[phase->first_item + i].step;
            struct cost cost = layer_cost(plan->graph, plan->steps[other].node);
            double weight = 1e-12 + bound_seconds(peaks, &cost);
            all += weight;
            if (other == step) mine += weight;
        }
        if (all > 0) sum += plan->seconds[p] * mine / all;
    }
    return sum;
}

static void row(struct call *call, const struct plan *plan, int step, double seconds, const struct peaks *peaks) {
    struct json_writer *w = &call->json;
    const struct node *node = plan->steps[step].node;
    struct cost cost = layer_cost(plan->graph, node);
    double gflops = seconds > 0 ? 2e-9 * (double)cost.macs / seconds : 0;
    double gbytes = seconds > 0 ? 1e-9 * (double)cost.bytes / seconds : 0;
    double share = seconds > 0 ? bound_seconds(peaks, &cost) / seconds : 0;
    jw_object(w, NULL);
    jw_string(w, "name", node->name);
    jw_string(w, "op", node->op->name);
    jw_number(w, "seconds", seconds);
    jw_number(w, "gflops", gflops);
    jw_number(w, "gbytes", gbytes);
    jw_number(w, "bound_share", share);
    jw_end_object(w);
    call_result(call, "%-32s %-18s %9.1f %9.1f %8.1f %5.0f %%", node->name, node->op->name, 1e6 * seconds, gflops,
                gbytes, 100 * share);
}

void layer_times(struct call *call, const struct plan *plan, const struct peaks *peaks) {
    jw_array(&call->json, "layers");
    call_result(call, "%-32s %-18s %9s %9s %8s %7s", "step", "op", "us", "GFLOP/s", "GB/s", "bound");
    for (int s = 0; s < plan->step_count; s++)
        if (plan->steps[s].first_phase >= 0) row(call, plan, s, step_seconds(plan, s, peaks), peaks);
    jw_end_array(&call->json);
}
