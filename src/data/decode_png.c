/* decode_png.c — PNG by libpng: any colour type, depth and interlacing to 8-bit grey or RGB.
 *
 * As Pillow: 16-bit colours keep their high byte, but 16-bit grey is clipped at 255; alpha and transparent
 * colours are dropped; gamma is left alone. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "data/decoder.h"

enum { CHUNK_BYTES_MAX = 8 << 20 };

struct png_work {
    png_structp png;
    png_infop info;
    jmp_buf back;
    struct decode_job *job;
    size_t taken; /* bytes read */
    sk_status status;
    bool grey16, truncated;
    char message[128];
};

/* libpng demands that its error function never returns. The jump crosses only libpng's frames and stage()'s, which
 * own nothing. */
static PNG_NORETURN void on_error(png_structp png, png_const_charp message) {
    struct png_work *work = png_get_error_ptr(png);
    snprintf(work->message, sizeof work->message, "%s", message);
    longjmp(work->back, 1);
}

/* libpng warns of oddities beside the pixels (profiles, times). */
static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t size) {
    struct png_work *work = png_get_io_ptr(png);
    if (size > work->job->size - work->taken) {
        work->truncated = true;
        png_error(png, "ends too early");
    }
    memcpy(out, work->job->bytes + work->taken, size);
    work->taken += size;
}

static void find_orientation(struct png_work *work) {
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (!png_get_eXIf_1(work->png, work->info, &size, &exif) || !exif) return;
    int found = exif_orientation(exif, size);
    if (found) work->job->traits->orientation = found;
}

/* Say how rows shall look; the pixels' memory; the number of channels follows. */
static void prepare(struct png_work *work) {
    png_structp png = work->png;
    int type = png_get_color_type(png, work->info), depth = png_get_bit_depth(png, work->info);
    struct decode_traits *traits = work->job->traits;
    work->grey16 = type == PNG_COLOR_TYPE_GRAY && depth == 16;
    traits->grey = !(type & PNG_COLOR_MASK_COLOR);
    traits->alpha = type & PNG_COLOR_MASK_ALPHA || png_get_valid(png, work->info, PNG_INFO_tRNS);
    traits->deep = depth == 16;
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16 && !work->grey16) png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, work->info);
    int channels = png_get_channels(png, work->info);
    work->status = decode_take(work->job, png_get_image_height(png, work->info), png_get_image_width(png, work->info),
                               channels, work->grey16 ? 2 : channels);
}

/* Chunks (length, name, content, checksum) must lie in the file: libpng takes an EXIF chunk's memory before it
 * reads, so that a file of 160 bytes could ask for 2 GB. */
static bool chunks_fit(const uint8_t *bytes, size_t size) {
    size_t at = 8;
    while (size - at >= 12) {
        size_t length =
            (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12) return false;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0) return true;
        at += 12 + length;
    }
    return false;
}

/* Everything that libpng may jump out of. */
static void stage(struct png_work *work) {
    png_structp png = work->png;
    png_set_user_limits(png, UINT16_MAX, UINT16_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_read_fn(png, work, on_read);
    png_read_info(png, work->info);
    prepare(work);
    if (work->status != SK_OK) return;
    const struct picture *picture = work->job->picture;
    size_t stride = png_get_rowbytes(png, work->info), height = (size_t)picture->height;
    if (stride != (size_t)picture->width * (size_t)picture->channels * (work->grey16 ? 2 : 1)) {
        png_error(png, "rows of an unexpected size");
    }
    png_bytepp rows = scratch_reserve(work->job->scratch, SCRATCH_ROWS, height * sizeof *rows);
    if (!rows) {
        work->status = SK_EMEMORY;
        return;
    }
    for (size_t y = 0; y < height; y++) rows[y] = picture->pixels + y * stride;
    png_read_image(png, rows);
    png_read_end(png, work->info);
    find_orientation(work);
}

/* The one place with setjmp; it touches no local variable after the jump. */
static bool guarded(struct png_work *work) {
    if (setjmp(work->back)) return false;
    stage(work);
    return true;
}

static void clip_grey16(const struct picture *picture) {
    size_t count = (size_t)picture->height * (size_t)picture->width;
    const uint8_t *in = picture->pixels; /* big-endian */
    for (size_t i = 0; i < count; i++, in += 2) picture->pixels[i] = in[0] ? 255 : in[1];
}

sk_status decode_png(struct decode_job *job) {
    job->traits->truncated = job->size < 8 || !chunks_fit(job->bytes, job->size);
    FAIL_IF(job->traits->truncated, SK_EFORMAT, "%s: the PNG data end before the picture is complete", job->what);
    struct png_work work = {.job = job};
    work.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &work, on_error, on_warning);
    FAIL_IF(!work.png, SK_EMEMORY, "%s: no memory for libpng", job->what);
    work.info = png_create_info_struct(work.png);
    bool done = work.info && guarded(&work);
    bool memory = work.info != NULL;
    png_destroy_read_struct(&work.png, &work.info, NULL);
    FAIL_IF(!memory, SK_EMEMORY, "%s: no memory for libpng", job->what);
    job->traits->truncated = work.truncated;
    FAIL_IF(work.truncated, SK_EFORMAT, "%s: the PNG data end before the picture is complete", job->what);
    FAIL_IF(!done, SK_EFORMAT, "%s: broken PNG: %s", job->what, work.message);
    TRY(work.status);
    if (work.grey16) clip_grey16(job->picture);
    return SK_OK;
}
