/* preprocess.h — from a decoded picture to a network's input, as the model file says: resize, crop, normalise.
 *
 * Equal to torchvision's ImageClassification preset to the last bit: shorter side to `resize` (longer =
 * trunc(resize * long / short)), zero padding where smaller than the crop, centre crop with offsets rounded to
 * even, then (x / divisor - mean) / std in f32. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_PREPROCESS_H
#define SK_AUGMENT_PREPROCESS_H

#include <stdbool.h>

#include "augment/resize_tf.h"
#include "base/json.h"
#include "base/status.h"
#include "data/picture.h"

enum { PREPROCESS_CHANNELS = 4 };

enum colour_order { COLOUR_RGB, COLOUR_BGR };

/* Plain data; copy freely. */
struct preprocess {
    int resize;  /* the shorter side in pixels; 0 = no resize */
    bool squash; /* the height is brought to `resize` and the width to the crop's shape, whatever the picture's */
    enum resize_filter filter;
    enum resize_by by; /* whose resize, of training too */
    double crop_share; /* > 0: the middle square of so much of the shorter side is resized; resize is not read */
    bool antialias;    /* as Pillow; false: as torch's interpolate without it, which shrunk pictures suffer from */
    int crop_height, crop_width; /* the input's size */
    int channels;                /* 1 or 3; a picture of the other kind is converted as Pillow does */
    float divisor;               /* 255: numbers from 0 to 1 before mean and std */
    float mean[PREPROCESS_CHANNELS], std[PREPROCESS_CHANNELS]; /* in the order of the input's channels */
    enum colour_order order;
    enum exif_policy exif; /* for who decodes the picture */
};

/* ImageNet's usual: resize 256, crop 224, bilinear, RGB, ImageNet mean and std. */
struct preprocess preprocess_default(void);

/* Ranges and sense of every field, before anything is run. */
sk_status preprocess_check(const struct preprocess *p);

/* As an object `key` of the model file's metadata, and back. A missing or unknown member is an error. */
void preprocess_write(const struct preprocess *p, struct json_writer *w, const char *key);
sk_status preprocess_read(const struct json *json, struct preprocess *p);

/* For another input size: resize and crop keep their proportion. */
void preprocess_scale(struct preprocess *p, int height, int width);

/* The size after the resize step. */
void preprocess_resized(const struct preprocess *p, int height, int width, int *new_height, int *new_width);

/* One picture to input (crop_height,crop_width,channels). The scratch grows to the largest picture seen. */
sk_status preprocess_apply(const struct preprocess *p, const struct picture *picture, struct scratch *scratch,
                           float *input);

/* All but the normalisation: the 8-bit picture (crop_height,crop_width,channels). */
sk_status preprocess_geometry(const struct preprocess *p, const struct picture *picture, struct scratch *scratch,
                              struct picture *result);

/* The single steps, for the training pipeline. Results lie in the scratch or are the source itself. */
sk_status preprocess_colour(const struct preprocess *p, const struct picture *source, struct scratch *scratch,
                            struct picture *result);
/* Cut (crop_height,crop_width) out of the middle, padding with zeros, into target (H,W,C). */
void preprocess_centre(const struct picture *source, int height, int width, uint8_t *target);

/* value -> number for every channel: table[channel * 256 + value]; and its use, colour order included. */
struct normalise_table {
    float value[PREPROCESS_CHANNELS * 256];
    int channels;
    bool reverse;   /* BGR */
    bool by_kernel; /* the kernel gives the table's bits */
    float divisor, mean[PREPROCESS_CHANNELS], std[PREPROCESS_CHANNELS];
};
void normalise_prepare(const struct preprocess *p, struct normalise_table *table);
void normalise_picture(const struct normalise_table *table, const struct picture *picture, float *input);
/* The same of numbers that are no bytes (scratch->numbers), with the same three operations. */
void normalise_numbers(const struct preprocess *p, const float *numbers, float *input);

/* The middle square of a picture of this size, of `share` of the shorter side, as Model Garden rounds it. */
struct picture_box preprocess_middle(int height, int width, double share);

#endif
