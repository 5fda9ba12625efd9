/* import_torchvision.c — what torchvision's references/classification/train.py makes of its arguments.
 *
 * Learning rates move once an epoch; batch_size is one process's; batch norm sees one process's pictures unless sync_bn.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "train/import_source.h"

static sk_status tv_model(struct importing *im, const struct import_row *row) {
    const char *theirs = import_text(im, row->key), *ours = import_model_name(theirs);
    if (ours) return import_set(im, row->ours, ours);
    import_lacks(im, "no network of that name; `siskin models` lists them, and model.name keeps its default");
    return SK_OK;
}

static sk_status tv_batch(struct importing *im, const struct import_row *row) {
    double each = import_number(im, row->key);
    TRY(import_set_number(im, row->ours, each * (double)im->world));
    TRY(import_set_number(im, "eval.batch_size", each));
    import_note(im, "%lld processes of %g", (long long)im->world, each);
    if (im->world > 1 && !import_on(im, "sync_bn")) return import_set_number(im, "batch_norm.group", each);
    return SK_OK;
}

static sk_status tv_optimizer(struct importing *im, const struct import_row *row) {
    if (import_is(im, row->key, "sgd") || import_is(im, row->key, "sgd_nesterov")) {
        TRY(import_set(im, "optimizer.name", "sgd"));
        return import_set(im, "optimizer.nesterov", import_is(im, row->key, "sgd") ? "false" : "true");
    }
    if (import_is(im, row->key, "rmsprop")) {
        TRY(import_set(im, "optimizer.name", "rmsprop"));
        TRY(import_set(im, "optimizer.alpha", "0.9"));
        return import_set(im, "optimizer.eps", "0.0316");
    }
    if (import_is(im, row->key, "adamw")) {
        TRY(import_set(im, "optimizer.name", "adam"));
        TRY(import_set(im, "optimizer.eps", "1e-8"));
        return import_set(im, "weight_decay.order", "decoupled");
    }
    import_lacks(im, "the script knows sgd, sgd_nesterov, rmsprop and adamw");
    return SK_OK;
}

static sk_status tv_momentum(struct importing *im, const struct import_row *row) {
    im->ignored = import_is(im, "opt", "adamw");
    if (!im->ignored) return import_copy(im, row);
    import_note(im, "adamw does not read it");
    return SK_OK;
}

/* ours is our rule: norm or bias. */
static sk_status tv_group(struct importing *im, const struct import_row *row) {
    struct text list = {0};
    const char *value = import_text(im, row->key), *norm = import_text(im, "norm_weight_decay");
    if (!*value) {
        im->ignored = true;
        import_note(im, "None: as weight_decay");
        return SK_OK;
    }
    if (!strcmp(row->ours, "bias") && *norm) /* a norm's own shift goes with the norm */
        text_addf(&list, "bias: %s,norm: %s", value, norm);
    else
        text_addf(&list, "%s: %s", row->ours, value);
    sk_status status = text_check(&list);
    if (status == SK_OK) status = import_set(im, "weight_decay.groups", list.data);
    text_free(&list);
    return status;
}

static sk_status tv_mix(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "mix.of", "torchvision"));
    return import_copy(im, row);
}

static sk_status tv_schedule(struct importing *im, const struct import_row *row) {
    bool step = import_is(im, row->key, "steplr"), exponential = import_is(im, row->key, "exponentiallr");
    if (!step && !exponential && !import_is(im, row->key, "cosineannealinglr")) {
        import_lacks(im, "the script knows steplr, cosineannealinglr and exponentiallr");
        return SK_OK;
    }
    TRY(import_set(im, "schedule.name", step || exponential ? "step" : "cosine"));
    TRY(import_set(im, "schedule.unit", "epoch"));
    TRY(import_set(im, "schedule.decay_from", "warmup_end"));
    if (!step && !exponential) return import_set(im, "schedule.end_lr", import_text(im, "lr_min"));
    TRY(import_set(im, "schedule.decay_rate", import_text(im, "lr_gamma")));
    return import_set(im, "schedule.decay_epochs", exponential ? "1" : import_text(im, "lr_step_size"));
}

