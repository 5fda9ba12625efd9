/* phash.c — the difference hash of a picture, and the pairs and groups of near ones.
 *
 * Pairs: two words of 64 bits that differ in at most d places agree in at least one of d + 1 pieces. So for each piece
 * the pictures are sorted by it, and only those with the same piece are compared (multi-index hashing; Norouzi et al.,
 * CVPR 2012). SPDX-License-Identifier: Apache-2.0 */
#include "data/phash.h"

#include <math.h>
#include <stdlib.h>

#include "augment/resize.h"

enum { FINE_HEIGHT = 2 * PHASH_HEIGHT, FINE_WIDTH = 2 * PHASH_WIDTH, PIECES = PHASH_NEAR + 1 };
enum { PLAIN = 3 }; /* so many levels of grey, root mean square, are noise */
/* The most that a picture is compared with for one piece: thousands of frames of one scene must not take for ever. In
 * the order of their bits the likest stand next to each other. */
enum { COMPARED_MAX = 512 };

/* ---- the hash ---- */

static unsigned grey_of(const uint8_t *pixel, int channels) {
    if (channels == 1) return pixel[0];
    return (pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16; /* Pillow's convert("L") */
}

/* Cells of two by two pixels, and four by four of those for the bits. */
static void fill(const struct picture *fine, struct phash *hash, double grey[PHASH_THUMB]) {
    unsigned cell[PHASH_HEIGHT / 2][PHASH_WIDTH / 2] = {{0}};
    for (int y = 0; y < PHASH_HEIGHT; y++) {
        for (int x = 0; x < PHASH_WIDTH; x++) {
            const uint8_t *at =
                fine->pixels + ((size_t)(2 * y) * FINE_WIDTH + (size_t)(2 * x)) * (size_t)fine->channels;
            const uint8_t *below = at + (size_t)FINE_WIDTH * (size_t)fine->channels;
            unsigned sum = grey_of(at, fine->channels) + grey_of(at + fine->channels, fine->channels) +
                           grey_of(below, fine->channels) + grey_of(below + fine->channels, fine->channels);
            grey[y * PHASH_WIDTH + x] = sum / 4.0;
            cell[y / 2][x / 2] += sum;
        }
    }
    hash->bits = 0;
    for (int y = 0; y < PHASH_HEIGHT / 2; y++)
        for (int x = 0; x + 1 < PHASH_WIDTH / 2; x++) hash->bits = hash->bits << 1 | (cell[y][x] < cell[y][x + 1]);
}

/* What is left of the greys without their mean and slopes (least squares): any two skies have a slope in common. */
static void take_detail(const double grey[PHASH_THUMB], struct phash *hash) {
    double mean = 0, across = 0, down = 0, across_norm = 0, down_norm = 0;
    for (int i = 0; i < PHASH_THUMB; i++) {
        double x = i % PHASH_WIDTH - (PHASH_WIDTH - 1) / 2.0, y = i / PHASH_WIDTH - (PHASH_HEIGHT - 1) / 2.0;
        mean += grey[i] / PHASH_THUMB;
        across += grey[i] * x, across_norm += x * x;
        down += grey[i] * y, down_norm += y * y;
    }
    hash->held = 0;
    for (int i = 0; i < PHASH_THUMB; i++) {
        double x = i % PHASH_WIDTH - (PHASH_WIDTH - 1) / 2.0, y = i / PHASH_WIDTH - (PHASH_HEIGHT - 1) / 2.0;
        long detail = lrint(grey[i] - mean - across / across_norm * x - down / down_norm * y);
        hash->detail[i] = (int8_t)(detail < -127 ? -127 : detail > 127 ? 127 : detail);
        hash->held += hash->detail[i] * hash->detail[i];
    }
    hash->plain = hash->held < PLAIN * PLAIN * PHASH_THUMB;
}

sk_status phash_of(const struct picture *picture, struct scratch *scratch, struct phash *hash) {
    struct picture fine;
    TRY(resize_picture(picture, NULL, FINE_HEIGHT, FINE_WIDTH, RESIZE_BOX, scratch, &fine));
    double grey[PHASH_THUMB];
    fill(&fine, hash, grey);
    take_detail(grey, hash);
    unsigned sum[3] = {0};
    for (int i = 0; i < FINE_HEIGHT * FINE_WIDTH; i++)
        for (int c = 0; c < 3; c++) sum[c] += fine.pixels[i * fine.channels + (fine.channels == 1 ? 0 : c)];
    for (int c = 0; c < 3; c++) hash->colour[c] = (uint8_t)(sum[c] / (FINE_HEIGHT * FINE_WIDTH));
    return SK_OK;
}

int phash_distance(uint64_t a, uint64_t b) {
    const uint64_t pairs = 0x5555555555555555U, fours = 0x3333333333333333U, bytes = 0x0f0f0f0f0f0f0f0fU;
    uint64_t x = a ^ b; /* sums of ever wider pieces */
    x = x - (x >> 1 & pairs);
    x = (x & fours) + (x >> 2 & fours);
    x = (x + (x >> 4)) & bytes;
    return (int)(x * 0x0101010101010101U >> 56);
}

/* What differs of the details is at most a fiftieth of what both hold. */
static bool details_agree(const struct phash *a, const struct phash *b) {
    int32_t apart = 0;
    for (int i = 0; i < PHASH_THUMB; i++) apart += (a->detail[i] - b->detail[i]) * (a->detail[i] - b->detail[i]);
    return 50 * (int64_t)apart <= (int64_t)a->held + b->held;
}

bool phash_near(const struct phash *a, const struct phash *b) {
    enum { COLOUR_APART = 24 };
    if (a->plain || b->plain || phash_distance(a->bits, b->bits) > PHASH_NEAR) return false;
    for (int c = 0; c < 3; c++)
        if (abs(a->colour[c] - b->colour[c]) > COLOUR_APART) return false;
    return details_agree(a, b);
}

/* ---- pairs ---- */

/* One picture in the order of a piece: its bits, turned so that the piece stands on top. */
struct entry {
    uint64_t turned;
    uint32_t index;
};

static int by_bits(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->turned != b->turned) return a->turned < b->turned ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Piece p of 64 bits cut in PIECES begins at this bit. */
static int piece_start(int p) {
    return 64 * p / PIECES;
}

static uint64_t turn(uint64_t bits, int by) {
    return by == 0 ? bits : bits << by | bits >> (64 - by);
}

typedef void on_pair(void *arg, uint32_t a, uint32_t b);

/* Tell every near pair, some more than once. */
static sk_status each_pair(const struct phash *const *hashes, uint32_t count, on_pair *tell, void *arg) {
    struct entry *entries = block_new((size_t)count * sizeof *entries + 1);
    if (!entries) return SK_EMEMORY;
    for (int p = 0; p < PIECES; p++) {
        uint32_t filled = 0;
        int below = 64 - (piece_start(p + 1) - piece_start(p)); /* bits under the piece */
        for (uint32_t i = 0; i < count; i++)
            if (hashes[i] && !hashes[i]->plain)
                entries[filled++] = (struct entry){.turned = turn(hashes[i]->bits, piece_start(p)), .index = i};
        qsort(entries, filled, sizeof *entries, by_bits);
        for (uint32_t i = 0; i < filled; i++) {
            uint32_t end = filled - i > COMPARED_MAX ? i + COMPARED_MAX : filled;
            for (uint32_t j = i + 1; j < end && entries[j].turned >> below == entries[i].turned >> below; j++)
                if (phash_near(hashes[entries[i].index], hashes[entries[j].index]))
                    tell(arg, entries[i].index, entries[j].index);
        }
    }
    block_free(entries);
    return SK_OK;
}

static void take_first(void *arg, uint32_t a, uint32_t b) {
    uint32_t *first_near = arg, first = a < b ? a : b, second = a < b ? b : a;
    if (first < first_near[second]) first_near[second] = first;
}

sk_status phash_pairs(const struct phash *const *hashes, uint32_t count, uint32_t *first_near) {
    for (uint32_t i = 0; i < count; i++) first_near[i] = i;
    return each_pair(hashes, count, take_first, first_near);
}

/* ---- groups ---- */

static uint32_t root_of(uint32_t *group, uint32_t i) {
    while (group[i] != i) i = group[i] = group[group[i]];
    return i;
}

static void join(void *arg, uint32_t a, uint32_t b) {
    uint32_t *group = arg, root_a = root_of(group, a), root_b = root_of(group, b);
    if (root_a < root_b) group[root_b] = root_a;
    if (root_b < root_a) group[root_a] = root_b;
}

sk_status phash_group(const struct phash *const *hashes, uint32_t count, uint32_t *group) {
    for (uint32_t i = 0; i < count; i++) group[i] = i;
    TRY(each_pair(hashes, count, join, group));
    for (uint32_t i = 0; i < count; i++) group[i] = root_of(group, i);
    return SK_OK;
}
