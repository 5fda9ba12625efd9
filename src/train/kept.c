/* kept.c — one pass over the pictures through the frozen part, in order.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/kept.h"

#include <string.h>

#include "augment/augment.h"

enum { SMALL = 16384 };

sk_status kept_make(struct kept *kept, const struct kept_options *options, size_t *budget) {
    *kept = (struct kept){.options = *options, .loader = *options->loader, .stage = -1};
    kept->loader.in_order = true;
    kept->loader.balanced = kept->loader.drop_last = false;
    kept->loader.epoch = 0, kept->loader.batch = 0, kept->loader.end = 1;
    kept->pictures = dataset_count(kept->loader.dataset, kept->loader.part);
    size_t most = 0;
    for (int s = 0; s < trainer_stages(options->trainer); s++) {
        size_t bytes = (size_t)trainer_feature_floats(options->trainer, s) * sizeof(float) * (size_t)kept->pictures;
        /* Many numbers, and more than a picture has: the first layers, where keeping costs much and saves little. */
        int64_t floats = trainer_feature_floats(options->trainer, s);
        bool small = floats <= SMALL || floats <= pipeline_size(kept->loader.pipeline);
        kept->wanted[s] = bytes > 0 && bytes <= *budget && small;
        if (kept->wanted[s] && bytes > most) most = bytes;
    }
    *budget -= most;
    return most ? region_new(&kept->rows, most) : SK_OK;
}

void kept_free(struct kept *kept) {
    region_free(&kept->rows);
}

bool kept_any(const struct kept *kept) {
    bool any = false;
    for (int s = 0; s < FREEZE_STAGES; s++) any = any || kept->wanted[s];
    return any;
}

static sk_status fill(struct kept *kept, struct loader *loader, int stage) {
    const struct kept_options *o = &kept->options;
    int64_t floats = trainer_feature_floats(o->trainer, stage), done = 0;
    for (;;) {
        const struct batch *batch;
        TRY(loader_next(loader, &batch));
        if (!batch) return SK_OK;
        trainer_features(o->trainer, stage, batch->count, batch->images, (float *)kept->rows.data + done * floats);
        done += batch->count;
        if (o->progress) o->progress(o->user, done, kept->pictures);
        FAIL_IF(o->stop && atomic_load(o->stop), SK_EINTERRUPTED, "stopped after %lld of %lld pictures",
                (long long)done, (long long)kept->pictures);
    }
}

sk_status kept_rows(struct kept *kept, int stage, const float **rows) {
    *rows = NULL;
    if (!kept->wanted[stage]) return SK_OK;
    if (kept->stage != stage) {
        struct loader *loader;
        kept->stage = -1;
        TRY(loader_new(&loader, &kept->loader));
        sk_status status = fill(kept, loader, stage);
        kept->damaged += loader_damaged(loader);
        loader_free(loader);
        TRY(status);
        kept->stage = stage;
    }
    *rows = kept->rows.data;
    return SK_OK;
}
