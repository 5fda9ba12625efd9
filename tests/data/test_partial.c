/* test_partial.c — a part that is decoded alone has the bits of the whole's decode, in every kind of JPEG, damaged ones too.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "data/decode.h"
#include "kernels/kernels.h"
#include "ok.h"

enum { CROPS = 150, SIDE_MAX = 160 };

struct kind {
    const char *name;
    int components, across, down; /* sampling factors of the first component; the others have 1 */
    bool progressive, separate;   /* separate: one scan a component */
    int restart;
    J_COLOR_SPACE space;
};

static const struct kind kinds[] = {
    {"4:2:0", 3, 2, 2, false, false, 0, JCS_YCbCr},
    {"4:2:2", 3, 2, 1, false, false, 0, JCS_YCbCr},
    {"4:4:4", 3, 1, 1, false, false, 0, JCS_YCbCr},
    {"4:4:0", 3, 1, 2, false, false, 0, JCS_YCbCr},
    {"4:1:1", 3, 4, 1, false, false, 0, JCS_YCbCr},
    {"4x2", 3, 4, 2, false, false, 0, JCS_YCbCr},
    {"RGB", 3, 1, 1, false, false, 0, JCS_RGB},
    {"grey", 1, 1, 1, false, false, 0, JCS_GRAYSCALE},
    {"grey 2x2", 1, 2, 2, false, false, 0, JCS_GRAYSCALE},
    {"progressive", 3, 2, 2, true, false, 0, JCS_YCbCr},
    {"progressive grey", 1, 1, 1, true, false, 0, JCS_GRAYSCALE},
    {"restarts", 3, 2, 2, false, false, 3, JCS_YCbCr},
    {"three scans", 3, 2, 2, false, true, 0, JCS_YCbCr},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Waves with noise on them, so that colour and light change everywhere. */
static void paint(struct rng *rng, uint8_t *pixels, int height, int width, int channels) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++) {
                int value = 128 + (x * (3 + c) + y * (5 - c)) % 97 - 48 + (int)rng_below(rng, 60) - 30;
                *pixels++ = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
}

static size_t encode(const struct kind *kind, int height, int width, struct rng *rng, unsigned char **bytes) {
    static uint8_t pixels[SIDE_MAX * SIDE_MAX * 3];
    static const jpeg_scan_info scans[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    *bytes = NULL;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, bytes, &size);
    info.image_height = (JDIMENSION)height;
    info.image_width = (JDIMENSION)width;
    info.input_components = kind->components;
    info.in_color_space = kind->components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, kind->space);
    jpeg_set_quality(&info, 85, TRUE);
    for (int c = 0; c < kind->components; c++) {
        info.comp_info[c].h_samp_factor = c == 0 ? kind->across : 1;
        info.comp_info[c].v_samp_factor = c == 0 ? kind->down : 1;
    }
    info.restart_interval = (unsigned)kind->restart;
    if (kind->progressive) jpeg_simple_progression(&info);
    if (kind->separate) info.scan_info = scans, info.num_scans = 3;
    paint(rng, pixels, height, width, kind->components);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPROW row = pixels + (size_t)(y * width * kind->components);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return size;
}

struct fixed_wish {
    struct picture_wish wish;
    struct picture_box box;
    int to[2];
};

static bool fixed_part(const struct picture_wish *wish, int height, int width, struct picture_box *box, int to[2]) {
    const struct fixed_wish *own = wish->context;
    assert_true(own->box.top + own->box.height <= height && own->box.left + own->box.width <= width);
    *box = own->box;
    memcpy(to, own->to, sizeof own->to);
    return true;
}

static void draw_box(struct rng *rng, int height, int width, struct picture_box *box) {
    box->height = 1 + (int)rng_below(rng, (uint64_t)height);
    box->width = 1 + (int)rng_below(rng, (uint64_t)width);
    box->top = (int)rng_below(rng, (uint64_t)(height - box->height + 1));
    box->left = (int)rng_below(rng, (uint64_t)(width - box->width + 1));
}

static struct decode_options options = {.exif = EXIF_APPLY};

