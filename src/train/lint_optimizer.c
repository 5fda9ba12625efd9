/* lint_optimizer.c — lints of optimizer, batch norm and weight decay.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "train/lint_rows.h"

/* The batch's share in the running statistics, PyTorch's convention. */
static double batch_share(const struct recipe *r) {
    return r->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH ? r->batch_norm_momentum : 1 - r->batch_norm_momentum;
}

/* ---- optimizer ---- */

/* Which optimizers read a key. */
static const struct {
    enum recipe_key_id id;
    bool rmsprop, adam;
} optimizer_keys[] = {
    {RECIPE_optimizer_alpha, true, false},           {RECIPE_optimizer_eps, true, true},
    {RECIPE_optimizer_centered, true, false},        {RECIPE_optimizer_eps_in_sqrt, true, false},
    {RECIPE_optimizer_bias_correction, true, false}, {RECIPE_optimizer_initial_mean_square, true, false},
    {RECIPE_optimizer_beta1, false, true},           {RECIPE_optimizer_beta2, false, true},
    {RECIPE_optimizer_eps_hat, false, true},         {RECIPE_optimizer_eps_root, false, true},
};

bool lint_finds_optimizer_keys_unused(const struct lint *l, struct text *t) {
    size_t found = 0;
    bool adam = !strcmp(l->recipe->optimizer_name, "adam");
    for (size_t i = 0; i < sizeof optimizer_keys / sizeof *optimizer_keys; i++) {
        bool read = lint_is_rmsprop(l) ? optimizer_keys[i].rmsprop : adam && optimizer_keys[i].adam;
        if (read || !lint_differs(l, optimizer_keys[i].id)) continue;
        text_addf(t, "%s%s", found++ ? ", " : "", recipe_key_name(optimizer_keys[i].id));
    }
    return found && lint_say(t, ": set, but %s does not read it", l->recipe->optimizer_name);
}

bool lint_finds_eps_torch_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!lint_is_rmsprop(l) || r->optimizer_eps_in_sqrt || r->optimizer_eps < 1e-4 || r->optimizer_eps > 0.01)
        return false;
    return lint_say(
        t, "%g outside the root; a TF eps stands inside it: set optimizer.eps_in_sqrt=true, or eps to about %.3g",
        r->optimizer_eps, sqrt(r->optimizer_eps));
}

bool lint_finds_eps_tf_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!lint_is_rmsprop(l) || !r->optimizer_eps_in_sqrt || r->optimizer_eps <= 0.01 || r->optimizer_eps > 0.2)
        return false;
    return lint_say(
        t, "%g inside the root; PyTorch's eps stands outside: set optimizer.eps_in_sqrt=false, or eps to about %.3g",
        r->optimizer_eps, r->optimizer_eps * r->optimizer_eps);
}

bool lint_finds_lr_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!lint_is_rmsprop(l) || r->optimizer_eps_in_sqrt == r->optimizer_lr_in_momentum || r->optimizer_momentum == 0)
        return false;
    if (lint_is_schedule(l, "constant") && r->schedule_warmup_epochs == 0) return false; /* no difference */
    return lint_say(
        t, "eps is %s the root but the learning rate %s the momentum buffer; TF has both inside, PyTorch none",
        r->optimizer_eps_in_sqrt ? "inside" : "outside", r->optimizer_lr_in_momentum ? "inside" : "outside");
}

bool lint_finds_mean_square_start(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (!lint_is_rmsprop(l) || r->optimizer_initial_mean_square > 0 || r->optimizer_bias_correction) return false;
    if (r->schedule_warmup_epochs > 0) return false;
    return lint_say(
        t,
        "the mean square starts at 0 without a warm-up: first steps of up to %.2g per parameter whatever its "
        "gradient; set optimizer.initial_mean_square=1 (TF1, timm) or a warm-up",
        r->schedule_lr / sqrt(1 - r->optimizer_alpha));
}

