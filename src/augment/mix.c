/* mix.c — the draws and the arithmetic of Mixup and CutMix in torchvision's, timm's and Model Garden's form.
 *
 * Model Garden draws two gamma numbers of shape 1 whose rate, the alpha, cancels in their quotient: its share is uniform
 * whatever alpha. It takes both sides of the box from the height, and never corrects the share for the border.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/mix.h"

#include <math.h>
#include <string.h>

sk_status mix_check(const struct mix_options *o, int64_t batch, int height, int width) {
    if (o->of == MIX_OF_NONE) return SK_OK;
    FAIL_IF(!(o->mixup >= 0 && o->cutmix >= 0), SK_EUSAGE, "mix: the alphas are %g and %g; expected 0 (off) or more",
            o->mixup, o->cutmix);
    FAIL_IF(o->mixup == 0 && !mix_cuts(o), SK_EUSAGE,
            "mix.of is set, but neither mix.mixup nor mix.cutmix is: give at least one an alpha above 0");
    FAIL_IF(o->of == MIX_OF_TIMM && batch % 2 != 0, SK_EUSAGE,
            "mix.of timm pairs a batch's two halves: %lld pictures have none; make batch_size even", (long long)batch);
    FAIL_IF(o->of != MIX_OF_TIMM && (o->mode != MIX_BATCH || o->area[1] > 0 || !o->correct_area), SK_EUSAGE,
            "mix.mode, mix.cutmix_area and mix.correct_area are timm's: set mix.of timm or leave them");
    FAIL_IF(o->rounded && o->of != MIX_OF_TIMM, SK_EUSAGE,
            "mix.rounding uint8 is timm's prefetcher's: set mix.of timm, or mix.rounding none");
    if (o->area[1] <= 0) return SK_OK;
    for (int side = 0; side < 2; side++) {
        int length = side ? width : height;
        FAIL_IF(
            (int)(length * o->area[0]) >= (int)(length * o->area[1]), SK_EUSAGE,
            "mix.cutmix_area: from %g to %g of %d pixels there is no whole number; expected two shares that lie apart",
            o->area[0], o->area[1], length);
    }
    return SK_OK;
}

uint32_t mix_partner(enum mix_of of, uint32_t count, uint32_t place) {
    if (of == MIX_OF_TORCHVISION) return place == 0 ? count - 1 : place - 1; /* rolled by one */
    return count - 1 - place;
}

/* ---- drawing ---- */

double mix_beta(struct rng *rng, double alpha) {
    double a = rng_log_gamma(rng, alpha), b = rng_log_gamma(rng, alpha);
    return 1 / (1 + exp(b - a));
}

static int side_range(int from, int count, int limit, int *length) {
    int low = from < 0 ? 0 : from, high = from + count > limit ? limit : from + count;
    *length = high > low ? high - low : 0;
    return low;
}

struct picture_box mix_box(const struct mix_options *o, const struct mix_frame *f, const struct mix_cut *cut) {
    double side = sqrt(1 - cut->share);
    int above, left, high, wide; /* from the middle up and to the left; whole sides */
    if (o->of == MIX_OF_TIMM) {
        high = (int)(f->height * side), wide = (int)(f->width * side);
        above = high / 2, left = wide / 2;
    } else if (o->of == MIX_OF_TF) {
        above = left = (int)((float)side * (float)f->height) / 2; /* both of the height */
        high = wide = 2 * above;
    } else {
        above = (int)(0.5 * side * f->height), left = (int)(0.5 * side * f->width);
        high = 2 * above, wide = 2 * left;
    }
    struct picture_box box = {0};
    box.top = side_range(cut->row - above, high, f->height, &box.height);
    box.left = side_range(cut->column - left, wide, f->width, &box.width);
    return box;
}

double mix_share(const struct mix_options *o, const struct mix_frame *f, const struct mix_cut *cut,
                 const struct picture_box *box) {
    double all = (double)f->height * f->width;
    if (o->of == MIX_OF_TF) { /* of the whole box, the border not looked at */
        double side = (double)(int)((float)sqrt(1 - cut->share) * (float)f->height);
        return 1 - side * side / all;
    }
    if (o->of == MIX_OF_TIMM && !o->correct_area && o->area[1] <= 0) return cut->share;
    return 1 - (double)box->height * box->width / all;
}

static int below(struct rng *rng, int limit) {
    return (int)rng_below(rng, (uint64_t)limit);
}

static void draw_cut(const struct mix_options *o, const struct mix_frame *f, struct rng *rng, struct mixed *m) {
    struct mix_cut cut = {.share = m->share};
    if (o->of == MIX_OF_TIMM && o->area[1] > 0) {
        int low = (int)(f->height * o->area[0]), left = (int)(f->width * o->area[0]);
        m->box.height = low + below(rng, (int)(f->height * o->area[1]) - low);
        m->box.width = left + below(rng, (int)(f->width * o->area[1]) - left);
        m->box.top = below(rng, f->height - m->box.height + 1);
        m->box.left = below(rng, f->width - m->box.width + 1);
    } else {
        cut.row = below(rng, f->height);
        cut.column = below(rng, f->width);
        m->box = mix_box(o, f, &cut);
    }
    m->share = mix_share(o, f, &cut, &m->box);
}

