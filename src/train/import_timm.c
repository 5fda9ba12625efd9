/* import_timm.c — what timm's train.py makes of its arguments (and of an args.yaml, which holds them all).
 *
 * Lengths are epochs and rates move once an epoch, unless sched_on_updates; sgd means Nesterov; Mixup takes the label smoothing to
 * itself; a policy switches the colour jitter off. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/import_source.h"

static sk_status timm_model(struct importing *im, const struct import_row *row) {
    const char *theirs = import_text(im, row->key), *ours = import_model_name(theirs);
    if (ours) return import_set(im, row->ours, ours);
    import_lacks(im, "no network of that name; `siskin models` lists them, and model.name keeps its default");
    return SK_OK;
}

/* ---- lengths, as create_scheduler_v2 makes them ---- */

static bool timm_wsd(const struct importing *im) {
    return import_is(im, "sched", "wsd") || import_is(im, "sched", "rsqrt");
}

static bool timm_cyclic(const struct importing *im) {
    return import_is(im, "sched", "cosine") || import_is(im, "sched", "tanh") || import_is(im, "sched", "poly");
}

/* The warm-up stands before the curve. */
static bool timm_prefixed(const struct importing *im) {
    return timm_wsd(im) || import_on(im, "warmup_prefix");
}

static double timm_cycle_count(const struct importing *im) {
    return timm_cyclic(im) ? fmax(1, import_number(im, "lr_cycle_limit")) : 1;
}

/* The epochs that are trained; cool-down lengthens the curves that end alone. */
static double timm_total(const struct importing *im) {
    double total = import_number(im, "epochs"), mul = import_number(im, "lr_cycle_mul"), cycles = timm_cycle_count(im);
    bool ends = timm_cyclic(im) || timm_wsd(im);
    if (cycles > 1) total = mul == 1 ? total * cycles : floor(-total * (pow(mul, cycles) - 1) / (1 - mul));
    return total + (import_on(im, "warmup_prefix") ? import_number(im, "warmup_epochs") : 0) +
           (ends ? import_number(im, "cooldown_epochs") : 0);
}

static sk_status timm_epochs(struct importing *im, const struct import_row *row) {
    return import_set_number(im, row->ours, timm_total(im));
}

static sk_status timm_batch(struct importing *im, const struct import_row *row) {
    double each = import_number(im, row->key);
    TRY(import_set_number(im, row->ours, each * (double)im->world));
    import_note(im, "%lld processes of %g", (long long)im->world, each);
    if (im->world > 1 && !import_on(im, "sync_bn")) return import_set_number(im, "batch_norm.group", each);
    return SK_OK;
}

static sk_status timm_eval_batch(struct importing *im, const struct import_row *row) {
    return import_set(im, row->ours, import_text(im, import_is_off(im, row->key) ? "batch_size" : row->key));
}

/* 3 224 224, or img_size, or the network's own. */
static double input_side(const struct importing *im) {
    const struct import_value *size = import_value(im, "input_size");
    double side = 0;
    if (size->count == 3 && parse_f64(size->text[2], &side)) return side;
    return import_number(im, "img_size");
}

static sk_status timm_size(struct importing *im, const struct import_row *row) {
    double side = input_side(im), share = import_number(im, row->key);
    if (side == 0 && share == 0) {
        import_note(im, "the network's own default_cfg decides; 224 of 256 is assumed");
        return import_set(im, "preprocess.resize", "256");
    }
    if (side == 0) side = 224;
    if (share == 0) share = 0.875;
    TRY(import_set_number(im, "preprocess.crop", side));
    return import_set_number(im, "preprocess.resize", floor(side / share));
}

static sk_status timm_interpolation(struct importing *im, const struct import_row *row) {
    if (*import_text(im, row->key)) return import_copy(im, row);
    import_note(im, "the network's own default_cfg decides; bicubic is assumed");
    return import_set(im, row->ours, "bicubic");
}

/* ---- optimizer ---- */

static sk_status timm_betas(struct importing *im) {
    const struct import_value *betas = import_value(im, "opt_betas");
    if (betas->count != 2) return SK_OK;
    TRY(import_set(im, "optimizer.beta1", betas->text[0]));
    return import_set(im, "optimizer.beta2", betas->text[1]);
}

static sk_status timm_eps(struct importing *im, const char *preset) {
    const char *eps = import_text(im, "opt_eps");
    return import_set(im, "optimizer.eps", *eps ? eps : preset);
}