static sk_status tv_warmup(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    if (import_is(im, "lr_warmup_method", "constant")) {
        TRY(import_set(im, "schedule.warmup_form", "constant"));
    } else if (!import_is(im, "lr_warmup_method", "linear")) {
        import_lacks(im, "method %s: the script knows linear and constant", import_text(im, "lr_warmup_method"));
        return SK_OK;
    }
    TRY(import_set(im, "schedule.warmup_epochs", import_text(im, row->key)));
    return import_set_number(im, "schedule.warmup_init",
                             import_number(im, "lr") * import_number(im, "lr_warmup_decay"));
}

static sk_status tv_policy(struct importing *im, const struct import_row *row) {
    const char *policy = import_text(im, row->key);
    if (!*policy) return import_none(im, row);
    TRY(import_set(im, "augment.policy_of", "torchvision"));
    if (!strcmp(policy, "ta_wide")) return import_set(im, "augment.policy", "trivialaugment");
    if (!strcmp(policy, "ra")) {
        TRY(import_set(im, "augment.policy", "randaugment"));
        return import_set(im, "augment.randaugment.magnitude", import_text(im, "ra_magnitude"));
    }
    if (!strcmp(policy, "augmix")) {
        TRY(import_set(im, "augment.policy", "augmix"));
        return import_set(im, "augment.augmix.severity", import_text(im, "augmix_severity"));
    }
    TRY(import_set(im, "augment.policy", "autoaugment"));
    return import_set(im, "augment.autoaugment", policy);
}

static sk_status tv_erase(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "augment.erasing.of", "torchvision"));
    return import_set(im, "augment.erasing.probability", import_text(im, row->key));
}

static sk_status tv_ema(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "ema.form", "torchvision"));
    TRY(import_set(im, "ema.decay", import_text(im, "model_ema_decay")));
    TRY(import_set(im, "ema.every", import_text(im, "model_ema_steps")));
    TRY(import_set(im, "ema.adjust", "true"));
    return import_set(im, "ema.during_warmup", "copy");
}

static sk_status tv_interpolation(struct importing *im, const struct import_row *row) {
    TRY(import_set(im, "preprocess.filter", import_text(im, row->key)));
    return import_set(im, "augment.random_resized_crop.filter", import_text(im, row->key));
}

static sk_status tv_train_crop(struct importing *im, const struct import_row *row) {
    if (import_number(im, row->key) == import_number(im, "val_crop_size")) {
        text_add(&im->ours, "with val_crop_size");
        return SK_OK;
    }
    return import_set(im, "augment.size", import_text(im, row->key));
}

static sk_status tv_clip(struct importing *im, const struct import_row *row) {
    if (import_is_off(im, row->key)) return import_none(im, row);
    return import_copy(im, row);
}

static sk_status tv_repeated(struct importing *im, const struct import_row *row) {
    if (!import_on(im, row->key)) return import_none(im, row);
    TRY(import_set(im, "sampling", "repeated"));
    TRY(import_set(im, "repeat_of", "torchvision"));
    TRY(import_set(im, "repeat", import_text(im, "ra_reps")));
    return import_set_number(im, "repeat_replicas", (double)im->world);
}

static sk_status tv_data(struct importing *im, const struct import_row *row) {
    if (import_given(im, row->key)) return import_copy(im, row);
    return import_none(im, row);
}

static sk_status tv_backend(struct importing *im, const struct import_row *row) {
    if (import_is(im, row->key, "PIL") || import_is(im, row->key, "pil")) {
        im->ignored = true;
        import_note(im, "resizes as Pillow do both");
    } else {
        import_lacks(im, "tensors are resized in float there, which differs by a level or two");
    }
    return SK_OK;
}

static const struct import_row rows[] = {
#define ROW IMPORT_ROW
#include "train/import_torchvision.def"
#undef ROW
};

const struct import_source import_torchvision = {
    .name = "torchvision",
    .title = "torchvision's references/classification/train.py, by siskin recipe import",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};
