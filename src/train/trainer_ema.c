/* trainer_ema.c — a trainer's moving average: its blocks, when it moves, and lending it to evaluations.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "train/trainer_state.h"

static int64_t count_of(const struct trainer *trainer, bool state) {
    return state ? trainer->graph->state_elements : trainer->graph->param_elements;
}

/* The raw model's block: doubles in reference runs. */
static const void *now_of(const struct trainer *trainer, bool state) {
    const struct network *network = trainer->options.network;
    if (trainer->options.reference) return state ? trainer->state64.data : trainer->params64.data;
    return state ? network->state : network->params;
}

sk_status trainer_ema_make(struct trainer *trainer) {
    size_t size = trainer->options.reference ? sizeof(double) : sizeof(float);
    TRY(ema_make(&trainer->ema, trainer->options.recipe));
    if (!trainer->ema.on) return SK_OK;
    trainer->ema_counters = ema_counters_new();
    for (int b = 0; b < 2; b++) {
        size_t count = (size_t)count_of(trainer, b);
        TRY(region_new(&trainer->ema_blocks[b], count * size));
        TRY(region_new(&trainer->lent[b], count * sizeof(float)));
        if (!trainer->ema.from_zero) memcpy(trainer->ema_blocks[b].data, now_of(trainer, b), count * size);
    }
    return SK_OK;
}

void trainer_ema_free(struct trainer *trainer) {
    for (int b = 0; b < 2; b++) {
        region_free(&trainer->ema_blocks[b]);
        region_free(&trainer->lent[b]);
    }
}

int trainer_ema_blocks(struct trainer *trainer, struct trainer_block *blocks) {
    static const char *const names[] = {"ema.params", "ema.state"};
    int count = 0;
    if (!trainer->ema.on) return 0;
    for (int b = 0; b < 2; b++)
        blocks[count++] = (struct trainer_block){names[b], trainer->options.reference ? F64 : F32,
                                                 trainer->ema_blocks[b].data, count_of(trainer, b)};
    blocks[count++] = (struct trainer_block){"ema.counters", F64, &trainer->ema_counters,
                                             (int64_t)(sizeof trainer->ema_counters / sizeof(double))};
    return count;
}

/* ---- moving ---- */

struct ema_call {
    struct trainer *trainer;
    double decay;
};

static void move_range(void *arg, int64_t index, int member) {
    const struct ema_call *call = arg;
    struct trainer *trainer = call->trainer;
    int64_t begin, end;
    (void)member;
    trainer_range(trainer, index, &begin, &end);
    if (trainer->options.reference)
        ema_move_f64(&trainer->ema, call->decay, trainer->ema_blocks[0].data, now_of(trainer, false), begin, end);
    else
        ema_move_f32(&trainer->ema, call->decay, trainer->ema_blocks[0].data, now_of(trainer, false), begin, end);
}

void trainer_ema_move(struct trainer *trainer, int64_t batch, bool stepped) {
    const struct ema *ema = &trainer->ema;
    int64_t step = trainer->position.step - stepped; /* the one that this batch is part of */
    int64_t index = ema->micro ? batch : step % trainer->options.epochs->steps;
    if (!ema_due(ema, index) || (!ema->micro && !stepped)) return;
    bool warming = schedule_warming(&trainer->schedule, step);
    struct ema_call call = {trainer, ema_next(ema, &trainer->ema_counters, warming)};
    team_for(trainer->options.team, trainer->ranges, move_range, &call);
    if (trainer->options.reference)
        ema_move_state_f64(ema, call.decay, trainer->graph, trainer->ema_blocks[1].data, now_of(trainer, true));
    else
        ema_move_state_f32(ema, call.decay, trainer->graph, trainer->ema_blocks[1].data, now_of(trainer, true));
}

/* ---- lending ---- */

static double average_at(const struct trainer *trainer, bool state, int64_t index) {
    const void *block = trainer->ema_blocks[state].data;
    return trainer->options.reference ? ((const double *)block)[index] : (double)((const float *)block)[index];
}

bool trainer_has_ema(const struct trainer *trainer) {
    return trainer->ema.on;
}

/* Counters and copied statistics have no start to be freed from. */
static void lend_state(struct trainer *trainer, double factor) {
    const struct graph *graph = trainer->graph;
    float *state = trainer->options.network->state;
    for (size_t i = 0; i < graph->param_count; i++) {
        const struct param *param = &graph->params[i];
        bool averaged = trainer->ema.statistics && param->kind != STATE_COUNTER;
        if (!param->state || trainer->ema.own_now) continue;
        for (int64_t j = param->offset; j < param->offset + param->count; j++)
            state[j] = (float)(average_at(trainer, true, j) * (averaged ? factor : 1));
    }
}

void trainer_show_ema(struct trainer *trainer) {
    struct network *network = trainer->options.network;
    double factor = ema_factor(&trainer->ema, &trainer->ema_counters);
    int64_t params = count_of(trainer, false);
    trainer_publish(trainer);
    memcpy(trainer->lent[0].data, network->params, (size_t)params * sizeof(float));
    memcpy(trainer->lent[1].data, network->state, (size_t)count_of(trainer, true) * sizeof(float));
    for (int64_t j = 0; j < params; j++) network->params[j] = (float)(average_at(trainer, false, j) * factor);
    lend_state(trainer, factor);
}

void trainer_show_raw(struct trainer *trainer) {
    struct network *network = trainer->options.network;
    memcpy(network->params, trainer->lent[0].data, (size_t)count_of(trainer, false) * sizeof(float));
    memcpy(network->state, trainer->lent[1].data, (size_t)count_of(trainer, true) * sizeof(float));
}