static sk_status timm_optimizer(struct importing *im, const struct import_row *row) {
    const char *name = import_text(im, row->key);
    bool tf = !strcmp(name, "rmsproptf"), adamw = !strcmp(name, "adamw");
    if (!strcmp(name, "sgd") || !strcmp(name, "nesterov") || !strcmp(name, "momentum")) {
        TRY(import_set(im, "optimizer.name", "sgd"));
        TRY(import_set(im, "optimizer.nesterov", strcmp(name, "momentum") != 0 ? "true" : "false"));
        return import_set(im, "optimizer.momentum", import_text(im, "momentum"));
    }
    if (tf || !strcmp(name, "rmsprop")) {
        TRY(import_set(im, "optimizer.name", "rmsprop"));
        TRY(import_set(im, "optimizer.alpha", "0.9"));
        TRY(import_set(im, "optimizer.momentum", import_text(im, "momentum")));
        TRY(timm_eps(im, tf ? "1e-10" : "1e-8"));
        TRY(import_set(im, "optimizer.eps_in_sqrt", tf ? "true" : "false"));
        TRY(import_set(im, "optimizer.lr_in_momentum", tf ? "true" : "false"));
        return import_set(im, "optimizer.initial_mean_square", tf ? "1" : "0");
    }
    if (adamw || !strcmp(name, "adam")) {
        TRY(import_set(im, "optimizer.name", "adam"));
        TRY(timm_eps(im, "1e-8"));
        TRY(timm_betas(im));
        return import_set(im, "weight_decay.order", adamw ? "decoupled" : "before");
    }
    import_lacks(im, "no optimizer of that name: sgd, rmsprop and adam there are");
    return SK_OK;
}

static sk_status timm_decay(struct importing *im, const struct import_row *row) {
    return import_copy(im, row);
}

static sk_status timm_exclude(struct importing *im, const struct import_row *row) {
    im->ignored = import_is_off(im, "weight_decay");
    bool scales = !strncmp(import_text(im, "model"), "convnext", 8); /* one number a channel there, three axes here */
    return im->ignored ? SK_OK : import_set(im, row->ours, scales ? "bias,one_dim,layer_scale" : "bias,one_dim");
}

static sk_status timm_layers(struct importing *im, const struct import_row *row) {
    static const char *const more[] = {"layer_decay_min_scale", "layer_decay_no_opt_scale"};
    im->ignored = import_is_off(im, row->key) || import_number(im, row->key) == 1;
    if (im->ignored) import_note(im, "off");
    if (im->ignored) return SK_OK;
    for (int i = 0; i < 2; i++)
        if (!import_is_off(im, more[i])) TRY(import_set(im, more[i], import_text(im, more[i])));
    return import_copy(im, row);
}

static sk_status timm_clip(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    if (import_is(im, "clip_mode", "norm")) return import_set(im, "clip.norm", import_text(im, row->key));
    if (import_is(im, "clip_mode", "value")) return import_set(im, "clip.value", import_text(im, row->key));
    import_lacks(im, "clip_mode %s: adaptive clipping", import_text(im, "clip_mode"));
    return SK_OK;
}

/* ---- learning rate ---- */

static sk_status timm_lr(struct importing *im, const struct import_row *row) {
    if (*import_text(im, row->key)) return import_copy(im, row);
    double accumulate = fmax(1, import_number(im, "grad_accum_steps"));
    double ratio = import_number(im, "batch_size") * (double)im->world * accumulate / import_number(im, "lr_base_size");
    const char *opt = import_text(im, "opt"), *scale = import_text(im, "lr_base_scale");
    bool root = *scale ? !strcmp(scale, "sqrt") : strstr(opt, "ada") || strstr(opt, "lamb");
    import_note(im, "None: lr_base %s, scaled %s", import_text(im, "lr_base"), root ? "by the root" : "linearly");
    return import_set_number(im, row->ours, import_number(im, "lr_base") * (root ? sqrt(ratio) : ratio));
}

static sk_status timm_milestones(struct importing *im) {
    struct text list = {0};
    const struct import_value *value = import_value(im, "decay_milestones");
    static const char *const presets[] = {"90", "180", "270"};
    double before = import_on(im, "warmup_prefix") ? import_number(im, "warmup_epochs") : 0;
    bool updates = import_on(im, "sched_on_updates");
    for (size_t i = 0; i < (value->count ? value->count : 3); i++) {
        double milestone = 0; /* timm multiplies one unit before it */
        if (!parse_f64(value->count ? value->text[i] : presets[i], &milestone)) milestone = -1;
        text_addf(&list, "%s%.10g", i ? "," : "", fmax(0, milestone + before - !updates));
    }
    import_note(im, updates ? "timm's come one step earlier" : "timm's come one epoch before their number");
    sk_status status = text_check(&list);
    if (status == SK_OK) status = import_set(im, "schedule.milestones", list.data);
    text_free(&list);
    return status;
}

