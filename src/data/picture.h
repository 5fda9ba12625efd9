/* picture.h — a decoded picture, and the buffers one worker reuses from picture to picture.
 *
 * A scratch belongs to one thread; what it holds is valid until the next picture is read into it. Header
 * only, so that the small run library needs nothing else from data/.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_PICTURE_H
#define SK_DATA_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* 8-bit samples; channels is 1 (grey), 3 (RGB) or 4 (RGBA, only inside the decoders). */
struct picture {
    uint8_t *pixels; /* (H,W,C) */
    int height, width, channels;
};

/* A part of a picture, in whole pixels. */
struct picture_box {
    int top, left, height, width;
};

/* What the reader of the next picture is going to look at: asked when the size is known, before pixels are made. The
 * reader may then give only a part of the picture, or a shrunk one, and says so. */
struct picture_wish {
    /* False: all of it, unshrunk. Otherwise the box, and the size that it will be brought to (0: must not be shrunk). */
    bool (*part)(const struct picture_wish *wish, int height, int width, struct picture_box *box, int to[2]);
    const void *context;
    bool fast; /* the pixels may differ a little from a full decode's */
};

/* What a read gave of a whole picture. */
struct picture_part {
    int height, width; /* of the whole, in its own pixels; 0: what was read is all of it */
    int top, left;     /* where in the whole the part begins: a multiple of shrink */
    int shrink;        /* this many pixels of the whole are one, along each side */
};

/* What is done with the EXIF orientation: ignored as most frameworks' loaders do, or applied. */
enum exif_policy { EXIF_IGNORE, EXIF_APPLY };

enum scratch_use {
    SCRATCH_FILE,     /* a file's bytes */
    SCRATCH_DECODE,   /* pixels as decoded */
    SCRATCH_ROWS,     /* row pointers and single rows of the decoders */
    SCRATCH_TABLES,   /* a JPEG's tables, kept for the next one */
    SCRATCH_SCAN,     /* its coded data without stuffing */
    SCRATCH_PLANES,   /* its planes, and what a row needs */
    SCRATCH_TURN,     /* after the EXIF orientation */
    SCRATCH_COLOUR,   /* after grey <-> RGB */
    SCRATCH_WEIGHTS,  /* resize: windows and weights */
    SCRATCH_PASS,     /* resize: between its two passes */
    SCRATCH_RESIZED,  /* after resize */
    SCRATCH_CROP,     /* after pad and crop */
    SCRATCH_FLIP,     /* after the flip */
    SCRATCH_PIXELS,   /* after an operation on pixels, and … */
    SCRATCH_PIXELS_2, /* … after the next one */
    SCRATCH_WORK,     /* what such an operation needs beside its result */
    SCRATCH_MIX,      /* AugMix: the picture as it came, and the sum; Mixup: the other picture */
    SCRATCH_NUMBERS,  /* numbers that are not rounded to bytes */
    SCRATCH_COUNT,
};

struct augment_trace;

/* Zero-initialise; scratch_free at the end. */
struct scratch {
    struct {
        void *data;
        size_t capacity;
    } slot[SCRATCH_COUNT];
    struct augment_trace
        *trace;       /* augment/augment_trace.h: who wants to know what is done to a picture; NULL: nobody */
    uint64_t damaged; /* pictures decoded although their file is damaged, as other decoders do */
    const struct picture_wish *wish; /* of the next read; NULL: whole pictures */
    struct picture_part part;        /* of the last read */
    float *numbers; /* as resize_tf made them, where the pixels are these cut to bytes; NULL: the pixels are all */
};

/* At least `bytes` bytes for one use; the old content is kept only where the slot need not grow. NULL + sentence. */
static inline void *scratch_reserve(struct scratch *scratch, enum scratch_use use, size_t bytes) {
    if (scratch->slot[use].data && bytes <= scratch->slot[use].capacity) return scratch->slot[use].data;
    size_t capacity = bytes + bytes / 4 + 64; /* room to spare: sizes vary from picture to picture */
    block_free(scratch->slot[use].data);
    scratch->slot[use].data = block_new(capacity);
    scratch->slot[use].capacity = scratch->slot[use].data ? capacity : 0;
    return scratch->slot[use].data;
}

static inline void scratch_free(struct scratch *scratch) {
    for (int i = 0; i < SCRATCH_COUNT; i++) {
        block_free(scratch->slot[i].data);
        scratch->slot[i].data = NULL;
        scratch->slot[i].capacity = 0;
    }
}

#endif
