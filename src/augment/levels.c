/* levels.c — levels to arguments.
 *
 * Operation for operation as the sources compute: Python's doubles in timm and Model Garden (float32 there where the
 * level is drawn), torch.linspace's float32 in torchvision. A threshold moved by one is another picture.
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/levels.h"

#include <math.h>

bool level_is_signed(enum level_scale scale) {
    switch (scale) {
    case LEVEL_SIGNED:
    case LEVEL_SIDE:
    case LEVEL_PIXELS:
    case LEVEL_FACTOR_AWAY:
    case LEVEL_BIN_SIGNED:
    case LEVEL_BIN_SIDE:
    case LEVEL_BIN_FACTOR: return true;
    default: return false;
    }
}

/* torch.linspace(start, end, bins)[i]: from both ends to the middle, by fused multiply-adds as torch is compiled. */
static float bin_value(double start, double end, int bins, int i) {
    float first = (float)start, last = (float)end, step = (last - first) / (float)(bins - 1);
    return i < bins / 2 ? fmaf(step, (float)i, first) : fmaf(-step, (float)(bins - i - 1), last);
}

/* most - (arange(bins) / ((bins - 1) / high)).round() */
static double bin_bits(double most, double high, int bins, int i) {
    return most - (double)nearbyintf((float)i / (float)((bins - 1) / high));
}

static double torchvision_argument(enum level_scale scale, int bin, double sign, const struct level_context *c) {
    switch (scale) {
    case LEVEL_BIN_SIGNED: return sign * (double)bin_value(0, c->high, c->bins, bin);
    case LEVEL_BIN_SIDE: return sign * (double)bin_value(0, c->high * c->side, c->bins, bin);
    case LEVEL_BIN_FACTOR: return 1.0 + sign * (double)bin_value(0, c->high, c->bins, bin);
    case LEVEL_BIN_BITS: return bin_bits(8, c->high, c->bins, bin);
    case LEVEL_BIN_BITS_4: return bin_bits(4, c->high, c->bins, bin);
    case LEVEL_BIN_FALLING: return (double)bin_value(c->high, 0, c->bins, bin);
    default: return 0;
    }
}

/* level / 10 * by, in the source's precision. */
static double scaled(double level, double by, bool single) {
    return single ? (double)((float)level / 10.0F * (float)by) : level / 10.0 * by;
}

static double whole(double level, double by, double most, bool single) {
    double value = trunc(scaled(level, by, single));
    return value > most ? most : value;
}

double level_argument(enum level_scale scale, double level, bool negative, const struct level_context *c) {
    double sign = negative ? -1.0 : 1.0, share = level / 10.0, value;
    switch (scale) {
    case LEVEL_NONE: return 0;
    case LEVEL_SIGNED: return sign * scaled(level, c->high, c->single);
    case LEVEL_SIDE: return sign * scaled(level, c->translate_share, c->single) * c->side;
    case LEVEL_PIXELS: return sign * scaled(level, c->translate_const, c->single);
    case LEVEL_HALF_SIDE: return whole(level, c->cutout_const, INFINITY, c->single);
    case LEVEL_FACTOR:
        value = scaled(level, c->high, c->single);
        return c->single ? (double)((float)value + 0.1F) : value + 0.1;
    case LEVEL_FACTOR_AWAY: return fmax(0.1, 1.0 + sign * scaled(level, c->high, false));
    case LEVEL_BITS: return whole(level, c->high, INFINITY, c->single);
    case LEVEL_BITS_FALLING: return c->high - whole(level, c->high, INFINITY, false);
    case LEVEL_BITS_ORIGINAL: return c->high + whole(level, c->high, INFINITY, false);
    case LEVEL_THRESHOLD: return whole(level, c->high, 256, c->single);
    case LEVEL_THRESHOLD_FALLING: return c->high - whole(level, c->high, 256, false);
    case LEVEL_ADD: return whole(level, c->high, 128, c->single);
    case LEVEL_DESATURATE:
        value = fmin(fmax(0.5 + (1.0 - 0.5) * share, 0.5), 1.0);
        return fmin(1.0, fmax(0.0, 1.0 - value));
    case LEVEL_BLUR: return fmin(fmax(0.1 + (c->high - 0.1) * share, 0.1), c->high);
    case LEVEL_BLUR_DRAWN: value = fmin(fmax(share, 0.0), 1.0); return 0.1 + (c->high * value - 0.1) * c->draw;
    default: return torchvision_argument(scale, (int)level, sign, c);
    }
}
