/* erasing.c — sizes, places and fillings of erased rectangles.
 *
 * Model Garden rounds half sides and draws the middle from where the upper left corner may lie, so that rectangles gather
 * there and lose what leaves the picture. SPDX-License-Identifier: Apache-2.0 */
#include "augment/erasing.h"

#include <math.h>

#include "augment/augment_trace.h"

sk_status erasing_check(const struct erasing *e, int height, int width, int channels) {
    FAIL_IF(!(e->probability >= 0 && e->probability <= 1), SK_EUSAGE, "erasing: probability %g; expected 0 to 1",
            e->probability);
    if (e->probability == 0) return SK_OK;
    FAIL_IF(!(e->area[0] > 0 && e->area[0] <= e->area[1] && e->area[1] <= 1), SK_EUSAGE,
            "erasing: area from %g to %g; expected 0 < from <= to <= 1", e->area[0], e->area[1]);
    FAIL_IF(!(e->aspect[0] > 0 && e->aspect[0] <= e->aspect[1] && isfinite(e->aspect[1])), SK_EUSAGE,
            "erasing: aspect from %g to %g; expected 0 < from <= to", e->aspect[0], e->aspect[1]);
    FAIL_IF(e->count[0] < 1 || e->count[0] > e->count[1], SK_EUSAGE,
            "erasing: %d to %d rectangles; expected 1 <= least <= most", e->count[0], e->count[1]);
    FAIL_IF(e->of == ERASING_OF_TORCHVISION && e->count[1] > 1, SK_EUSAGE,
            "augment.erasing.count is %d, but torchvision erases one rectangle: set augment.erasing.of timm",
            e->count[1]);
    FAIL_IF(e->of == ERASING_OF_TF && e->fill != ERASE_NOISE, SK_EUSAGE,
            "augment.erasing.of tf fills with noise alone: set augment.erasing.fill noise");
    FAIL_IF(e->of == ERASING_OF_TORCHVISION && e->fill == ERASE_COLOUR, SK_EUSAGE,
            "augment.erasing.fill colour is timm's; torchvision has zero, a value and noise");
    FAIL_IF(channels > ERASING_CHANNELS || height < 1 || width < 1, SK_EUSAGE, "erasing: %d channels of %d x %d pixels",
            channels, height, width);
    return SK_OK;
}

bool erasing_size(enum erasing_of of, const struct erasing_frame *f, double share, double log_aspect,
                  struct picture_box *box) {
    double area = (double)f->height * f->width * share, aspect = exp(log_aspect), unit = of == ERASING_OF_TF ? 2 : 1;
    double h = unit * nearbyint(sqrt(area * aspect) / unit), w = unit * nearbyint(sqrt(area / aspect) / unit);
    if (!(h < f->height && w < f->width)) return false;
    box->height = (int)h;
    box->width = (int)w;
    return true;
}

static void cut_side(int middle, int *from, int *length) {
    int half = *length / 2, end = middle + half;
    *from = middle > half ? middle - half : 0;
    *length = end - *from;
}

void erasing_place(enum erasing_of of, int row, int column, struct picture_box *box) {
    box->top = row;
    box->left = column;
    if (of != ERASING_OF_TF) return;
    cut_side(row, &box->top, &box->height);
    cut_side(column, &box->left, &box->width);
}

static void fill(const struct erasing *e, struct rng *rng, const struct erasing_frame *f,
                 const struct picture_box *box) {
    float colour[ERASING_CHANNELS];
    for (int c = 0; c < f->channels; c++) colour[c] = e->fill == ERASE_COLOUR ? (float)rng_normal(rng) : e->value[c];
    for (int y = box->top; y < box->top + box->height; y++) {
        float *to = f->numbers + ((size_t)y * (size_t)f->width + (size_t)box->left) * (size_t)f->channels;
        for (int x = 0; x < box->width; x++)
            for (int c = 0; c < f->channels; c++) *to++ = e->fill == ERASE_NOISE ? (float)rng_normal(rng) : colour[c];
    }
}

/* One rectangle; false where no try gives one that fits. */
static bool draw(const struct erasing *e, struct rng *rng, const struct erasing_frame *f, int parts,
                 struct picture_box *box) {
    double low = log(e->aspect[0]), high = log(e->aspect[1]);
    for (int i = 0; i < e->trials; i++) {
        double share = (e->area[0] + (e->area[1] - e->area[0]) * rng_double(rng)) / parts;
        double log_aspect = low + (high - low) * rng_double(rng);
        if (!erasing_size(e->of, f, share, log_aspect, box)) continue;
        int one = e->of == ERASING_OF_TF ? 0 : 1; /* the others may draw the last place, too */
        int row = (int)rng_below(rng, (uint64_t)(f->height - box->height + one));
        int column = (int)rng_below(rng, (uint64_t)(f->width - box->width + one));
        erasing_place(e->of, row, column, box);
        return true;
    }
    return false;
}

void erasing_apply(const struct erasing *e, struct rng *rng, const struct erasing_frame *f, struct scratch *scratch) {
    if (e->probability == 0 || rng_double(rng) >= e->probability) return;
    int count = e->count[0] + (int)rng_below(rng, (uint64_t)(e->count[1] - e->count[0] + 1));
    for (int i = 0; i < count; i++) {
        struct picture_box box;
        if (!draw(e, rng, f, e->of == ERASING_OF_TIMM ? count : 1, &box)) continue;
        fill(e, rng, f, &box);
        augment_say(scratch, "erase %dx%d at %d,%d", box.height, box.width, box.top, box.left);
    }
}
