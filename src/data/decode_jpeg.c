/* decode_jpeg.c — JPEG by libjpeg-turbo with the settings Pillow uses: islow DCT, fancy upsampling.
 *
 * Where the reader wants a part alone, no more of it is made than that, with a full decode's bits: by our own reader for
 * the usual kinds (jpeg_scan.c), by libjpeg-turbo for the others and wherever anything is wrong. CMYK and YCCK are
 * taken as Adobe writes them (inverted), then converted to RGB by Pillow's formula. The decompressor is made anew for
 * each picture: that takes a microsecond, and one that is kept would lend a picture the tables of the one before it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "data/decoder.h"
#include "data/jpeg_scan.h"

/* Smooth upsampling looks one colour sample beside; two pixels, and where there are four to a sample it does not look. */
enum { SCANS_MAX = 500, MARGIN = 2 };

/* `errors` comes first: libjpeg hands our functions a pointer to it. */
struct jpeg_work {
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    struct decode_job *job;
    struct picture_box box; /* what is wanted, in pixels of the output */
    int shrink;
    bool whole;
    sk_status status;
    bool truncated;
    char message[JMSG_LENGTH_MAX];
};

static struct jpeg_work *work_of(j_common_ptr info) {
    return (struct jpeg_work *)info->err;
}

/* libjpeg demands that its error function never returns. The jump crosses only libjpeg's frames and stage()'s, which
 * own nothing. */
static void on_error(j_common_ptr info) {
    struct jpeg_work *work = work_of(info);
    info->err->format_message(info, work->message);
    longjmp(work->back, 1);
}

static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return; /* traces */
    info->err->num_warnings++;
    if (info->err->msg_code == JWRN_JPEG_EOF) work_of(info)->truncated = true;
}

/* A progressive file may name the same large picture in ever more scans of a few bytes each. */
static void on_progress(j_common_ptr info) {
    struct jpeg_work *work = work_of(info);
    if (!info->is_decompressor || work->info.input_scan_number <= SCANS_MAX) return;
    snprintf(work->message, sizeof work->message, "more than %d scans", SCANS_MAX);
    longjmp(work->back, 1);
}

static void find_orientation(struct jpeg_work *work) {
    for (jpeg_saved_marker_ptr m = work->info.marker_list; m; m = m->next) {
        if (m->marker != JPEG_APP0 + 1 || m->data_length < 6 || memcmp(m->data, "Exif\0", 6) != 0) continue;
        int found = exif_orientation(m->data + 6, m->data_length - 6);
        if (found) work->job->traits->orientation = found;
        return;
    }
}

