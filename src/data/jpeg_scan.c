/* jpeg_scan.c — baseline JPEG of one interleaved scan: Huffman codes to coefficients to planes to rows.
 *
 * Most of the time of decoding goes into Huffman codes, which have to be walked through even for what is not wanted.
 * Here a look-up gives code and number at once, the stuffing is taken out beforehand, and what lies outside the box is
 * parsed only. Whatever is not clean is left to libjpeg. ITU-T T.81, annex F.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/jpeg_scan.h"

#include <string.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

/* PAD: more than the longest unit of blocks can ask for behind the end. */
enum { LOOK = 10, LOOKS = 1 << LOOK, PAIR = 12, PAIRS = 1 << PAIR, PAD = 4096, DC_MAX = 1 << 14, PARTS = 3 };

/* A pair: as many as two codes with their numbers and the end of the block, where all lie within PAIR bits: bits taken |
 * places gone, one for the end << 4 | places gone with the first << 10 | end << 15 | first number << 16 | last << 24. Where
 * there is none, so many places that it never fits in a block. */
enum { PAIR_PLACES = 4, PAIR_FIRST = 10, PAIR_END = 1 << 15, PAIR_NONE = 63 << PAIR_PLACES, PAIR_NUMBER_MAX = 127 };

struct table {
    struct {
        uint8_t bits[17], symbols[256];
        bool made;
    } of; /* what the rest was made of: most pictures have the same */
    uint32_t pair[PAIRS];
    /* By the next LOOK bits: run << 9 | bits of the number << 5 | bits of code and number. 0: the code is longer. */
    uint16_t look[LOOKS];
    int32_t end[18];   /* by length: code beyond the last, at 16 bits; */
    int32_t start[18]; /* what to take from a code of this length to get its place among the symbols */
    uint8_t symbols[256];
};

struct bits {
    uint64_t next; /* from the top */
    int count;
    const uint8_t *at, *end;
};

struct part_of_unit {
    const struct table *dc, *ac;
    uint16_t quant[64]; /* in the order of the file */
    int across, down;   /* blocks of a unit */
    int last_dc;
    uint8_t *plane;
    int64_t stride;
};

struct scan {
    struct part_of_unit part[PARTS];
    struct table *tables;     /* dc 0, dc 1, ac 0, ac 1 */
    int parts, across, down;  /* the same of the first part; 1 to 2 */
    int64_t units_x, units_y; /* of the picture */
    int64_t x0, x1, y0, y1;   /* units wanted */
    const struct kernels *kernels;
    struct bits bits;
    int32_t block[64]; /* zeros between blocks: whoever reads one clears it */
};

static const uint8_t zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                   12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                   35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                   58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* ---- tables ---- */

static unsigned look_of(int symbol, int length) {
    int size = symbol & 15;
    return (unsigned)((symbol >> 4) << 9 | size << 5 | (length + size));
}

/* False where the table is none that a baseline file may have. */
static bool fill_looks(struct table *table, const JHUFF_TBL *from, bool dc) {
    int code = 0, place = 0;
    memset(table->look, 0, sizeof table->look);
    for (int length = 1; length <= 16; length++) {
        int count = from->bits[length];
        if (place + count > 256 || code + count > 1 << length) return false;
        table->start[length] = code - place;
        for (int n = 0; n < count; n++, code++, place++) {
            int symbol = from->huffval[place];
            if (dc ? symbol > 11 : (symbol & 15) > 10) return false;
            table->symbols[place] = (uint8_t)symbol;
            for (int i = 0; i < LOOKS >> length; i++)
                table->look[(code << (LOOK - length)) + i] = (uint16_t)look_of(symbol, length);
        }
        table->end[length] = code << (16 - length);
        code <<= 1;
    }
    return true;
}

/* ---- bits ---- */

