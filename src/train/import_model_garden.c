/* import_model_garden.c — what TensorFlow Model Garden makes of an image classification experiment's YAML.
 *
 * Lengths are optimizer steps; the decay counts from step 0 and a warm-up ends at the decayed value; l2(x / 2) on kernels alone, not on
 * depthwise ones; a thousand classes stand beside an empty one. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/import_source.h"

#define TRAINER "trainer.optimizer_config."
#define TRAIN   "task.train_data."

/* The settings of the chosen type: "trainer.optimizer_config.optimizer" + type + name. */
static const char *chosen(const struct importing *im, const char *what, const char *type, const char *name) {
    char key[160];
    snprintf(key, sizeof key, "%s%s.%s.%s", TRAINER, what, type, name);
    return import_text(im, key);
}

static double chosen_number(const struct importing *im, const char *what, const char *type, const char *name) {
    double number = 0;
    return parse_f64(chosen(im, what, type, name), &number) ? number : 0;
}

static double steps_per_epoch(const struct importing *im) {
    double batch = import_number(im, TRAIN "global_batch_size");
    return batch > 0 ? floor((double)im->images / batch) : 0;
}

static double in_epochs(const struct importing *im, double steps) {
    double epoch = steps_per_epoch(im);
    return epoch > 0 ? steps / epoch : 0;
}

static bool is_backbone(const struct importing *im, const char *type) {
    return import_is(im, "task.model.backbone.type", type);
}

static sk_status mg_with(struct importing *im, const struct import_row *row) {
    return import_with(im, row);
}

/* A number that is off at 0, and whose note says what there is. */
static sk_status mg_off(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    import_lacks(im, "%s", row->note);
    return SK_OK;
}

static sk_status mg_one(struct importing *im, const struct import_row *row) {
    im->ignored = import_number(im, row->key) == 1;
    if (!im->ignored) import_lacks(im, "%s", row->note);
    return SK_OK;
}

/* ---- network ---- */

static sk_status mg_mobilenet(struct importing *im, const struct import_row *row) {
    im->ignored = !is_backbone(im, "mobilenet");
    const char *ours = import_model_name(import_text(im, row->key));
    if (im->ignored) return SK_OK;
    if (ours) return import_set(im, row->ours, ours);
    import_lacks(im, "no network of that name; `siskin models` lists them, and model.name keeps its default");
    return SK_OK;
}

static sk_status mg_mobilenet_only(struct importing *im, const struct import_row *row) {
    im->ignored = !is_backbone(im, "mobilenet") || import_is(im, row->key, row->preset);
    return im->ignored ? SK_OK : import_copy(im, row);
}

static sk_status mg_resnet(struct importing *im, const struct import_row *row) {
    im->ignored = !is_backbone(im, "resnet");
    if (im->ignored) return SK_OK;
    char name[40];
    snprintf(name, sizeof name, "resnet%.20s", import_text(im, row->key));
    if (import_model_name(name)) return import_set(im, row->ours, name);
    import_lacks(im, "no %s here", name);
    return SK_OK;
}

static sk_status mg_resnet_only(struct importing *im, const struct import_row *row) {
    im->ignored = !is_backbone(im, "resnet") || import_is_off(im, row->key);
    return im->ignored ? SK_OK : import_copy(im, row);
}

static sk_status mg_classes(struct importing *im, const struct import_row *row) {
    double classes = import_number(im, row->key);
    if (classes == 1001) {
        import_note(im, "a thousand classes behind an empty one");
        TRY(import_set(im, "data.label_offset", "1"));
    }
    im->ignored = classes == 0;
    return im->ignored ? SK_OK : import_set_number(im, "model.num_classes", classes);
}

static sk_status mg_size(struct importing *im, const struct import_row *row) {
    const struct import_value *size = import_value(im, row->key);
    if (size->count == 0) return import_set(im, row->ours, "224");
    if (size->count > 1 && strcmp(size->text[0], size->text[1]) != 0) import_lacks(im, "a square input alone");
    return import_set(im, row->ours, size->text[0]);
}

