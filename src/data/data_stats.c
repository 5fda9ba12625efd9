/* data_stats.c — reads every picture of a part once and adds up.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/data_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/signature.h"

enum { PIECE = 256 };

static const double aspect_edges[STATS_ASPECTS] = {0.5, 0.67, 0.8, 1.25, 1.5, 2, INFINITY};

double stats_aspect_edge(int i) {
    return aspect_edges[i];
}

double sums_mean(const struct pixel_sums *sums, int channel) {
    return sums->pixels ? (double)sums->sum[channel] / (double)sums->pixels / 255 : 0;
}

double sums_deviation(const struct pixel_sums *sums, int channel) {
    if (!sums->pixels) return 0;
    double mean = (double)sums->sum[channel] / (double)sums->pixels;
    double variance = (double)sums->squares[channel] / (double)sums->pixels - mean * mean;
    return variance > 0 ? sqrt(variance) / 255 : 0;
}

/* What one member of the team has seen. */
struct counted {
    struct scratch scratch;
    struct data_stats stats;
    sk_status status;
    char sentence[1024];
};

struct counting {
    const struct dataset *dataset;
    const struct stats_options *options;
    struct counted *members;
    int *heights, *widths; /* (pictures) */
    uint32_t first;        /* of this piece */
};

static void add_pixels(struct pixel_sums *sums, const struct picture *picture) {
    size_t channels = (size_t)picture->channels, count = (size_t)picture->height * (size_t)picture->width;
    uint64_t sum[STATS_CHANNELS] = {0}, squares[STATS_CHANNELS] = {0};
    for (size_t i = 0; i < count * channels; i += channels) {
        for (size_t c = 0; c < channels; c++) {
            unsigned value = picture->pixels[i + c];
            sum[c] += value;
            squares[c] += (uint64_t)(value * value);
        }
    }
    sums->pixels += count;
    for (size_t c = 0; c < STATS_CHANNELS; c++) {
        sums->sum[c] += sum[channels == 1 ? 0 : c];
        sums->squares[c] += squares[channels == 1 ? 0 : c];
    }
}

static void merge_pixels(struct pixel_sums *to, const struct pixel_sums *from) {
    to->pixels += from->pixels;
    for (int c = 0; c < STATS_CHANNELS; c++) to->sum[c] += from->sum[c], to->squares[c] += from->squares[c];
}

static void add_format(struct data_stats *stats, const char *name, uint32_t count) {
    int i = 0;
    while (i < stats->format_count && strcmp(stats->formats[i].name, name) != 0) i++;
    if (i == STATS_FORMATS) return; /* more than decoders */
    if (i == stats->format_count) {
        stats->formats[i].name = name;
        stats->format_count++;
    }
    stats->formats[i].count += count;
}

static sk_status count_picture(const struct counting *counting, struct counted *member, uint32_t index) {
    const struct stats_options *options = counting->options;
    struct scratch *scratch = &member->scratch;
    struct data_stats *stats = &member->stats;
    struct picture picture, seen;
    TRY(dataset_read(counting->dataset, options->part, index, scratch, &picture));
    counting->heights[index] = picture.height;
    counting->widths[index] = picture.width;
    stats->grey += picture.channels == 1;
    int aspect = 0;
    while ((double)picture.width / picture.height > aspect_edges[aspect]) aspect++;
    stats->aspects[aspect]++;
    add_pixels(&stats->whole, &picture);
    /* Where the picture came from a file, its bytes are still there. */
    const struct signature *signature =
        scratch->slot[SCRATCH_FILE].data
            ? signature_of(scratch->slot[SCRATCH_FILE].data, scratch->slot[SCRATCH_FILE].capacity)
            : NULL;
    if (signature) add_format(stats, signature->name, 1);
    if (!options->preprocess) return SK_OK;
    TRY(preprocess_geometry(options->preprocess, &picture, scratch, &seen));
    add_pixels(&stats->seen, &seen);
    return SK_OK;
}

static void count_tile(void *arg, int64_t index, int member_index) {
    struct counting *counting = arg;
    struct counted *member = &counting->members[member_index];
    if (member->status != SK_OK) return;
    member->status = count_picture(counting, member, counting->first + (uint32_t)index);
    if (member->status != SK_OK) strncpy(member->sentence, sk_error(), sizeof member->sentence - 1);
}

static sk_status count_all(struct counting *counting, uint32_t count) {
    const struct stats_options *options = counting->options;
    for (counting->first = 0; counting->first < count; counting->first += PIECE) {
        uint32_t first = counting->first, piece = count - first < PIECE ? count - first : PIECE;
        FAIL_IF(options->progress && !options->progress(options->user, first, count), SK_EINTERRUPTED,
                "stopped after %u of %u pictures", first, count);
        team_for(options->team, piece, count_tile, counting);
        for (int m = 0; m < team_size(options->team); m++)
            FAIL_IF(counting->members[m].status != SK_OK, counting->members[m].status,
                    "%s (siskin data check names all that is wrong)", counting->members[m].sentence);
    }
    return SK_OK;
}

static int by_value(const void *a, const void *b) {
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static struct spread spread_of(int *values, uint32_t count) {
    qsort(values, count, sizeof *values, by_value);
    return (struct spread){values[0], values[count / 2], values[count - 1]};
}

sk_status data_stats(struct arena *arena, const struct dataset *dataset, const struct stats_options *options,
                     struct data_stats *stats) {
    uint32_t count = dataset_count(dataset, options->part);
    int size = team_size(options->team);
    struct counting counting = {.dataset = dataset, .options = options};
    *stats = (struct data_stats){.pictures = count};
    FAIL_IF(count == 0, SK_EDATA, "there are no pictures in the %s part", data_part_name(options->part));
    stats->class_counts = arena_array(arena, (size_t)dataset_classes(dataset), sizeof *stats->class_counts);
    counting.members = arena_array(arena, (size_t)size, sizeof *counting.members);
    counting.heights = arena_array(arena, count, sizeof *counting.heights);
    counting.widths = arena_array(arena, count, sizeof *counting.widths);
    if (!stats->class_counts || !counting.members || !counting.heights || !counting.widths) return SK_EMEMORY;
    sk_status status = count_all(&counting, count);
    for (int m = 0; m < size; m++) {
        const struct data_stats *part = &counting.members[m].stats;
        scratch_free(&counting.members[m].scratch);
        stats->grey += part->grey;
        merge_pixels(&stats->whole, &part->whole);
        merge_pixels(&stats->seen, &part->seen);
        for (int i = 0; i < STATS_ASPECTS; i++) stats->aspects[i] += part->aspects[i];
        for (int i = 0; i < part->format_count; i++) add_format(stats, part->formats[i].name, part->formats[i].count);
    }
    TRY(status);
    for (uint32_t i = 0; i < count; i++) stats->class_counts[dataset_label(dataset, options->part, i)]++;
    stats->height = spread_of(counting.heights, count);
    stats->width = spread_of(counting.widths, count);
    stats->channels = stats->grey == count ? 1 : 3;
    return SK_OK;
}