/* At least 56 bits, as long as the padding lasts. */
static inline void refill(struct bits *b) {
    const uint8_t *p = b->at;
    uint64_t eight = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32 |
                     (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | p[7];
    b->next |= eight >> b->count;
    b->at += (63 - b->count) >> 3;
    b->count |= 56;
}

/* A code longer than a look-up; 0: there is no such code. */
static unsigned long_code(uint64_t next, const struct table *table) {
    int code = (int)(next >> 48);
    for (int length = LOOK + 1; length <= 16; length++)
        if (code < table->end[length])
            return look_of(table->symbols[(code >> (16 - length)) - table->start[length]], length);
    return 0;
}

/* The next code; 0: there is none. */
static inline unsigned next_code(const struct bits *b, const struct table *table) {
    unsigned look = table->look[b->next >> (64 - LOOK)];
    return look ? look : long_code(b->next, table);
}

/* Take a code and the number of `size` bits behind it; size 0: there is none, and no sense in the answer. */
static inline int take_number(struct bits *b, unsigned look, unsigned size) {
    unsigned all = look & 31;
    uint64_t number = b->next << (all - size);
    uint64_t negative =
        number >> 63 ? 0 : UINT64_MAX; /* a number whose first bit is 0 stands for the one's complement */
    int magnitude = (int)((number ^ negative) >> (64 - size) % 64);
    b->next <<= all;
    b->count -= (int)all;
    return (magnitude ^ (int)negative) - (int)negative;
}

/* ---- pairs of codes ---- */

static uint32_t pair_of(const struct table *table, unsigned start) {
    struct bits b = {.next = (uint64_t)start << (64 - PAIR), .count = PAIR};
    unsigned places[2] = {0}, end = 0;
    int number[2] = {0}, numbers = 0;
    while (numbers < 3) {
        unsigned look = table->look[b.next >> (64 - LOOK)], size = look >> 5 & 15;
        if (look == 0 || (int)(look & 31) > b.count) break;
        if (size == 0) {
            end = look >> 9 != 15;
            if (end) b.count -= (int)(look & 31);
            break;
        }
        if (numbers == 2) break;
        struct bits behind = b;
        int value = take_number(&behind, look, size);
        if (value > PAIR_NUMBER_MAX || value < -PAIR_NUMBER_MAX) break;
        b = behind;
        number[numbers] = value;
        places[numbers++] = (look >> 9) + 1;
    }
    if (numbers == 0 && !end) return PAIR_NONE;
    uint32_t last = (uint8_t)number[numbers == 2 ? 1 : 0];
    return (uint32_t)(PAIR - b.count) | (places[0] + places[1] + end) << PAIR_PLACES | places[0] << PAIR_FIRST |
           end * (uint32_t)PAIR_END | (uint32_t)(uint8_t)number[0] << 16 | last << 24;
}

static bool fill_table(struct table *table, const JHUFF_TBL *from, bool dc) {
    if (!from) return false;
    if (table->of.made && memcmp(table->of.bits, from->bits, sizeof table->of.bits) == 0 &&
        memcmp(table->of.symbols, from->huffval, sizeof table->of.symbols) == 0)
        return true;
    table->of.made = false;
    if (!fill_looks(table, from, dc)) return false;
    for (unsigned i = 0; i < PAIRS && !dc; i++) table->pair[i] = pair_of(table, i);
    memcpy(table->of.bits, from->bits, sizeof table->of.bits);
    memcpy(table->of.symbols, from->huffval, sizeof table->of.symbols);
    table->of.made = true;
    return true;
}

/* ---- blocks ---- */

/* One block; with `keep`, its coefficients times quant, by rows. *plain: there is none but the first. Inlined by force, so
 * that there is one body that keeps and one that skips. */
static inline __attribute__((always_inline)) bool read_block(struct bits *bits, struct part_of_unit *part, bool keep,
                                                             int32_t *block, bool *plain) {
    struct bits b = *bits;
    const struct table *ac = part->ac;
    const uint16_t *quant = part->quant;
    unsigned look, size;
    refill(&b);
    look = next_code(&b, part->dc);
    if (look == 0) return false;
    size = look >> 5 & 15;
    int value = take_number(&b, look, size);
    if (size) part->last_dc += value;
    if (part->last_dc < -DC_MAX || part->last_dc > DC_MAX) return false;
    if (keep) block[0] = part->last_dc * quant[0];
    unsigned k = 1;
    for (;;) {
        refill(&b);
        for (int times = 0; times < 4; times++) {
            uint32_t pair = ac->pair[b.next >> (64 - PAIR)];
            unsigned first = k + (pair >> PAIR_FIRST & 31), to = k + (pair >> PAIR_PLACES & 63);
            if (to > 63) break; /* none, or near the block's end, which the second may lie behind */
            b.next <<= pair & 15;
            b.count -= (int)(pair & 15);
            bool end = pair & PAIR_END;
            if (keep && !(end && first == k)) { /* where there is but one, twice the same */
                unsigned last = to - end;
                block[zigzag[first - 1]] = (int8_t)(pair >> 16) * quant[first - 1];
                block[zigzag[last - 1]] = (int8_t)(pair >> 24) * quant[last - 1];
            }
            k = to;
            if (end) {
                *plain = k == 2;
                goto done;
            }
        }
        refill(&b);
        look = next_code(&b, ac);
        size = look >> 5 & 15;
        if (size == 0) { /* no code; sixteen zeros; the end of the block */
            if (look == 0) return false;
            b.next <<= look & 31;
            b.count -= (int)(look & 31);
            *plain = k == 1;
            if (look >> 9 != 15) goto done;
            k += 16;
            if (k > 63) goto done;
            continue;
        }
        k += look >> 9;
        if (k > 63) return false;
        value = take_number(&b, look, size);
        if (keep) block[zigzag[k]] = value * quant[k];
        *plain = false;
        if (++k > 63) goto done;
    }
done:
    *bits = b;
    return true;
}

static bool keep_block(struct bits *bits, struct part_of_unit *part, int32_t *block, bool *plain) {
    return read_block(bits, part, true, block, plain);
}

static bool skip_block(struct bits *bits, struct part_of_unit *part) {
    bool plain;
    return read_block(bits, part, false, NULL, &plain);
}

/* As jpeg_block, of a block that has its first coefficient alone. */
static bool fill_block(int32_t *block, uint8_t *to, int64_t stride) {
    if (block[0] > JPEG_SUM_MAX || block[0] < -JPEG_SUM_MAX) return false;
    int value = ((block[0] * 4 + 16) >> 5) + 128;
    for (int y = 0; y < 8; y++) memset(to + y * stride, value < 0 ? 0 : value > 255 ? 255 : value, 8);
    block[0] = 0;
    return true;
}

static bool read_unit(struct scan *scan, int64_t x, int64_t y) {
    bool wanted = x >= scan->x0 && x < scan->x1 && y >= scan->y0 && y < scan->y1;
    for (int p = 0; p < scan->parts; p++) {
        struct part_of_unit *part = &scan->part[p];
        for (int i = 0; i < part->across * part->down; i++) {
            if (!wanted) {
                if (!skip_block(&scan->bits, part)) return false;
                continue;
            }
            bool plain;
            if (!keep_block(&scan->bits, part, scan->block, &plain)) return false;
            int64_t column = (x - scan->x0) * part->across + i % part->across;
            int64_t row = (y - scan->y0) * part->down + i / part->across;
            uint8_t *to = part->plane + row * 8 * part->stride + column * 8;
            if (!(plain ? fill_block : scan->kernels->jpeg_block)(scan->block, to, part->stride)) return false;
        }
    }
    return scan->bits.at <= scan->bits.end + 8;
}

static bool read_units(struct scan *scan, bool to_the_end) {
    struct bits *b = &scan->bits;
    int64_t rows = to_the_end ? scan->units_y : scan->y1;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < scan->units_x; x++)
            if (!read_unit(scan, x, y)) return false;
    /* What was read behind the end was padding. */
    return b->at - b->count / 8 <= b->end;
}