static sk_status mg_init(struct importing *im, const struct import_row *row) {
    import_note(im, "TF's initialisation; how its layers read random_uniform is from memory");
    return import_set(im, row->ours, "tf");
}

static sk_status mg_activation(struct importing *im, const struct import_row *row) {
    im->ignored = true;
    import_note(im, "MobileNets have their blocks' own, ResNets relu");
    if (is_backbone(im, "resnet") && !import_is(im, row->key, "relu")) {
        im->ignored = false;
        return import_set(im, "model.activation",
                          import_is(im, row->key, "swish") ? "silu" : import_text(im, row->key));
    }
    return SK_OK;
}

static sk_status mg_norm_momentum(struct importing *im, const struct import_row *row) {
    TRY(import_copy(im, row));
    return import_set(im, "batch_norm.momentum_of", "running");
}

static sk_status mg_norm(struct importing *im, const struct import_row *row) {
    (void)row;
    import_note(im, "the fused kernel hands the unbiased variance on");
    return import_set(im, "batch_norm.variance", "unbiased");
}

static sk_status mg_sync(struct importing *im, const struct import_row *row) {
    im->ignored = import_on(im, row->key);
    if (im->ignored)
        import_note(im, "statistics of the whole batch");
    else
        import_lacks(im,
                     "each replica by itself, and the file does not say how many: set batch_norm.group to a replica's "
                     "pictures");
    return SK_OK;
}

static sk_status mg_padding(struct importing *im, const struct import_row *row) {
    im->ignored = is_backbone(im, "resnet");
    if (im->ignored)
        import_note(im, "its ResNet pads by fixed amounts");
    else
        TRY(import_set(im, row->ours, "true"));
    return SK_OK;
}

/* ---- loss ---- */

static bool is_adamw(const struct importing *im) {
    return import_is(im, TRAINER "optimizer.type", "adamw");
}

static sk_status mg_l2(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    if (is_adamw(im)) return import_set(im, "weight_decay.l2", import_text(im, row->key));
    TRY(import_copy(im, row));
    import_note(im, "as l2(x / 2) on kernels alone, not on depthwise ones");
    return import_set(im, "weight_decay.exclude", "bias,norm,depthwise");
}

static bool mixes(const struct importing *im) {
    return *import_text(im, TRAIN "mixup_and_cutmix.mixup_alpha") ||
           *import_text(im, TRAIN "mixup_and_cutmix.cutmix_alpha") || import_value(im, TRAIN "mixup_and_cutmix")->given;
}

static sk_status mg_smoothing(struct importing *im, const struct import_row *row) {
    return import_set(im, "label_smoothing", import_text(im, row->key));
}

static sk_status mg_bce(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    TRY(import_set(im, row->ours, "bce"));
    return import_set(im, "loss_bce.sum", "true");
}

/* ---- pictures ---- */

static sk_status mg_drop(struct importing *im, const struct import_row *row) {
    return import_set(im, row->ours, import_on(im, row->key) ? "true" : "false");
}

static sk_status mg_flip(struct importing *im, const struct import_row *row) {
    return import_set(im, row->ours, import_on(im, row->key) ? "0.5" : "0");
}

static sk_status mg_area(struct importing *im, const struct import_row *row) {
    return import_value(im, row->key)->count ? import_copy(im, row) : import_set(im, row->ours, "0.08,1");
}

static sk_status mg_resize(struct importing *im, const struct import_row *row) {
    TRY(import_set(im, "preprocess.filter", import_text(im, row->key)));
    return import_set(im, "augment.random_resized_crop.filter", import_text(im, row->key));
}

static sk_status mg_pixels(struct importing *im, const struct import_row *row) {
    (void)row;
    TRY(import_set(im, "preprocess.resize_by", "tf"));
    TRY(import_set(im, "preprocess.antialias", "false"));
    return import_set(im, "augment.random_resized_crop.antialias", "false");
}