/* One share, and of what kind; a share of 1 mixes nothing. */
static void draw_one(const struct mix_options *o, const struct mix_frame *f, struct rng *rng, struct mixed *m) {
    bool both = o->mixup > 0 && mix_cuts(o);
    *m = (struct mixed){.share = 1};
    if (rng_double(rng) >= o->probability) return;
    bool cut = both ? rng_double(rng) < o->switch_probability : mix_cuts(o);
    double alpha = cut ? (o->area[1] > 0 ? 1 : o->cutmix) : o->mixup; /* timm: cutmix_minmax sets alpha to 1 */
    m->share = mix_beta(rng, alpha);
    if (o->of != MIX_OF_TIMM || o->mode != MIX_BATCH) m->share = (double)(float)m->share; /* as theirs */
    if (m->share >= 1) return;
    m->kind = cut ? MIX_CUT : MIX_UP;
    if (cut) draw_cut(o, f, rng, m);
}

/* Model Garden: the kind for all, the shares one by one. */
static void draw_tf(const struct mix_options *o, const struct mix_frame *f, struct rng *rng, struct mixed *mixed) {
    bool on = rng_double(rng) < o->probability;
    double limit = o->mixup > 0 && mix_cuts(o) ? o->switch_probability : o->mixup > 0 ? -1 : 1;
    bool cut = rng_double(rng) < limit;
    for (uint32_t i = 0; i < f->count; i++) {
        mixed[i] = (struct mixed){.share = 1};
        if (!on) continue;
        mixed[i].share = (double)rng_float(rng);
        mixed[i].kind = cut ? MIX_CUT : MIX_UP;
        if (cut) draw_cut(o, f, rng, &mixed[i]);
    }
}

void mix_draw(const struct mix_options *o, uint64_t epoch, const struct mix_frame *f, struct rng *rng,
              struct mixed *mixed) {
    bool off = !mix_on(o) || (o->off_epoch > 0 && epoch >= o->off_epoch);
    for (uint32_t i = 0; off && i < f->count; i++) mixed[i] = (struct mixed){.share = 1};
    if (!off && o->of == MIX_OF_TF) draw_tf(o, f, rng, mixed);
    bool timm = o->of == MIX_OF_TIMM;
    for (uint32_t i = 0; !off && o->of != MIX_OF_TF && i < f->count; i++) {
        uint32_t mirror = f->count - 1 - i;
        if (i == 0 || (timm && o->mode == MIX_ELEMENT) || (timm && o->mode == MIX_PAIR && i <= mirror))
            draw_one(o, f, rng, &mixed[i]);
        else
            mixed[i] = mixed[timm && o->mode == MIX_PAIR ? mirror : 0];
    }
    for (uint32_t i = 0; i < f->count; i++) mixed[i].partner = off ? i : mix_partner(o->of, f->count, i);
}

void mix_labels(struct mixed *mixed, const int32_t *labels, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) mixed[i].label = labels[mixed[i].partner];
}

/* ---- mixing ---- */

static void mix_into(const struct mixed *m, const struct mix_frame *f, float *to, const float *from) {
    size_t channels = (size_t)f->channels, row = (size_t)f->width * channels;
    if (m->kind == MIX_UP) {
        float own = (float)m->share, other = (float)(1 - m->share);
        for (size_t j = 0; j < (size_t)f->height * row; j++) to[j] = to[j] * own + from[j] * other;
        for (size_t j = 0; f->rounded && j < (size_t)f->height * row; j++) to[j] = rintf(to[j]); /* half to even */
    }
    for (int y = 0; m->kind == MIX_CUT && y < m->box.height; y++) {
        size_t at = (size_t)(m->box.top + y) * row + (size_t)m->box.left * channels;
        memcpy(to + at, from + at, (size_t)m->box.width * channels * sizeof *to);
    }
}

/* Partners are each other's, or each the one before: in both cases one spare picture is enough. */
void mix_apply(const struct mixed *mixed, const struct mix_frame *f, float *images, float *spare) {
    size_t size = (size_t)f->height * (size_t)f->width * (size_t)f->channels;
    uint32_t n = f->count;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) any |= mixed[i].kind != MIX_NOTHING;
    if (!any || n < 2) return;
    if (mixed[0].partner == n - 1 && mixed[n - 1].partner == 0) {
        for (uint32_t i = 0, j = n - 1; i < j; i++, j--) {
            memcpy(spare, images + i * size, size * sizeof *spare);
            mix_into(&mixed[i], f, images + i * size, images + j * size);
            mix_into(&mixed[j], f, images + j * size, spare);
        }
        return;
    }
    memcpy(spare, images + (n - 1) * size, size * sizeof *spare);
    for (uint32_t i = n - 1; i > 0; i--) mix_into(&mixed[i], f, images + i * size, images + (i - 1) * size);
    mix_into(&mixed[0], f, images, spare);
}