/* ---- preparation ---- */

/* The coded data without stuffing, with zeros behind; false where anything but the picture's end ends them. */
static bool unstuff(const uint8_t *from, size_t size, uint8_t *to, struct bits *b) {
    const uint8_t *end = from + size;
    *b = (struct bits){.at = to};
    for (;;) {
        const uint8_t *mark = memchr(from, 0xff, (size_t)(end - from));
        if (!mark || mark + 1 == end) return false;
        memcpy(to, from, (size_t)(mark - from));
        to += mark - from;
        if (mark[1] != 0) {
            memset(to, 0, PAD);
            b->end = to;
            return mark[1] == 0xd9;
        }
        *to++ = 0xff;
        from = mark + 2;
    }
}

/* The kinds that are decoded here. */
static bool usual(const struct jpeg_decompress_struct *info) {
    if (info->progressive_mode || info->arith_code || info->data_precision != 8 || info->restart_interval != 0)
        return false;
    if (info->comps_in_scan != info->num_components || info->Ss != 0 || info->Se != 63 || info->Ah != 0 ||
        info->Al != 0)
        return false;
    const jpeg_component_info *c = info->comp_info;
    for (int i = 0; i < info->num_components; i++) {
        int dc = c[i].dc_tbl_no, ac = c[i].ac_tbl_no, quant = c[i].quant_tbl_no;
        if (dc < 0 || dc > 1 || ac < 0 || ac > 1 || quant < 0 || quant >= NUM_QUANT_TBLS) return false;
        if (!info->quant_tbl_ptrs[quant] || info->cur_comp_info[i] != &c[i]) return false;
    }
    if (info->num_components == 1) return info->jpeg_color_space == JCS_GRAYSCALE;
    if (info->num_components != 3 || info->jpeg_color_space != JCS_YCbCr) return false;
    int across = c[0].h_samp_factor, down = c[0].v_samp_factor;
    for (int i = 1; i < 3; i++)
        if (c[i].h_samp_factor != 1 || c[i].v_samp_factor != 1) return false;
    /* Colours of one or two columns are not smoothed by libjpeg. */
    if (across == 2 && info->image_width <= 4) return false;
    return (across == 1 && down == 1) || (across == 2 && (down == 1 || down == 2));
}