/* wsd, and rsqrt, which is another stable part. */
static sk_status timm_stable(struct importing *im) {
    bool root = import_is(im, "sched", "rsqrt");
    const char *form = import_text(im, "lr_decay_fn"), *after = root ? "linear" : "sqrt";
    double length =
        import_number(im, "epochs") - (import_on(im, "warmup_prefix") ? 0 : import_number(im, "warmup_epochs"));
    double fall =
        import_given(im, "decay_epochs") && *import_text(im, "decay_epochs") ? import_number(im, "decay_epochs") : 0.2;
    if (!strcmp(form, "exp")) after = "exponential";
    if (!strcmp(form, "linear") || !strcmp(form, "cosine")) after = form;
    if (!strcmp(form, "1-sqrt") || !strcmp(form, "power")) after = "sqrt"; /* power: of 0.5 */
    TRY(import_set_number(im, "schedule.decay_epochs", fall < 1 ? round(fall * length) : round(fall)));
    TRY(import_set(im, "schedule.decay_form", after));
    if (root) TRY(import_set(im, "schedule.stable", "rsqrt"));
    if (!root || !*import_text(im, "lr_stable_timescale")) return SK_OK;
    return import_set(im, "schedule.stable_epochs", import_text(im, "lr_stable_timescale"));
}

/* What cosine, tanh and poly have in common. */
static sk_status timm_curve(struct importing *im) {
    double cycles = timm_cycle_count(im), mul = import_number(im, "lr_cycle_mul");
    TRY(import_set(im, "schedule.end_lr", import_text(im, "min_lr")));
    if (cycles > 1) {
        TRY(import_set_number(im, "schedule.cycles", cycles));
        TRY(import_set(im, "schedule.cycle_decay", import_text(im, "lr_cycle_decay")));
        if (mul != 1) TRY(import_set(im, "schedule.cycle_mul", import_text(im, "lr_cycle_mul")));
        if (mul != 1) return import_set(im, "schedule.cycle_epochs", import_text(im, "epochs"));
    }
    if (import_is_off(im, "cooldown_epochs")) return SK_OK;
    return import_set(im, "schedule.cooldown_epochs", import_text(im, "cooldown_epochs"));
}

/* Its own cool-down is 0 there, its threshold PyTorch's. */
static sk_status timm_plateau(struct importing *im) {
    const char *metric = import_text(im, "eval_metric");
    TRY(import_set(im, "schedule.name", "plateau"));
    TRY(import_set(im, "schedule.unit", "epoch"));
    TRY(import_set(im, "schedule.metric", strcmp(metric, "top5") && strcmp(metric, "loss") ? "top1" : metric));
    TRY(import_set(im, "schedule.patience_epochs", import_text(im, "patience_epochs")));
    TRY(import_set(im, "schedule.decay_rate", import_text(im, "decay_rate")));
    return import_set(im, "schedule.end_lr", import_text(im, "min_lr"));
}

static sk_status timm_schedule(struct importing *im, const struct import_row *row) {
    const char *name = import_text(im, row->key);
    bool poly = !strcmp(name, "poly"), step = !strcmp(name, "step"), multistep = !strcmp(name, "multistep");
    bool constant = !strcmp(name, "constant"), none = !strcmp(name, "none");
    if (!strcmp(name, "plateau")) return timm_plateau(im);
    if (!timm_cyclic(im) && !timm_wsd(im) && !step && !multistep && !constant && !none) {
        import_lacks(im, "no schedule of that name; cosine, tanh, poly, step, multistep, wsd, rsqrt, plateau and constant "
                         "there are");
        return SK_OK;
    }
    TRY(import_set(im, "schedule.name", poly ? "polynomial" : timm_wsd(im) ? "wsd" : none ? "constant" : name));
    if (none) return SK_OK;
    TRY(import_set(im, "schedule.unit", import_on(im, "sched_on_updates") ? "step" : "epoch"));
    if (constant) return SK_OK;
    TRY(import_set(im, "schedule.decay_from", timm_prefixed(im) ? "warmup_end" : "zero"));
    if (!strcmp(name, "tanh") && !timm_prefixed(im)) TRY(import_set(im, "schedule.warmup_to", "decayed"));
    if (poly) TRY(import_set(im, "schedule.exponent", import_text(im, "decay_rate")));
    if (step || multistep) TRY(import_set(im, "schedule.decay_rate", import_text(im, "decay_rate")));
    if (step) TRY(import_set(im, "schedule.decay_epochs", import_text(im, "decay_epochs")));
    if (timm_cyclic(im)) return timm_curve(im);
    if (timm_wsd(im) && !import_is_off(im, "cooldown_epochs"))
        TRY(import_set(im, "schedule.cooldown_epochs", import_text(im, "cooldown_epochs")));
    if (timm_wsd(im)) TRY(import_set(im, "schedule.end_lr", import_text(im, "min_lr")));
    if (timm_wsd(im)) return timm_stable(im);
    return multistep ? timm_milestones(im) : SK_OK;
}

