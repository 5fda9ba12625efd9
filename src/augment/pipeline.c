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
        .attempts = 10,
        .train_filter = RESIZE_BILINEAR,
        .train_antialias = true,
        .pad_mode = PAD_ZERO,
        .policy = policy_default(),
        .jitter_probability = 1,
    };
}

sk_status pipeline_prepare(struct pipeline *pipeline, const struct augment_options *options) {
    for (int i = 0; i < TRANSFORMS; i++) TRY(transforms[i].transform->check(options));
    const struct preprocess *p = &options->preprocess;
    TRY(erasing_check(&options->erasing, p->crop_height, p->crop_width, p->channels));
    pipeline->options = *options;
    normalise_prepare(&options->preprocess, &pipeline->table);
    return SK_OK;
}

int64_t pipeline_size(const struct pipeline *pipeline) {
    const struct preprocess *p = &pipeline->options.preprocess;
    return (int64_t)p->crop_height * p->crop_width * p->channels;
}

bool pipeline_is_random(const struct pipeline *pipeline) {
    if (pipeline->options.erasing.probability > 0) return true;
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

/* Of bytes by the table; of TF's numbers one by one. */
static void finish(const struct pipeline *pipeline, const struct picture *picture, const struct scratch *scratch,
                   float *input) {
    if (scratch->numbers)
        normalise_numbers(&pipeline->options.preprocess, scratch->numbers, input);
    else
        normalise_picture(&pipeline->table, picture, input);
}

/* All transforms of pixels; the picture has the input's size then. */
static sk_status transform(const struct pipeline *pipeline, const struct sample_key *key, const struct picture *picture,
                           struct scratch *scratch, struct picture *result) {
    const struct preprocess *p = &pipeline->options.preprocess;
    const struct rng start = rng_at(key->seed, RNG_AUGMENT, key->epoch, key->sample);
    struct picture step = *picture;
    scratch->numbers = NULL;
    if (p->channels == 1 || p->by == RESIZE_BY_TF) TRY(preprocess_colour(p, picture, scratch, &step));
    for (int i = 0; i < TRANSFORMS; i++) {
        const struct transform *t = transforms[i].transform;
        struct rng rng = start;
        rng.counter[0] = transforms[i].number << 16;
        TRY(t->apply(&pipeline->options, &rng, scratch, &step));
        if (!t->keeps_numbers && t->is_random && t->is_random(&pipeline->options)) scratch->numbers = NULL;
    }
    if (p->channels == 3) TRY(preprocess_colour(p, &step, scratch, &step));
    FAIL_IF(step.height != p->crop_height || step.width != p->crop_width, SK_EINTERNAL,
            "augmentation ended with %dx%d pixels; expected %dx%d", step.height, step.width, p->crop_height,
            p->crop_width);
    *result = step;
    return SK_OK;
}

static void erase(const struct pipeline *pipeline, const struct sample_key *key, struct scratch *scratch,
                  float *input) {
    const struct preprocess *p = &pipeline->options.preprocess;
    struct rng rng = rng_at(key->seed, RNG_AUGMENT, key->epoch, key->sample);
    rng.counter[0] = (uint32_t)ERASING_NUMBER << 16;
    struct erasing_frame frame = {input, p->crop_height, p->crop_width, p->channels};
    erasing_apply(&pipeline->options.erasing, &rng, &frame, scratch);
}

sk_status pipeline_train(const struct pipeline *pipeline, const struct sample_key *key, const struct picture *picture,
                         struct scratch *scratch, float *input) {
    struct picture step;
    TRY(transform(pipeline, key, picture, scratch, &step));
    finish(pipeline, &step, scratch, input);
    erase(pipeline, key, scratch, input);
    return SK_OK;
}

sk_status pipeline_train_bytes(const struct pipeline *pipeline, const struct sample_key *key,
                               const struct picture *picture, struct scratch *scratch, float *input) {
    struct picture step;
    FAIL_IF(pipeline->options.preprocess.by == RESIZE_BY_TF, SK_EUSAGE,
            "mix.rounding uint8 mixes bytes, and preprocess.resize_by tf makes none");
    TRY(transform(pipeline, key, picture, scratch, &step));
    for (int64_t i = 0; i < pipeline_size(pipeline); i++) input[i] = step.pixels[i];
    return SK_OK;
}

void pipeline_finish(const struct pipeline *pipeline, const struct sample_key *key, struct scratch *scratch,
                     float *input) {
    const struct normalise_table *t = &pipeline->table;
    int channels = pipeline->options.preprocess.channels;
    for (int64_t i = 0; i < pipeline_size(pipeline); i += channels) {
        float pixel[PREPROCESS_CHANNELS];
        for (int c = 0; c < channels; c++) pixel[c] = input[i + c];
        for (int c = 0; c < channels; c++)
            input[i + c] = t->value[c * 256 + (int)pixel[t->reverse && channels == 3 ? 2 - c : c]];
    }
    erase(pipeline, key, scratch, input);
}

sk_status pipeline_eval(const struct pipeline *pipeline, const struct picture *picture, struct scratch *scratch,
                        float *input) {
    struct picture ready;
    TRY(preprocess_geometry(&pipeline->options.preprocess, picture, scratch, &ready));
    finish(pipeline, &ready, scratch, input);
    return SK_OK;
}