/* Units of `size` pixels that a stretch with `margin` touches. */
static void touch(int begin, int length, int size, int margin, int64_t units, int64_t *first, int64_t *end) {
    *first = (begin > margin ? begin - margin : 0) / size;
    *end = (begin + length + margin + size - 1) / size;
    if (*end > units) *end = units;
}

static bool prepare_parts(struct scan *scan, const struct jpeg_decompress_struct *info) {
    bool made[4] = {false};
    for (int p = 0; p < scan->parts; p++) {
        const jpeg_component_info *c = &info->comp_info[p];
        struct part_of_unit *part = &scan->part[p];
        int index[2] = {c->dc_tbl_no, 2 + c->ac_tbl_no};
        for (int i = 0; i < 2; i++) {
            const JHUFF_TBL *from =
                i == 0 ? info->dc_huff_tbl_ptrs[c->dc_tbl_no] : info->ac_huff_tbl_ptrs[c->ac_tbl_no];
            if (!made[index[i]] && !fill_table(&scan->tables[index[i]], from, i == 0)) return false;
            made[index[i]] = true;
        }
        part->dc = &scan->tables[index[0]];
        part->ac = &scan->tables[index[1]];
        part->across = p == 0 ? scan->across : 1;
        part->down = p == 0 ? scan->down : 1;
        /* libjpeg keeps them in natural order. */
        for (int k = 0; k < 64; k++) part->quant[k] = info->quant_tbl_ptrs[c->quant_tbl_no]->quantval[zigzag[k]];
    }
    return true;
}