static sk_status set_list(struct importing *im, const char *ours, const char *key) {
    struct text list = {0};
    const struct import_value *value = import_value(im, key);
    for (size_t i = 0; i < value->count; i++) text_addf(&list, "%s%s", i ? "," : "", value->text[i]);
    sk_status status = text_check(&list);
    if (status == SK_OK && value->count) status = import_set(im, ours, list.data);
    text_free(&list);
    return status;
}

static sk_status mg_policy(struct importing *im, const struct import_row *row) {
    bool rand = import_is(im, row->key, "randaug");
    if (!*import_text(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "augment.policy_of", "tf"));
    TRY(import_set(im, "augment.policy", rand ? "randaugment" : "autoaugment"));
    const char *part = rand ? TRAIN "aug_type.randaug." : TRAIN "aug_type.autoaug.";
    char key[96];
    snprintf(key, sizeof key, "%scutout_const", part);
    TRY(import_set(im, "augment.randaugment.cutout_const", import_text(im, key)));
    snprintf(key, sizeof key, "%stranslate_const", part);
    TRY(import_set(im, "augment.randaugment.translate_const", import_text(im, key)));
    if (!rand)
        return import_set(im, "augment.autoaugment", import_text(im, TRAIN "aug_type.autoaug.augmentation_name"));
    TRY(import_set(im, "augment.randaugment.layers", import_text(im, TRAIN "aug_type.randaug.num_layers")));
    TRY(import_set(im, "augment.randaugment.magnitude", import_text(im, TRAIN "aug_type.randaug.magnitude")));
    TRY(import_set(im, "augment.randaugment.magnitude_std", import_text(im, TRAIN "aug_type.randaug.magnitude_std")));
    const char *probability = import_text(im, TRAIN "aug_type.randaug.prob_to_apply");
    if (*probability) TRY(import_set(im, "augment.randaugment.probability", probability));
    return set_list(im, "augment.randaugment.exclude", TRAIN "aug_type.randaug.exclude_ops");
}

static sk_status mg_erase(struct importing *im, const struct import_row *row) {
    char area[64];
    if (import_is_off(im, row->key)) return import_none(im, row);
    snprintf(area, sizeof area, "%.24s,%.24s", import_text(im, TRAIN "random_erasing.min_area"),
             import_text(im, TRAIN "random_erasing.max_area"));
    TRY(import_set(im, "augment.erasing.of", "tf"));
    TRY(import_copy(im, row));
    TRY(import_set(im, "augment.erasing.area", area));
    TRY(import_set(im, "augment.erasing.aspect", "0.3,3.3333333333333335"));
    return import_set(im, "augment.erasing.fill", "noise");
}

/* The group's defaults hold as soon as one of its keys is given. */
static sk_status mg_mix(struct importing *im, const struct import_row *row) {
    static const char *const presets[][2] = {{"mixup_alpha", "0.8"},
                                             {"cutmix_alpha", "1.0"},
                                             {"prob", "1.0"},
                                             {"switch_prob", "0.5"},
                                             {"label_smoothing", "0.1"}};
    const char *text = import_text(im, row->key), *name = strrchr(row->key, '.') + 1;
    bool any = mixes(im);
    for (size_t i = 0; i < 5; i++) {
        char key[96];
        snprintf(key, sizeof key, TRAIN "mixup_and_cutmix.%s", presets[i][0]);
        any = any || import_given(im, key);
        if (!*text && !strcmp(name, presets[i][0])) text = presets[i][1];
    }
    im->ignored = !any;
    if (!any) return SK_OK;
    TRY(import_set(im, "mix.of", "tf"));
    return import_set(im, row->ours, text);
}

/* ---- evaluation and lengths ---- */

static sk_status mg_eval_drop(struct importing *im, const struct import_row *row) {
    return import_set(im, row->ours, import_on(im, row->key) ? "drop" : "once");
}

