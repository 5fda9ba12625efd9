/* augment.h — the pipeline that turns a decoded picture into a training or evaluation input.
 *
 * Every random number is addressed by (seed, epoch, picture, transform), so that a picture's augmentation
 * depends neither on the worker nor on which other transforms are on.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_AUGMENT_H
#define SK_AUGMENT_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "augment/erasing.h"
#include "augment/policy.h"
#include "augment/preprocess.h"
#include "augment/augment_trace.h"
#include "base/status.h"
#include "data/picture.h"

enum pad_mode { PAD_ZERO, PAD_REFLECT };

enum jitter_part { JITTER_BRIGHTNESS, JITTER_CONTRAST, JITTER_SATURATION, JITTER_HUE, JITTER_PARTS };

/* What the recipe says; augment_default() switches all randomness off. */
struct augment_options {
    struct preprocess preprocess; /* evaluation; training ends in the same size and numbers */
    /* random resized crop: a part of random area and shape, resized to the input's size */
    bool random_resized_crop;
    double scale_min, scale_max;   /* share of the area: 0.08, 1 */
    double ratio_min, ratio_max;   /* width / height: 3/4, 4/3 */
    int attempts;                  /* 10 */
    bool crop_of_tf, centre_whole; /* TF's draws; a crop that is the whole becomes its middle */
    double min_covered;            /* TF */
    bool train_antialias;
    enum resize_filter train_filter;
    bool random_filter; /* of the crop: bilinear or bicubic, drawn for each picture */
    /* pad and random crop (as usual on CIFAR) after the resize to preprocess.resize, if any */
    bool random_crop;
    int padding; /* pixels on every side */
    enum pad_mode pad_mode;
    double flip_probability; /* horizontal flip; 0 = off */
    struct policy policy;
    double jitter[JITTER_PARTS]; /* colour jitter: factors of 1 - x to 1 + x; hue of -x to x. All 0 = off */
    double jitter_probability, grayscale_probability;
    struct erasing erasing; /* of the normalised numbers */
    bool fast_decode;       /* pictures may come shrunk and less exact from their decoder */
};
struct augment_options augment_default(void);

/* Prepared options; plain data without pointers of its own. */
struct pipeline {
    struct augment_options options;
    struct normalise_table table;
};

/* Check the options and prepare. */
sk_status pipeline_prepare(struct pipeline *pipeline, const struct augment_options *options);

/* Floats of one input: crop_height * crop_width * channels. */
int64_t pipeline_size(const struct pipeline *pipeline);

/* Which picture of which epoch, for the random numbers. */
struct sample_key {
    uint64_t seed, epoch, sample;
};

/* False where training makes the same input of a picture every time. */
bool pipeline_is_random(const struct pipeline *pipeline);

/* The part of a picture that pipeline_train will look at, for the scratch that it is read with (&wish.wish). */
struct pipeline_wish {
    struct picture_wish wish;
    const struct pipeline *pipeline;
    const struct sample_key *key;
};
void pipeline_wish(struct pipeline_wish *wish, const struct pipeline *pipeline, const struct sample_key *key);

/* Training input (H,W,C) of a picture. What was done to it goes to scratch->trace (augment/augment_trace.h), if that is set. */
sk_status pipeline_train(const struct pipeline *pipeline, const struct sample_key *key, const struct picture *picture,
                         struct scratch *scratch, float *input);
/* The same in two parts, for who mixes bytes between them: the bytes as whole numbers, and in place what is left to do. */
sk_status pipeline_train_bytes(const struct pipeline *pipeline, const struct sample_key *key,
                               const struct picture *picture, struct scratch *scratch, float *input);
void pipeline_finish(const struct pipeline *pipeline, const struct sample_key *key, struct scratch *scratch,
                     float *input);
/* Evaluation input: preprocess_apply. */
sk_status pipeline_eval(const struct pipeline *pipeline, const struct picture *picture, struct scratch *scratch,
                        float *input);

#endif