/* The same outcome, and the same pixels in the box. Returns how many pixels were not made. */
static int64_t compare(const char *name, const uint8_t *bytes, size_t size, struct rng *rng, int crops) {
    struct scratch whole = {0}, part = {0};
    struct picture all = {0}, some = {0};
    struct decode_traits traits, same;
    int64_t saved = 0;
    sk_status status = decode_inspect(bytes, size, name, &options, &whole, &all, &traits);
    char sentence[600];
    snprintf(sentence, sizeof sentence, "%s", status == SK_OK ? "" : sk_error());
    for (int i = 0; i < crops; i++) {
        struct fixed_wish own = {.wish = {.part = fixed_part, .context = &own}};
        if (all.height > 0) draw_box(rng, all.height, all.width, &own.box);
        part.wish = &own.wish;
        part.part = (struct picture_part){0};
        assert_int_equal(decode_inspect(bytes, size, name, &options, &part, &some, &same), status);
        if (status != SK_OK) assert_string_equal(sk_error(), sentence);
        assert_int_equal(same.damaged, traits.damaged);
        assert_int_equal(same.truncated, traits.truncated);
        if (status != SK_OK) continue;
        struct picture_box box = own.box;
        box.top -= part.part.top;
        box.left -= part.part.left;
        assert_true(box.top >= 0 && box.left >= 0 && box.top + box.height <= some.height &&
                    box.left + box.width <= some.width);
        assert_int_equal(some.channels, all.channels);
        size_t row = (size_t)(box.width * all.channels);
        for (int y = 0; y < box.height; y++) {
            const uint8_t *a = all.pixels + ((own.box.top + y) * all.width + own.box.left) * all.channels;
            const uint8_t *b = some.pixels + ((box.top + y) * some.width + box.left) * some.channels;
            if (memcmp(a, b, row) != 0)
                fail_msg("%s %dx%d: the box %dx%d at %d,%d differs in its row %d", name, all.height, all.width,
                         box.height, box.width, own.box.top, own.box.left, y);
        }
        saved += (int64_t)all.height * all.width - (int64_t)some.height * some.width;
    }
    scratch_free(&whole);
    scratch_free(&part);
    return saved;
}

static void parts_equal_the_whole(void **state) {
    (void)state;
    static const int sizes[][2] = {{160, 160}, {97, 131}, {131, 97}, {33, 17}, {16, 16}, {15, 160}, {2, 3}, {1, 1}};
    struct rng rng = rng_at(7, RNG_TEST, 0, 0);
    for (int k = 0; k < KINDS; k++) {
        int64_t saved = 0;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            unsigned char *bytes;
            size_t size = encode(&kinds[k], sizes[s][0], sizes[s][1], &rng, &bytes);
            saved += compare(kinds[k].name, bytes, size, &rng, CROPS);
            free(bytes);
        }
        /* libjpeg gathers these as a whole */
        assert_int_equal(saved > 0, !kinds[k].progressive && !kinds[k].separate);
    }
}

/* Damage is told of whatever the crop, and what can be decoded has the same pixels. */
static void damage_is_the_same(void **state) {
    (void)state;
    struct rng rng = rng_at(8, RNG_TEST, 0, 0);
    for (int k = 0; k < KINDS; k++) {
        unsigned char *bytes;
        size_t size = encode(&kinds[k], 97, 131, &rng, &bytes);
        for (int i = 0; i < 60; i++) {
            uint8_t *copy = block_new(size);
            memcpy(copy, bytes, size);
            size_t left = i % 4 == 0 ? 1 + rng_below(&rng, size - 1) : size;
            for (int n = 1 + i % 3; n > 0; n--) copy[rng_below(&rng, size)] = (uint8_t)rng_below(&rng, 256);
            compare(kinds[k].name, copy, left, &rng, 4);
            block_free(copy);
        }
        free(bytes);
    }
}

/* A grey picture of 32x32 whose blocks have coefficients in one column or row alone, `sum` in all, all of one sign: where
 * 16 bits overflow first. */
static size_t encode_steep(int sum, int count, bool down, unsigned char **bytes) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    *bytes = NULL;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, bytes, &size);
    info.image_height = info.image_width = 32;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    for (int i = 0; i < DCTSIZE2; i++) info.quant_tbl_ptrs[0]->quantval[i] = 50;
    jvirt_barray_ptr blocks = info.mem->request_virt_barray((j_common_ptr)&info, JPOOL_IMAGE, TRUE, 4, 4, 4);
    info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
    jpeg_write_coefficients(&info, &blocks);
    for (JDIMENSION y = 0; y < 4; y++) {
        JBLOCKARRAY row = info.mem->access_virt_barray((j_common_ptr)&info, blocks, y, 1, TRUE);
        for (int x = 0; x < 4; x++)
            for (int i = 0; i < count; i++)
                row[0][x][down ? 8 * i : i] = (JCOEF)(sum / 50 / count + (i < sum / 50 % count));
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return size;
}

/* libjpeg-turbo computes in 16 bits and we in 32: what might overflow there is left to it. */
static void steep_blocks(void **state) {
    (void)state;
    struct rng rng = rng_at(9, RNG_TEST, 0, 0);
    for (int sum = 3000; sum <= 24000; sum += sum < 8000 ? 50 : 1000)
        for (int count = 1; count <= 8; count++)
            for (int down = 0; down < 2; down++) {
                unsigned char *bytes;
                size_t size = encode_steep(sum, count, down, &bytes);
                compare("steep", bytes, size, &rng, 3);
                free(bytes);
            }
}

/* All again with the kernels of every level. */
static void at_every_level(void **state) {
    const char *wish = getenv("SISKIN_ISA");
    char kept[16] = "";
    if (wish) snprintf(kept, sizeof kept, "%s", wish);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (!cpu_has_isa((enum isa)isa) || !kernels_of((enum isa)isa)) continue;
        setenv("SISKIN_ISA", cpu_isa_name((enum isa)isa), 1);
        parts_equal_the_whole(state);
        damage_is_the_same(state);
        steep_blocks(state);
    }
    if (wish)
        setenv("SISKIN_ISA", kept, 1);
    else
        unsetenv("SISKIN_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