static sk_status mg_eval_steps(struct importing *im, const struct import_row *row) {
    double steps = import_number(im, row->key), batch = import_number(im, "task.validation_data.global_batch_size");
    im->ignored = true;
    import_note(im, "at most %.0f pictures", steps * batch);
    if (steps > 0 && steps * batch < 50000 && !import_on(im, "task.validation_data.drop_remainder")) {
        im->ignored = false;
        TRY(import_set(im, "eval.stream", "drop"));
    }
    return SK_OK;
}

static sk_status mg_steps(struct importing *im, const struct import_row *row) {
    double epochs = in_epochs(im, import_number(im, row->key));
    if (epochs == 0) {
        import_lacks(im, "no batch size is given: an epoch's steps are not known");
        return SK_OK;
    }
    if (epochs != floor(epochs))
        import_lacks(im, "%.6g epochs of %.0f steps: a run ends with an epoch", epochs, steps_per_epoch(im));
    return import_set_number(im, row->ours, fmax(1, floor(epochs + 0.5)));
}

static sk_status mg_interval(struct importing *im, const struct import_row *row) {
    return import_set_number(im, row->ours, fmax(1, floor(in_epochs(im, import_number(im, row->key)) + 0.5)));
}

/* ---- optimizer ---- */

static sk_status mg_optimizer(struct importing *im, const struct import_row *row) {
    const char *type = import_text(im, row->key);
    if (!strcmp(type, "sgd")) {
        TRY(import_set(im, "optimizer.name", "sgd"));
        TRY(import_set(im, "optimizer.momentum", chosen(im, "optimizer", type, "momentum")));
        TRY(import_set(im, "optimizer.nesterov", chosen(im, "optimizer", type, "nesterov")));
        return import_set(im, "optimizer.lr_in_momentum", "true");
    }
    if (!strcmp(type, "rmsprop")) {
        TRY(import_set(im, "optimizer.name", "rmsprop"));
        TRY(import_set(im, "optimizer.alpha", chosen(im, "optimizer", type, "rho")));
        TRY(import_set(im, "optimizer.momentum", chosen(im, "optimizer", type, "momentum")));
        TRY(import_set(im, "optimizer.eps", chosen(im, "optimizer", type, "epsilon")));
        TRY(import_set(im, "optimizer.centered", chosen(im, "optimizer", type, "centered")));
        TRY(import_set(im, "optimizer.eps_in_sqrt", "true"));
        TRY(import_set(im, "optimizer.lr_in_momentum", "true"));
        return import_set(im, "optimizer.initial_mean_square", "0");
    }
    if (!strcmp(type, "adamw")) {
        TRY(import_set(im, "optimizer.name", "adam"));
        TRY(import_set(im, "optimizer.beta1", chosen(im, "optimizer", type, "beta_1")));
        TRY(import_set(im, "optimizer.beta2", chosen(im, "optimizer", type, "beta_2")));
        TRY(import_set(im, "optimizer.eps", chosen(im, "optimizer", type, "epsilon")));
        TRY(import_set(im, "optimizer.eps_hat", "true"));
        return import_set(im, "weight_decay.order", "decoupled");
    }
    import_lacks(im, "no optimizer of that name: sgd, rmsprop and adamw there are");
    return SK_OK;
}

static sk_status mg_decoupled(struct importing *im, const struct import_row *row) {
    im->ignored = !is_adamw(im) || import_is_off(im, row->key);
    return im->ignored ? SK_OK : import_copy(im, row);
}