/* a * b / 255, rounded as Pillow does. */
static unsigned scale_255(unsigned a, unsigned b) {
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Inverted CMYK, so that every number is one of light: (1 - C)·(1 - K) and so on. */
static void cmyk_row(const uint8_t *in, size_t width, uint8_t *out) {
    for (size_t x = 0; x < width; x++, in += 4, out += 3) {
        unsigned light = in[3];
        for (int c = 0; c < 3; c++) {
            int value = (int)light - (int)scale_255(255U - in[c], light);
            out[c] = (uint8_t)(value < 0 ? 0 : value);
        }
    }
}

static void read_rows(struct jpeg_work *work, uint8_t *cmyk) {
    const struct picture *picture = work->job->picture;
    size_t stride = (size_t)picture->width * (size_t)picture->channels;
    while (work->info.output_scanline < (JDIMENSION)picture->height) {
        uint8_t *out = picture->pixels + work->info.output_scanline * stride;
        JSAMPROW row = cmyk ? cmyk : out;
        if (jpeg_read_scanlines(&work->info, &row, 1) != 1) break;
        if (cmyk) cmyk_row(cmyk, (size_t)picture->width, out);
    }
}

/* How often a picture may be halved so that the part still has as many pixels as its result. */
static int shrink_of(const struct picture_box *box, const int to[2]) {
    int shrink = 1;
    if (to[0] < 1 || to[1] < 1) return 1;
    while (shrink < 8 && box->height / (2 * shrink) >= to[0] && box->width / (2 * shrink) >= to[1]) shrink *= 2;
    return shrink;
}

/* What is to be made. Pictures that libjpeg gathers as a whole, that are turned afterwards, or that are converted by us
 * are made as a whole. */
static void choose_part(struct jpeg_work *work) {
    struct jpeg_decompress_struct *info = &work->info;
    const struct picture_wish *wish = work->job->scratch->wish;
    int height = (int)info->image_height, width = (int)info->image_width, to[2] = {0};
    work->shrink = 1;
    work->whole = true;
    bool turned = work->job->exif == EXIF_APPLY && work->job->traits->orientation > 1;
    if (!wish || turned || info->num_components == 4) return;
    if (!wish->part(wish, height, width, &work->box, to)) return;
    if (wish->fast) work->shrink = shrink_of(&work->box, to);
    bool gathered = info->progressive_mode || jpeg_has_multiple_scans(info);
    if (gathered) work->box = (struct picture_box){.height = height, .width = width};
    work->whole = work->shrink == 1 && (gathered || (work->box.height == height && work->box.width == width));
    info->scale_num = 1;
    info->scale_denom = (unsigned)work->shrink;
}

/* From pixels of the whole to those of the output, rounded outwards. */
static void shrink_box(struct picture_box *box, int shrink, int height, int width) {
    int bottom = (box->top + box->height + shrink - 1) / shrink, right = (box->left + box->width + shrink - 1) / shrink;
    box->top /= shrink;
    box->left /= shrink;
    box->height = (bottom < height ? bottom : height) - box->top;
    box->width = (right < width ? right : width) - box->left;
}

/* Decode the part alone, and without `fast` go through the rest of the data, so that damage is found wherever it is. */
static void read_part(struct jpeg_work *work) {
    struct jpeg_decompress_struct *info = &work->info;
    struct picture *picture = work->job->picture;
    struct picture_box *box = &work->box;
    int margin = MARGIN * info->max_h_samp_factor, width = (int)info->output_width;
    shrink_box(box, work->shrink, (int)info->output_height, width);
    int left = box->left > margin ? box->left - margin : 0, right = box->left + box->width + margin;
    JDIMENSION first = (JDIMENSION)left, columns = (JDIMENSION)((right < width ? right : width) - left);
    if (columns < (JDIMENSION)width) jpeg_crop_scanline(info, &first, &columns);
    if (box->top > 0) jpeg_skip_scanlines(info, (JDIMENSION)box->top);
    work->job->scratch->part = (struct picture_part){.height = picture->height,
                                                     .width = picture->width,
                                                     .top = box->top * work->shrink,
                                                     .left = (int)first * work->shrink,
                                                     .shrink = work->shrink};
    picture->height = box->height;
    picture->width = (int)info->output_width;
    size_t stride = (size_t)picture->width * (size_t)picture->channels;
    JDIMENSION bottom = (JDIMENSION)(box->top + box->height);
    while (info->output_scanline < bottom) {
        JSAMPROW row = picture->pixels + (info->output_scanline - (JDIMENSION)box->top) * stride;
        if (jpeg_read_scanlines(info, &row, 1) != 1) break;
    }
    if (work->job->scratch->wish->fast || bottom == info->output_height) return;
    uint8_t *spare = scratch_reserve(work->job->scratch, SCRATCH_ROWS, stride);
    if (!spare) work->status = SK_EMEMORY;
    if (!spare) return;
    /* Skipping to the end would not look at it. */
    if (bottom + 1 < info->output_height) jpeg_skip_scanlines(info, info->output_height - 1 - bottom);
    jpeg_read_scanlines(info, &spare, 1);
}

/* Our own decoder, where the picture is one for it. */
static bool scan_part(struct jpeg_work *work) {
    struct picture *picture = work->job->picture;
    struct scratch *scratch = work->job->scratch;
    const struct picture_box *box = &work->box;
    if (!jpeg_scan(&work->info, box, !scratch->wish->fast, scratch, picture->pixels)) return false;
    scratch->part = (struct picture_part){picture->height, picture->width, box->top, box->left, 1};
    picture->height = box->height;
    picture->width = box->width;
    return true;
}

/* Everything that libjpeg may jump out of. */
static void stage(struct jpeg_work *work) {
    struct jpeg_decompress_struct *info = &work->info;
    jpeg_create_decompress(info);
    info->progress = &work->progress;
    jpeg_mem_src(info, work->job->bytes, work->job->size);
    jpeg_save_markers(info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(info, TRUE);
    find_orientation(work);
    bool cmyk = info->num_components == 4;
    work->job->traits->cmyk = cmyk;
    work->job->traits->grey = info->num_components == 1;
    info->out_color_space = info->num_components == 1 ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    info->dct_method = JDCT_ISLOW;
    int channels = info->num_components == 1 ? 1 : 3;
    work->status = decode_take(work->job, info->image_height, info->image_width, channels, channels);
    if (work->status != SK_OK) return;
    choose_part(work);
    uint8_t *row = NULL;
    if (cmyk) {
        row = scratch_reserve(work->job->scratch, SCRATCH_ROWS, (size_t)info->image_width * 4);
        if (!row) work->status = SK_EMEMORY;
        if (!row) return;
    }
    if (!work->whole && work->shrink == 1 && scan_part(work)) return;
    jpeg_start_decompress(info);
    if (work->whole)
        read_rows(work, row);
    else
        read_part(work);
}

/* The one place with setjmp; it touches no local variable after the jump. */
static bool guarded(struct jpeg_work *work) {
    if (setjmp(work->back)) return false;
    stage(work);
    return true;
}

sk_status decode_jpeg(struct decode_job *job) {
    struct jpeg_work work = {.job = job};
    work.info.err = jpeg_std_error(&work.errors);
    work.errors.error_exit = on_error;
    work.errors.emit_message = on_message;
    work.progress.progress_monitor = on_progress;
    bool done = guarded(&work);
    long warnings = work.errors.num_warnings;
    jpeg_destroy_decompress(&work.info);
    job->traits->truncated = work.truncated;
    FAIL_IF(work.truncated, SK_EFORMAT, "%s: the JPEG data end before the picture is complete", job->what);
    FAIL_IF(!done, SK_EFORMAT, "%s: broken JPEG: %s", job->what, work.message);
    job->traits->damaged = work.status == SK_OK && warnings > 0;
    job->scratch->damaged += job->traits->damaged;
    return work.status;
}
