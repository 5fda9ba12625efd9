/* trace.c — a recipe's effective values: epochs cut into steps, learning rates, decay, loss target.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/trace.h"

#include "train/from_recipe.h"

#include <string.h>

#include "train/optimizer.h"
#include "train/precision.h"
#include "train/recipe_policy.h"
#include "train/schedule.h"
#include "train/trace_batches.h"
#include "train/trace_model.h"
#include "train/trace_rates.h"
#include "train/trace_step.h"

/* Everything that both renderings need. */
struct trace {
    const struct recipe *recipe;
    struct epoch_plan plan;
    struct schedule schedule;
    struct optimizer optimizer;
    const struct decay_tensor *tensors;
    struct decay_decision *decisions;
    size_t tensor_count;
    double *target; /* of label 0 */
    int64_t classes, val_images;
    struct precision precision;
};

static sk_status trace_make(struct trace *trace, const struct trace_input *input, struct arena *arena) {
    const struct recipe *recipe = input->recipe;
    *trace = (struct trace){.recipe = recipe, .tensors = input->tensors, .tensor_count = input->tensor_count};
    trace->classes = input->classes ? input->classes : recipe->model_num_classes;
    trace->val_images = input->val_images;
    struct data_options data;
    TRY(recipe_check(recipe));
    TRY(recipe_data(recipe, &data));
    TRY(epoch_plan_make(&trace->plan, recipe, input->train_images, input->world ? input->world : 1));
    TRY(schedule_make(&trace->schedule, recipe, &trace->plan));
    TRY(optimizer_make(&trace->optimizer, recipe));
    TRY(trace_step_check(&(struct trace_step){recipe, &trace->plan, &trace->schedule}));
    TRY(precision_read(recipe, NULL, 1, &trace->precision));
    trace->decisions = arena_array(arena, trace->tensor_count, sizeof *trace->decisions);
    trace->target = arena_array(arena, (size_t)trace->classes, sizeof *trace->target);
    if (!trace->decisions || !trace->target) return SK_EMEMORY;
    if (trace->tensor_count) TRY(decay_decide(recipe, trace->tensors, trace->tensor_count, trace->decisions));
    trace_target(recipe->label_smoothing, trace->classes, 0, trace->target);
    return SK_OK;
}

void trace_target(double smoothing, int64_t classes, int64_t label, double *target) {
    for (int64_t i = 0; i < classes; i++) target[i] = smoothing / (double)classes;
    target[label] += 1 - smoothing;
}

/* The learning rate at an epoch's first step. */
static double epoch_lr(const struct trace *trace, int64_t epoch) {
    return schedule_lr(&trace->schedule, epoch * trace->plan.steps);
}

/* ---- JSON ---- */