/* Place the planes of the wanted units; returns what follows them, for a row's scratch. */
static uint8_t *place_planes(struct scan *scan, const struct picture_box *box, struct scratch *scratch) {
    size_t bytes[PARTS] = {0}, all = 0;
    for (int p = 0; p < scan->parts; p++) {
        struct part_of_unit *part = &scan->part[p];
        part->stride = (scan->x1 - scan->x0) * part->across * 8;
        bytes[p] = (size_t)(part->stride * (scan->y1 - scan->y0) * part->down * 8);
        all += bytes[p];
    }
    uint8_t *planes = scratch_reserve(scratch, SCRATCH_PLANES, all + 128 + jpeg_row_scratch(box->width));
    if (!planes) return NULL;
    for (int p = 0; p < scan->parts; p++) {
        scan->part[p].plane = planes;
        planes += bytes[p];
    }
    return planes;
}

/* ---- rows ---- */

static void write_rows(const struct scan *scan, const struct jpeg_decompress_struct *info,
                       const struct picture_box *box, uint8_t *row_scratch, uint8_t *to) {
    const struct part_of_unit *light = &scan->part[0];
    int64_t y_top = scan->y0 * 8 * scan->down, samples_y = ((int64_t)info->image_height + scan->down - 1) / scan->down;
    struct jpeg_row row = {
        .first = box->left,
        .count = box->width,
        .across = scan->across,
        .down = scan->down == 2,
        .samples = ((int64_t)info->image_width + scan->across - 1) / scan->across,
        .y_first = scan->x0 * 8 * scan->across,
        .colour_first = scan->x0 * 8,
        .scratch = row_scratch,
    };
    for (int y = box->top; y < box->top + box->height; y++, to += (size_t)box->width * (scan->parts == 1 ? 1 : 3)) {
        row.y = light->plane + (y - y_top) * light->stride;
        if (scan->parts == 1) {
            memcpy(to, row.y + (box->left - row.y_first), (size_t)box->width);
            continue;
        }
        int64_t near = y / scan->down, far = scan->down == 1 ? near : y % 2 == 0 ? near - 1 : near + 1;
        if (far < 0) far = 0;
        if (far >= samples_y) far = samples_y - 1;
        for (int c = 0; c < 2; c++) {
            const struct part_of_unit *part = &scan->part[c + 1];
            row.near[c] = part->plane + (near - scan->y0 * 8) * part->stride;
            row.far[c] = part->plane + (far - scan->y0 * 8) * part->stride;
        }
        row.to = to;
        scan->kernels->jpeg_row(&row);
    }
}

bool jpeg_scan(const struct jpeg_decompress_struct *info, const struct picture_box *box, bool to_the_end,
               struct scratch *scratch, uint8_t *to) {
    enum isa isa;
    if (!usual(info) || cpu_isa(&isa) != SK_OK) return false;
    struct scan scan = {.parts = info->num_components, .kernels = kernels_of(isa)};
    scan.across = scan.parts == 1 ? 1 : info->comp_info[0].h_samp_factor;
    scan.down = scan.parts == 1 ? 1 : info->comp_info[0].v_samp_factor;
    int width = 8 * scan.across, height = 8 * scan.down;
    scan.units_x = ((int64_t)info->image_width + width - 1) / width;
    scan.units_y = ((int64_t)info->image_height + height - 1) / height;
    touch(box->left, box->width, width, scan.across == 2 ? 2 : 0, scan.units_x, &scan.x0, &scan.x1);
    touch(box->top, box->height, height, scan.down == 2 ? 2 : 0, scan.units_y, &scan.y0, &scan.y1);
    size_t size = info->src->bytes_in_buffer;
    uint8_t *memory = scratch_reserve(scratch, SCRATCH_SCAN, size + PAD);
    scan.tables = scratch_reserve(scratch, SCRATCH_TABLES, 4 * sizeof *scan.tables); /* zeros at first; they stay */
    if (!memory || !scan.tables || !prepare_parts(&scan, info)) return false;
    if (!unstuff(info->src->next_input_byte, size, memory, &scan.bits)) return false;
    uint8_t *row_scratch = place_planes(&scan, box, scratch);
    if (!row_scratch || !read_units(&scan, to_the_end)) return false;
    write_rows(&scan, info, box, row_scratch + (64 - (uintptr_t)row_scratch % 64) % 64, to);
    return true;
}