/* Parts of TF's names. */
static sk_status mg_exclude(struct importing *im, const struct import_row *row) {
    const struct import_value *value = import_value(im, row->key);
    im->ignored = !is_adamw(im) || !value->count;
    if (im->ignored) return SK_OK;
    struct text list = {0};
    for (size_t i = 0; i < value->count; i++) {
        const char *ours = strstr(value->text[i], "batch_norm")   ? "batch_norm"
                           : strstr(value->text[i], "layer_norm") ? "layer_norm"
                           : strstr(value->text[i], "bias")       ? "bias"
                           : strstr(value->text[i], "depthwise")  ? "depthwise"
                                                                  : NULL;
        if (ours)
            text_addf(&list, "%s%s", list.length ? "," : "", ours);
        else
            import_lacks(im, "'%.60s' is a part of a TF name", value->text[i]);
    }
    sk_status status = text_check(&list);
    if (status == SK_OK && list.length) status = import_set(im, row->ours, list.data);
    text_free(&list);
    return status;
}

static sk_status mg_clip(struct importing *im, const struct import_row *row) {
    im->ignored = !is_adamw(im) || import_is_off(im, row->key);
    if (im->ignored) return SK_OK;
    TRY(import_copy(im, row));
    return import_set(im, "clip.norm_of", "optax");
}

static sk_status mg_clip_value(struct importing *im, const struct import_row *row) {
    im->ignored = !is_adamw(im) || import_is_off(im, row->key);
    return im->ignored ? SK_OK : import_copy(im, row);
}

/* ---- learning rate ---- */

/* Boundaries and values, one more; every value the same share of the one before. */
static sk_status mg_stepwise(struct importing *im) {
    double rates[64], steps[64];
    int rate_count = 0, step_count = 0;
    const char *const keys[] = {TRAINER "learning_rate.stepwise.boundaries", TRAINER "learning_rate.stepwise.values"};
    for (int k = 0; k < 2; k++) {
        const struct import_value *value = import_value(im, keys[k]);
        const char *preset = value->count ? "" : import_text(im, keys[k]);
        for (size_t i = 0; i < value->count && i < 64; i++)
            if (!parse_f64(value->text[i], k ? &rates[rate_count++] : &steps[step_count++])) return SK_OK;
        for (char word[32]; *preset && (k ? rate_count : step_count) < 64;) {
            size_t length = strcspn(preset, " ");
            snprintf(word, sizeof word, "%.*s", (int)length, preset);
            if (!parse_f64(word, k ? &rates[rate_count++] : &steps[step_count++])) return SK_OK;
            preset += length + (preset[length] == ' ');
        }
    }
    if (step_count < 1 || rate_count != step_count + 1 || rates[0] <= 0) {
        import_lacks(im, "%d boundaries and %d values: expected one value more", step_count, rate_count);
        return SK_OK;
    }
    struct text list = {0};
    double ratio = rates[1] / rates[0];
    for (int i = 0; i < step_count; i++) {
        if (fabs(rates[i + 1] / rates[i] - ratio) > 1e-6 * ratio)
            import_lacks(im, "values that do not fall by one share");
        text_addf(&list, "%s%.9g", i ? "," : "", in_epochs(im, steps[i]));
    }
    sk_status status = text_check(&list);
    if (status == SK_OK) status = import_set(im, "schedule.milestones", list.data);
    text_free(&list);
    TRY(status);
    TRY(import_set_number(im, "schedule.lr", rates[0]));
    return import_set_number(im, "schedule.decay_rate", fmin(1, floor(ratio * 1e9 + 0.5) / 1e9));
}