/* ---- batch-norm ---- */

bool lint_finds_momentum_inverted(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool of_batch = r->batch_norm_momentum_of == CHOICE_MOMENTUM_OF_BATCH;
    if (batch_share(r) <= 0.5) return false;
    return lint_say(
        t, "each batch makes up %.4g %% of the running statistics; set batch_norm.momentum_of=%s, or momentum to %.4g",
        100 * batch_share(r), of_batch ? "running" : "batch", 1 - r->batch_norm_momentum);
}

bool lint_finds_momentum_slow(const struct lint *l, struct text *t) {
    if (!l->planned) return false;
    double batches = (double)l->plan.batches * (double)l->plan.epochs;
    double left = pow(1 - batch_share(l->recipe), batches);
    if (left < 0.01) return false;
    return lint_say(t,
                    "after all %.0f batches %.3g %% of the running statistics are still their start; move them faster",
                    batches, 100 * left);
}

/* ---- weight decay ---- */

/* Decayed tensors of a kind. */
static size_t decayed(const struct lint *l, bool norm, bool bias, bool depthwise) {
    size_t count = 0;
    for (size_t i = 0; l->decided && i < l->input->tensor_count; i++) {
        const struct decay_tensor *tensor = &l->input->tensors[i];
        size_t length = strlen(tensor->name);
        bool is_norm = tensor->kind == DECAY_BATCH_NORM || tensor->kind == DECAY_LAYER_NORM;
        bool is_bias = !is_norm && length > 5 && !strcmp(tensor->name + length - 5, ".bias");
        bool is_depthwise = tensor->kind == DECAY_DEPTHWISE && !is_bias;
        if (l->decisions[i].coefficient == 0) continue;
        count += (norm && is_norm) || (bias && is_bias) || (depthwise && is_depthwise);
    }
    return count;
}

bool lint_finds_norm_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, true, false, false);
    return count &&
           lint_say(t, "%zu norm tensors are decayed; most recipes leave them out: weight_decay.exclude=norm", count);
}

bool lint_finds_bias_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, false, true, false);
    return count && lint_say(t, "%zu biases are decayed (as in torchvision); TF and timm recipes exclude bias", count);
}

bool lint_finds_depthwise_decayed(const struct lint *l, struct text *t) {
    size_t count = decayed(l, false, false, true);
    return count &&
           lint_say(t, "%zu depthwise kernels are decayed (as in torchvision and timm); TF recipes exclude depthwise",
                    count);
}

bool lint_finds_decay_unset(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->weight_decay_value > 0 || r->weight_decay_exclude.count == 0) return false;
    return lint_say(t, "%zu exclusions, but weight_decay.value is 0: nothing is decayed",
                    r->weight_decay_exclude.count);
}

bool lint_finds_decay_twice(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    if (r->weight_decay_l2 == 0 || r->weight_decay_value == 0) return false;
    return lint_say(
        t, "weights are decayed twice: by %g * p in the gradient and by lr * %g beside it; set one of them to 0",
        r->weight_decay_l2, r->weight_decay_value);
}

bool lint_finds_decay_form(const struct lint *l, struct text *t) {
    const struct recipe *r = l->recipe;
    bool adam = !strcmp(r->optimizer_name, "adam"), decoupled = r->weight_decay_order == CHOICE_DECAY_DECOUPLED;
    if (adam && !decoupled && r->weight_decay_value >= 0.005)
        return lint_say(
            t,
            "%g added to the gradient is divided by the root of the mean square, which all but undoes it; AdamW's "
            "decay is weight_decay.order=decoupled",
            r->weight_decay_value);
    if (!decoupled || r->weight_decay_value == 0 || r->weight_decay_value > 1e-3 || adam) return false;
    return lint_say(t,
                    "%g is a coefficient of L2; decoupled, each step takes only lr * %g of a weight: set "
                    "weight_decay.order=before",
                    r->weight_decay_value, r->weight_decay_value);
}
