/* data_stats.h — what the pictures of a part are like: mean and deviation, sizes, shapes, classes, formats.
 *
 * Sums are of whole numbers, so threads change no digit. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_DATA_STATS_H
#define SK_DATA_DATA_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "augment/preprocess.h"
#include "base/team.h"
#include "data/data.h"

enum { STATS_CHANNELS = 3, STATS_ASPECTS = 7, STATS_FORMATS = 8 };

/* Sums over every pixel, 0 … 255; a grey picture counts in all three channels. */
struct pixel_sums {
    uint64_t pixels;
    uint64_t sum[STATS_CHANNELS], squares[STATS_CHANNELS];
};
/* Mean and (population) standard deviation of a channel, on a scale from 0 to 1. */
double sums_mean(const struct pixel_sums *sums, int channel);
double sums_deviation(const struct pixel_sums *sums, int channel);

/* Least, middle and greatest. */
struct spread {
    int least, median, most;
};

struct data_stats {
    uint32_t pictures, grey;
    int channels;            /* 1 where all are grey */
    struct pixel_sums whole; /* of the pictures as they are: every pixel counts once */
    struct pixel_sums seen;  /* after resize and crop; pixels = 0 where not asked for */
    struct spread height, width;
    uint32_t aspects[STATS_ASPECTS]; /* by width / height: see stats_aspect_edge */
    uint32_t *class_counts;          /* (classes) */
    struct {
        const char *name;
        uint32_t count;
    } formats[STATS_FORMATS]; /* in files; the first `format_count` */
    int format_count;
};

/* Where aspect class i ends (it begins where the one before ends); INFINITY for the last. */
double stats_aspect_edge(int i);

struct stats_options {
    struct team *team;
    enum data_part part;
    const struct preprocess *preprocess; /* what a network sees; NULL: not asked for */
    /* Called now and then; false stops with SK_EINTERRUPTED. NULL is fine. */
    bool (*progress)(void *user, uint32_t done, uint32_t total);
    void *user;
};

/* An unreadable picture is a failure that names it. */
sk_status data_stats(struct arena *arena, const struct dataset *dataset, const struct stats_options *options,
                     struct data_stats *stats);

#endif