static sk_status mg_schedule(struct importing *im, const struct import_row *row) {
    const char *type = import_text(im, row->key);
    TRY(import_set(im, "schedule.decay_from", "zero"));
    if (!strcmp(type, "exponential")) {
        TRY(import_set(im, "schedule.name", "exponential"));
        TRY(import_set(im, "schedule.lr", chosen(im, "learning_rate", type, "initial_learning_rate")));
        TRY(import_set(im, "schedule.decay_steps", chosen(im, "learning_rate", type, "decay_steps")));
        TRY(import_set(im, "schedule.decay_rate", chosen(im, "learning_rate", type, "decay_rate")));
        return import_set(im, "schedule.staircase", chosen(im, "learning_rate", type, "staircase"));
    }
    if (!strcmp(type, "cosine")) {
        double lr = chosen_number(im, "learning_rate", type, "initial_learning_rate");
        TRY(import_set(im, "schedule.name", "cosine"));
        TRY(import_set_number(im, "schedule.lr", lr));
        if (chosen_number(im, "learning_rate", type, "decay_steps") != import_number(im, "trainer.train_steps"))
            import_lacks(im, "decay_steps is not train_steps: the curve ends with the run here");
        return import_set_number(im, "schedule.end_lr", lr * chosen_number(im, "learning_rate", type, "alpha"));
    }
    if (!strcmp(type, "stepwise")) {
        TRY(import_set(im, "schedule.name", "multistep"));
        return mg_stepwise(im);
    }
    if (!strcmp(type, "constant")) {
        TRY(import_set(im, "schedule.name", "constant"));
        return import_set(im, "schedule.lr", chosen(im, "learning_rate", type, "learning_rate"));
    }
    import_lacks(im, "no schedule of that name: exponential, cosine, stepwise and constant there are");
    return SK_OK;
}

static sk_status mg_warmup(struct importing *im, const struct import_row *row) {
    if (!*import_text(im, row->key)) return import_none(im, row);
    if (!import_is(im, row->key, "linear")) {
        import_lacks(im, "a linear warm-up alone");
        return SK_OK;
    }
    double steps = chosen_number(im, "warmup", "linear", "warmup_steps");
    TRY(import_set_number(im, "schedule.warmup_epochs", in_epochs(im, steps)));
    TRY(import_set(im, "schedule.warmup_init", chosen(im, "warmup", "linear", "warmup_learning_rate")));
    return import_set(im, "schedule.warmup_to", "decayed");
}

static sk_status mg_ema(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    bool trainable = import_on(im, TRAINER "ema.trainable_weights_only");
    TRY(import_set(im, "ema.form", "tf"));
    TRY(import_copy(im, row));
    TRY(import_set(im, "ema.start", "zero"));
    TRY(import_set(im, "ema.best", "ema"));
    if (import_on(im, TRAINER "ema.dynamic_decay")) {
        TRY(import_set(im, "ema.dynamic", "updates"));
        TRY(import_set(im, "ema.dynamic_from", "1"));
    }
    return import_set(im, "ema.batch_statistics", trainable ? "false" : "true");
}

/* ---- the machine ---- */

static sk_status mg_replicas(struct importing *im, const struct import_row *row) {
    (void)row;
    im->ignored = true;
    import_note(im, "see use_sync_bn");
    return SK_OK;
}

static sk_status mg_precision(struct importing *im, const struct import_row *row) {
    if (!*import_text(im, row->key) || import_is(im, row->key, "float32")) return import_none(im, row);
    if (import_is(im, row->key, "bfloat16")) return import_set(im, row->ours, "bf16");
    import_lacks(im, "float16 with loss scaling; the recipe computes in f32 (precision=bf16 is the nearest)");
    return SK_OK;
}

static sk_status mg_freeze(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    return import_set(im, row->ours, "backbone");
}

/* What the experiment of the file's backbone sets. */
static sk_status mg_begin(struct importing *im) {
    static const struct {
        const char *backbone, *key, *value;
    } sets[] = {
#define SET(backbone, key, value) {#backbone, key, value},
#include "train/import_experiments.def"
#undef SET
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (!is_backbone(im, sets[i].backbone)) continue;
        for (size_t r = 0; r < im->source->count; r++)
            if (!strcmp(im->source->rows[r].key, sets[i].key)) im->presets[r] = sets[i].value;
    }
    return SK_OK;
}

static const struct import_row rows[] = {
#define ROW(key, arity, preset, take, ours, note) {key, "", IMPORT_##arity, preset, take, ours, note},
#include "train/import_model_garden.def"
#undef ROW
};

const struct import_source import_model_garden = {
    .name = "model_garden",
    .title = "a YAML of TensorFlow Model Garden, by siskin recipe import",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .dotted = true,
    .begin = mg_begin,
};
