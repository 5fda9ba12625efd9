/* pipeline.c — runs the rows of transforms.def on one picture, then normalises.
 *
 * Each transform has its own stretch of the picture's random sequence: 2^16 Philox blocks from
 * number * 2^16 on, so switching one off changes no other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/augment.h"
#include "augment/transform.h"
#include "base/rng.h"

static const struct {
    const struct transform *transform;
    uint32_t number;
} transforms[] = {
#define TRANSFORM(name, number) {&transform_##name, number},
#include "augment/transforms.def"
#undef TRANSFORM
};
enum { TRANSFORMS = sizeof transforms / sizeof transforms[0] };

struct augment_options augment_default(void) {
    return (struct augment_options){
        .preprocess = preprocess_default(),
        .scale_min = 0.08,
        .scale_max = 1,
        .ratio_min = 3.0 / 4,
        .ratio_max = 4.0 / 3,
        .train_filter = RESIZE_BILINEAR,
        .pad_mode = PAD_ZERO,
    };
}

sk_status pipeline_prepare(struct pipeline *pipeline, const struct augment_options *options) {
    for (int i = 0; i < TRANSFORMS; i++) TRY(transforms[i].transform->check(options));
    pipeline->options = *options;
    normalise_prepare(&options->preprocess, &pipeline->table);
    return SK_OK;
}

int64_t pipeline_size(const struct pipeline *pipeline) {
    const struct preprocess *p = &pipeline->options.preprocess;
    return (int64_t)p->crop_height * p->crop_width * p->channels;
}

bool pipeline_is_random(const struct pipeline *pipeline) {
    for (int i = 0; i < TRANSFORMS; i++)
        if (transforms[i].transform->is_random && transforms[i].transform->is_random(&pipeline->options)) return true;
    return false;
}

static bool wished_part(const struct picture_wish *wish, int height, int width, struct picture_box *box, int to[2]) {
    const struct pipeline_wish *own = wish->context;
    const struct pipeline *pipeline = own->pipeline;
    const struct sample_key *key = own->key;
    const struct rng start = rng_at(key->seed, RNG_AUGMENT, key->epoch, key->sample);
    for (int i = 0; i < TRANSFORMS && transforms[i].transform->part; i++) {
        struct rng rng = start;
        rng.counter[0] = transforms[i].number << 16;
        if (transforms[i].transform->part(&pipeline->options, &rng, height, width, box, to)) return true;
    }
    return false;
}

void pipeline_wish(struct pipeline_wish *wish, const struct pipeline *pipeline, const struct sample_key *key) {
    *wish = (struct pipeline_wish){.pipeline = pipeline, .key = key};
    wish->wish = (struct picture_wish){.part = wished_part, .context = wish, .fast = pipeline->options.fast_decode};
}

sk_status pipeline_train(const struct pipeline *pipeline, const struct sample_key *key, const struct picture *picture,
                         struct scratch *scratch, float *input) {
    const struct preprocess *p = &pipeline->options.preprocess;
    const struct rng start = rng_at(key->seed, RNG_AUGMENT, key->epoch, key->sample);
    struct picture step = *picture;
    if (p->channels == 1) TRY(preprocess_colour(p, picture, scratch, &step));
    for (int i = 0; i < TRANSFORMS; i++) {
        struct rng rng = start;
        rng.counter[0] = transforms[i].number << 16;
        TRY(transforms[i].transform->apply(&pipeline->options, &rng, scratch, &step));
    }
    if (p->channels == 3) TRY(preprocess_colour(p, &step, scratch, &step));
    FAIL_IF(step.height != p->crop_height || step.width != p->crop_width, SK_EINTERNAL,
            "augmentation ended with %dx%d pixels; expected %dx%d", step.height, step.width, p->crop_height,
            p->crop_width);
    normalise_picture(&pipeline->table, &step, input);
    return SK_OK;
}

sk_status pipeline_eval(const struct pipeline *pipeline, const struct picture *picture, struct scratch *scratch,
                        float *input) {
    struct picture ready;
    TRY(preprocess_geometry(&pipeline->options.preprocess, picture, scratch, &ready));
    normalise_picture(&pipeline->table, &ready, input);
    return SK_OK;
}