/* Beside the best model, which goes by top-1 here, it is what plateau watches. */
static sk_status timm_metric(struct importing *im, const struct import_row *row) {
    if (!import_is(im, "sched", "plateau")) return import_ignore(im, row);
    text_add(&im->ours, "with sched");
    return SK_OK;
}

/* Bends cosine and poly. */
static sk_status timm_k_decay(struct importing *im, const struct import_row *row) {
    im->ignored =
        import_number(im, row->key) == 1 || (!import_is(im, "sched", "cosine") && !import_is(im, "sched", "poly"));
    return im->ignored ? SK_OK : import_copy(im, row);
}

static sk_status timm_warmup(struct importing *im, const struct import_row *row) {
    im->ignored = import_is_off(im, "warmup_epochs") || import_is(im, "sched", "none");
    return im->ignored ? SK_OK : import_copy(im, row);
}

/* A share of the curve's epochs there, of the run's here. */
static sk_status timm_noise_range(struct importing *im, const struct import_row *row) {
    const struct import_value *value = import_value(im, row->key);
    double factor = import_number(im, "epochs") / timm_total(im);
    struct text list = {0};
    for (size_t i = 0; i < (value->count ? value->count : 1); i++) {
        double share = import_number(im, row->key);
        if (value->count && !parse_f64(value->text[i], &share)) share = -1;
        text_addf(&list, "%s%.17g", i ? "," : "", share * factor);
    }
    sk_status status = text_check(&list);
    if (status == SK_OK) status = import_set(im, row->ours, list.data);
    text_free(&list);
    return status;
}

static sk_status timm_noise(struct importing *im, const struct import_row *row) {
    if (!import_value(im, row->key)->count || import_is_off(im, row->key)) return import_none(im, row);
    if (timm_total(im) != import_number(im, "epochs")) {
        TRY(timm_noise_range(im, row));
    } else if (import_value(im, row->key)->count == 1) {
        TRY(import_set(im, row->ours, import_text(im, row->key)));
    } else {
        TRY(import_copy(im, row));
    }
    TRY(import_set(im, "schedule.noise_percent", import_text(im, "lr_noise_pct")));
    TRY(import_set(im, "schedule.noise_std", import_text(im, "lr_noise_std")));
    return import_set(im, "schedule.noise_seed", import_text(im, "seed"));
}

/* ---- pictures ---- */

static sk_status timm_no_aug(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "augment.random_resized_crop.enabled", "false"));
    return import_set(im, "augment.flip", "0");
}

static sk_status timm_crop_mode(struct importing *im, const struct import_row *row) {
    im->ignored = !*import_text(im, row->key) || import_is(im, row->key, "rrc");
    if (!im->ignored) import_lacks(im, "random resized crops alone");
    return SK_OK;
}

static sk_status timm_pair(struct importing *im, const struct import_row *row) {
    if (import_value(im, row->key)->count) return import_copy(im, row);
    char both[64];
    const char *preset = import_text(im, row->key);
    size_t first = strcspn(preset, " ");
    snprintf(both, sizeof both, "%.*s,%s", (int)first, preset, preset + first + 1);
    return import_set(im, row->ours, both);
}

static sk_status timm_jitter(struct importing *im, const struct import_row *row) {
    const char *policy = import_text(im, "aa");
    im->ignored = import_is_off(im, row->key) || (*policy && !strstr(policy, "3a"));
    if (!im->ignored) return import_copy(im, row);
    import_note(im, *policy ? "aa switches it off" : "off");
    return SK_OK;
}

static sk_status timm_policy(struct importing *im, const struct import_row *row) {
    if (!*import_text(im, row->key)) return import_none(im, row);
    return import_copy(im, row);
}