static void json_optimizer(const struct trace *trace, struct json_writer *w) {
    const struct optimizer *o = &trace->optimizer;
    jw_object(w, "optimizer");
    jw_string(w, "name", trace->recipe->optimizer_name);
    jw_array(w, "slots");
    for (int s = 0; s < o->slots; s++) {
        jw_object(w, NULL);
        jw_string(w, "name", optimizer_slot_name(o, s));
        jw_number(w, "start", optimizer_slot_start(o, s));
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static void json_steps(const struct trace *trace, struct json_writer *w) {
    const struct epoch_plan *plan = &trace->plan;
    JW_INTEGERS(w, {"epochs", plan->epochs}, {"steps_per_epoch", plan->steps}, {"optimizer_steps", plan->total_steps},
                {"batches_per_epoch", plan->batches}, {"images_per_step", plan->images_per_step},
                {"images_per_epoch", plan->images_used}, {"images_left_out", plan->images_left_out});
    trace_batches_json(trace->recipe, &trace->plan, trace->val_images, w);
}

sk_status trace_input_tensors(struct trace_input *input, struct arena *arena) {
    struct model_args args;
    struct graph *graph;
    struct decay_tensor *tensors;
    TRY(recipe_model(input->recipe, &args));
    TRY(model_graph(arena, &args, &(struct model_request){.batch = 1}, &graph));
    TRY(decay_tensors(graph, arena, &tensors, &input->tensor_count));
    input->tensors = tensors;
    return SK_OK;
}

sk_status trace_json(const struct trace_input *input, struct json_writer *w) {
    struct arena arena = {0};
    struct trace trace;
    sk_status status = trace_make(&trace, input, &arena);
    if (status == SK_OK) {
        json_steps(&trace, w);
        json_optimizer(&trace, w);
        status = trace_step_json(&(struct trace_step){trace.recipe, &trace.plan, &trace.schedule}, w);
        precision_json(&trace.precision, w);
        if (schedule_follows_run(&trace.schedule)) jw_bool(w, "lr_follows_run", true);
        jw_array(w, "lr");
        for (int64_t e = 0; e < trace.plan.epochs; e++) jw_number(w, NULL, epoch_lr(&trace, e));
        jw_end_array(w);
        if (status == SK_OK) status = trace_model_json(trace.recipe, w);
        if (status == SK_OK) status = trace_rates_json(input, w);
        jw_array(w, "weight_decay");
        for (size_t i = 0; i < trace.tensor_count; i++) {
            jw_object(w, NULL);
            jw_string(w, "tensor", trace.tensors[i].name);
            jw_number(w, "coefficient", trace.decisions[i].coefficient);
            jw_string(w, "rule", trace.decisions[i].rule);
            jw_end_object(w);
        }
        jw_end_array(w);
        if (status == SK_OK) status = recipe_policy_json(input->recipe, w);
        jw_array(w, "target");
        for (int64_t c = 0; c < trace.classes; c++) jw_number(w, NULL, trace.target[c]);
        jw_end_array(w);
        if (status == SK_OK) status = text_check(&w->text);
    }
    arena_free(&arena);
    return status;
}

/* ---- text ---- */

static void text_steps(const struct trace *trace, struct text *text) {
    const struct epoch_plan *p = &trace->plan;
    text_addf(text, "steps\n  %lld epochs of %lld optimizer steps, %lld in all\n", (long long)p->epochs,
              (long long)p->steps, (long long)p->total_steps);
    text_addf(text, "  %lld pictures per step (%lld batches per epoch)\n", (long long)p->images_per_step,
              (long long)p->batches);
    text_addf(text, "  %lld of %lld pictures per epoch; %lld left out (others each time)\n", (long long)p->images_used,
              (long long)p->images, (long long)p->images_left_out);
    trace_batches_text(trace->recipe, &trace->plan, trace->val_images, text);
}

/* Epochs of one learning rate are one line. */
static void text_lr(const struct trace *trace, struct text *text) {
    text_add(text, "learning rate at the epoch's first step\n");
    if (schedule_follows_run(&trace->schedule))
        text_addf(text,
                  "  it follows the run: after %lld evaluations in a row that are no better it is multiplied by %.9g, "
                  "not below %.9g; here, as if that never happened:\n",
                  (long long)trace->schedule.patience + 1, trace->schedule.rate, trace->schedule.end);
    for (int64_t e = 0; e < trace->plan.epochs;) {
        double lr = epoch_lr(trace, e);
        int64_t last = e;
        while (last + 1 < trace->plan.epochs && epoch_lr(trace, last + 1) == lr) last++;
        if (last > e)
            text_addf(text, "  epoch %lld to %lld: %.9g\n", (long long)e + 1, (long long)last + 1, lr);
        else
            text_addf(text, "  epoch %lld: %.9g\n", (long long)e + 1, lr);
        e = last + 1;
    }
    text_addf(text, "  last step: %.9g\n", schedule_lr(&trace->schedule, trace->plan.total_steps - 1));
}

static void text_decay(const struct trace *trace, struct text *text) {
    bool decoupled = trace->optimizer.decoupled;
    text_addf(text, "weight decay, %s\n",
              decoupled ? "decoupled: p * (1 - lr * coefficient)" : "L2: gradient + coefficient * p");
    for (size_t i = 0; i < trace->tensor_count; i++)
        text_addf(text, "  %-48s %-10.6g %s\n", trace->tensors[i].name, trace->decisions[i].coefficient,
                  trace->decisions[i].rule);
}

static void text_rest(const struct trace *trace, struct text *text) {
    const struct optimizer *o = &trace->optimizer;
    text_addf(text, "optimizer %s\n", trace->recipe->optimizer_name);
    for (int s = 0; s < o->slots; s++)
        text_addf(text, "  %s starts at %g\n", optimizer_slot_name(o, s), optimizer_slot_start(o, s));
    text_addf(text, "loss target of %lld classes\n  the label %.9g", (long long)trace->classes, trace->target[0]);
    if (trace->classes > 1) text_addf(text, ", every other class %.9g", trace->target[1]);
    text_add(text, "\n");
    precision_text(&trace->precision, text);
    text_add(text, "\n");
}

sk_status trace_text(const struct trace_input *input, struct text *text) {
    struct arena arena = {0};
    struct trace trace;
    sk_status status = trace_make(&trace, input, &arena);
    if (status == SK_OK) {
        text_steps(&trace, text);
        status = trace_step_text(&(struct trace_step){trace.recipe, &trace.plan, &trace.schedule}, text);
        if (status == SK_OK) status = trace_model_text(trace.recipe, text);
        text_rest(&trace, text);
        text_lr(&trace, text);
        if (status == SK_OK) status = trace_rates_text(input, text);
        text_decay(&trace, text);
        if (status == SK_OK) status = recipe_policy_text(input->recipe, text);
        if (status == SK_OK) status = text_check(text);
    }
    arena_free(&arena);
    return status;
}
