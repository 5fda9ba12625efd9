/* levels.h — from a policy's level to an operation's argument, in each source's arithmetic.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_LEVELS_H
#define SK_AUGMENT_LEVELS_H

#include <stdbool.h>

#include "augment/pixels.h"

enum level_scale {
    LEVEL_NONE, /* no argument */
    /* timm and Model Garden, of a level where 10 is all (l = level / 10) */
    LEVEL_SIGNED,            /* +- l * high */
    LEVEL_SIDE,              /* +- l * a share of the side: timm's relative shift */
    LEVEL_PIXELS,            /* +- l * so many pixels: Model Garden's */
    LEVEL_HALF_SIDE,         /* int(l * so many pixels): Model Garden's cutout */
    LEVEL_FACTOR,            /* l * high + 0.1: 1 is the picture as it is */
    LEVEL_FACTOR_AWAY,       /* 1 +- l * high, at least 0.1 */
    LEVEL_BITS,              /* int(l * high) */
    LEVEL_BITS_FALLING,      /* high - that */
    LEVEL_BITS_ORIGINAL,     /* high + that */
    LEVEL_THRESHOLD,         /* int(l * high) */
    LEVEL_THRESHOLD_FALLING, /* high - that */
    LEVEL_ADD,               /* int(l * high) */
    LEVEL_DESATURATE,        /* a colour factor of 0.5 to 0 */
    LEVEL_BLUR,              /* 0.1 to high */
    LEVEL_BLUR_DRAWN,        /* drawn from 0.1 to l * high */
    /* torchvision: `level` is a bin of `bins` that divide a range evenly, in float32 */
    LEVEL_BIN_SIGNED,  /* +-, 0 to high */
    LEVEL_BIN_SIDE,    /* +-, 0 to high * side */
    LEVEL_BIN_FACTOR,  /* 1 +-, 0 to high */
    LEVEL_BIN_BITS,    /* 8 to 8 - high */
    LEVEL_BIN_BITS_4,  /* 4 to 4 - high */
    LEVEL_BIN_FALLING, /* high to 0 */
};

/* What a level's meaning depends on beside itself. */
struct level_context {
    double high;            /* of policy_ops.def */
    double translate_share; /* LEVEL_SIDE: 0.45 */
    double translate_const; /* LEVEL_PIXELS */
    double cutout_const;    /* LEVEL_HALF_SIDE */
    double draw;            /* LEVEL_BLUR_DRAWN: of [0, 1) */
    int side;               /* the picture's, along the shift */
    int bins;
    bool single; /* the level was drawn in float32, and so is what follows (Model Garden) */
};

/* Does a sign belong to it? */
bool level_is_signed(enum level_scale scale);

double level_argument(enum level_scale scale, double level, bool negative, const struct level_context *context);

#endif