static sk_status timm_repeats(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "sampling", "repeated"));
    TRY(import_set(im, "repeat_of", "timm"));
    TRY(import_set_number(im, "repeat_replicas", (double)im->world));
    return import_copy(im, row);
}

static sk_status timm_erase(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    const char *mode = import_text(im, "remode");
    TRY(import_set(im, "augment.erasing.of", "timm"));
    TRY(import_copy(im, row));
    TRY(import_set(im, "augment.erasing.area", "0.02,0.3333333333333333"));
    TRY(import_set(im, "augment.erasing.aspect", "0.3,3.3333333333333335"));
    TRY(import_set(im, "augment.erasing.count", import_text(im, "recount")));
    return import_set(im, "augment.erasing.fill",
                      !strcmp(mode, "pixel")  ? "noise"
                      : !strcmp(mode, "rand") ? "colour"
                                              : "zero");
}

/* ---- mixing and loss ---- */

static bool mixes(const struct importing *im) {
    return !import_is_off(im, "mixup") || !import_is_off(im, "cutmix") || import_value(im, "cutmix_minmax")->count == 2;
}

static sk_status timm_mix(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "mix.of", "timm"));
    bool prefetches = !import_on(im, "no_prefetcher") && !import_is(im, "prefetcher", "false");
    TRY(import_set(im, "mix.rounding", prefetches ? "uint8" : "none"));
    return import_copy(im, row);
}

static sk_status timm_mixed(struct importing *im, const struct import_row *row) {
    im->ignored = !mixes(im);
    if (!im->ignored) return import_copy(im, row);
    import_note(im, "nothing is mixed");
    return SK_OK;
}

static sk_status timm_mix_mode(struct importing *im, const struct import_row *row) {
    im->ignored = !mixes(im);
    if (im->ignored) import_note(im, "nothing is mixed");
    if (im->ignored) return SK_OK;
    return import_set(im, row->ours, import_is(im, row->key, "elem") ? "element" : import_text(im, row->key));
}

static sk_status timm_smoothing(struct importing *im, const struct import_row *row) {
    if (mixes(im)) import_note(im, "in the mixed targets; the loss then smooths nothing");
    return import_set(im, mixes(im) ? "mix.smoothing" : "label_smoothing", import_text(im, row->key));
}

static sk_status timm_bce(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "loss", "bce"));
    if (import_on(im, "bce_sum")) TRY(import_set(im, "loss_bce.sum", "true"));
    if (*import_text(im, "bce_target_thresh"))
        TRY(import_set(im, "loss_bce.threshold", import_text(im, "bce_target_thresh")));
    if (*import_text(im, "bce_pos_weight"))
        TRY(import_set(im, "loss_bce.positive_weight", import_text(im, "bce_pos_weight")));
    return SK_OK;
}

/* ---- network ---- */

static sk_status timm_dropout(struct importing *im, const struct import_row *row) {
    return import_copy(im, row);
}

static sk_status timm_drop_path(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    return import_copy(im, row);
}

static sk_status timm_ema(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    bool old = im->whole && !import_given(im, "model_ema_warmup");
    if (old) import_note(im, "args.yaml without model_ema_warmup: ModelEmaV2");
    TRY(import_set(im, "ema.form", old ? "timm" : "timm_v3"));
    TRY(import_set(im, "ema.decay", import_text(im, "model_ema_decay")));
    TRY(import_set(im, "ema.best", "ema")); /* its metric is the average's */
    if (import_on(im, "model_ema_warmup")) TRY(import_set(im, "ema.dynamic", "timm_warmup"));
    return import_set(im, "ema.batch_statistics", "true");
}

static sk_status timm_amp(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key) && !import_on(im, "native_amp") && !import_on(im, "apex_amp"))
        return import_none(im, row);
    if (import_is(im, "amp_dtype", "bfloat16")) return import_set(im, row->ours, "bf16");
    import_lacks(im, "float16 with loss scaling; the recipe computes in f32 (precision=bf16 is the nearest)");
    return SK_OK;
}

static sk_status timm_data(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    return import_copy(im, row);
}

static sk_status timm_dataset(struct importing *im, const struct import_row *row) {
    im->ignored = !*import_text(im, row->key);
    if (!im->ignored) import_lacks(im, "data.spec says the pictures");
    return SK_OK;
}

static const struct import_row rows[] = {
#define ROW IMPORT_ROW
#include "train/import_timm.def"
#undef ROW
};

const struct import_source import_timm = {
    .name = "timm",
    .title = "timm's train.py, by siskin recipe import",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .positionals = 1,
};
