/* idx.c — MNIST and its kin: train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k pair, plain or .gz.
 *
 * http://yann.lecun.com/exdb/mnist describes the container. The header says how long the rest must be, so a
 * gzipped file is never inflated beyond that.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/idx.h"

#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "data/format.h"

enum { HEADER_MAX = 4 + 4 * IDX_RANK_MAX, DEFLATE_RATIO_MAX = 1032 };

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The header, and how many bytes header and data have together. */
static sk_status parse_header(const uint8_t *bytes, size_t size, const char *what, struct idx *idx, size_t *total) {
    FAIL_IF(size < 8, SK_EFORMAT, "%s: %zu bytes are too few for an IDX file; get the file again", what, size);
    FAIL_IF(bytes[0] != 0 || bytes[1] != 0, SK_EFORMAT, "%s: starts with %02x %02x, not 00 00: this is no IDX file",
            what, bytes[0], bytes[1]);
    FAIL_IF(bytes[2] != 8, SK_EFORMAT, "%s: IDX element type 0x%02x; only unsigned bytes (0x08) are read", what,
            bytes[2]);
    FAIL_IF(bytes[3] < 1 || bytes[3] > IDX_RANK_MAX, SK_EFORMAT, "%s: IDX rank %d; expected 1 to %d", what, bytes[3],
            IDX_RANK_MAX);
    idx->rank = bytes[3];
    size_t header = 4 + 4 * (size_t)idx->rank, product = 1;
    FAIL_IF(size < header, SK_EFORMAT, "%s: ends inside its header; get the file again", what);
    for (int i = 0; i < idx->rank; i++) {
        idx->dim[i] = big_endian(bytes + 4 + 4 * i);
        FAIL_IF(idx->dim[i] == 0, SK_EFORMAT, "%s: IDX dimension %d is 0", what, i);
        FAIL_IF(idx->dim[i] > DATA_SAMPLES_MAX || product > (SIZE_MAX >> 8) / idx->dim[i], SK_EFORMAT,
                "%s: IDX dimension %d is %u: too large", what, i, idx->dim[i]);
        product *= idx->dim[i];
    }
    *total = header + product;
    return SK_OK;
}

static sk_status inflate_failed(const char *what, const z_stream *stream, int code, size_t total) {
    if (code == Z_MEM_ERROR) return status_fail(SK_EMEMORY, "%s: no memory to inflate it", what);
    if (code == Z_STREAM_END) {
        return status_fail(SK_EFORMAT, "%s: has %lu bytes where its IDX header says %zu; get the file again", what,
                           stream->total_out, total);
    }
    if (code == Z_BUF_ERROR || code == Z_OK) {
        return status_fail(
            SK_EFORMAT,
            "%s: the gzip data end early or go on beyond what the IDX header says (%zu bytes); get the file again",
            what, total);
    }
    return status_fail(SK_EFORMAT, "%s: broken gzip data (%s); get the file again", what,
                       stream->msg ? stream->msg : "unknown reason");
}

/* Inflate `size` bytes to exactly `total`; zlib counts in unsigned int, so in portions. */
static int inflate_exactly(z_stream *stream, const uint8_t *bytes, size_t size, uint8_t *out, size_t total) {
    const size_t portion = 1U << 30;
    size_t taken = 0, given = 0;
    int code = Z_OK;
    while (code == Z_OK) {
        size_t in = size - taken < portion ? size - taken : portion;
        size_t room = total - given < portion ? total - given : portion;
        stream->next_in = (Bytef *)(uintptr_t)(bytes + taken);
        stream->avail_in = (uInt)in;
        stream->next_out = out + given;
        stream->avail_out = (uInt)room;
        code = inflate(stream, Z_NO_FLUSH);
        taken += in - stream->avail_in;
        given += room - stream->avail_out;
    }
    return code;
}

static sk_status inflate_all(const uint8_t *bytes, size_t size, const char *what, struct idx *idx) {
    z_stream stream = {0};
    uint8_t header[HEADER_MAX];
    FAIL_IF(inflateInit2(&stream, 15 + 16) != Z_OK, SK_EMEMORY, "%s: no memory to inflate it", what);
    int code = inflate_exactly(&stream, bytes, size, header, sizeof header);
    size_t got = stream.total_out, total = 0;
    sk_status status =
        code == Z_DATA_ERROR ? inflate_failed(what, &stream, code, 0) : parse_header(header, got, what, idx, &total);
    if (status == SK_OK && total / DEFLATE_RATIO_MAX > size) {
        status = status_fail(SK_EFORMAT, "%s: its header says %zu bytes, which %zu gzipped bytes cannot hold", what,
                             total, size);
    }
    if (status == SK_OK) status = region_new(&idx->memory, total);
    if (status == SK_OK) {
        inflateReset(&stream);
        code = inflate_exactly(&stream, bytes, size, idx->memory.data, total);
        if (code != Z_STREAM_END || stream.total_out != total) status = inflate_failed(what, &stream, code, total);
    }
    inflateEnd(&stream);
    if (status == SK_OK)
        idx->data = (const uint8_t *)idx->memory.data + (4 + 4 * (size_t)idx->rank);
    else
        region_free(&idx->memory);
    return status;
}

sk_status idx_parse(const uint8_t *bytes, size_t size, const char *what, struct idx *idx) {
    *idx = (struct idx){0};
    if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) return inflate_all(bytes, size, what, idx);
    size_t total;
    TRY(parse_header(bytes, size, what, idx, &total));
    FAIL_IF(size != total, SK_EFORMAT, "%s: has %zu bytes where its IDX header says %zu; get the file again", what,
            size, total);
    idx->data = bytes + (4 + 4 * (size_t)idx->rank);
    return SK_OK;
}

/* ---- the data set -------------------------------------------------------------------------- */

static const char *const part_prefix[DATA_PARTS] = {[DATA_TRAIN] = "train", [DATA_TEST] = "t10k"};

/* "train-images-idx3-ubyte" with or without .gz, also with a dot before "idx"; NULL where there is none. */
static char *find_file(struct arena *arena, const char *folder, const char *part, const char *kind) {
    static const char *const patterns[] = {"%s/%s-%s-ubyte", "%s/%s-%s-ubyte.gz"};
    char name[32];
    for (int dot = 0; dot < 2; dot++) {
        size_t length = strlen(kind);
        memcpy(name, kind, length + 1);
        if (dot) name[length - 5] = '.'; /* "images-idx3": the last five are "-idx3" */
        for (int i = 0; i < 2; i++) {
            char *path = i ? arena_printf(arena, patterns[1], folder, part, name)
                           : arena_printf(arena, patterns[0], folder, part, name);
            if (path && file_exists(path)) return path;
        }
    }
    return NULL;
}

static bool detect(const char *path) {
    struct arena arena = {0};
    bool found = find_file(&arena, path, "train", "images-idx3") || find_file(&arena, path, "t10k", "images-idx3");
    arena_free(&arena);
    return found;
}

static sk_status take_labels(struct dataset *dataset, const char *file, const struct idx *idx,
                             struct data_source *source) {
    FAIL_IF(idx->rank != 1, SK_EFORMAT, "%s: IDX rank %d; labels have rank 1", file, idx->rank);
    FAIL_IF(idx->dim[0] != source->count, SK_EDATA, "%s: %u labels for %u pictures", file, idx->dim[0], source->count);
    source->labels = arena_array(&dataset->arena, source->count, sizeof *source->labels);
    if (!source->labels) return SK_EMEMORY;
    for (uint32_t i = 0; i < source->count; i++) {
        source->labels[i] = idx->data[i];
        if (idx->data[i] >= dataset->class_count) dataset->class_count = idx->data[i] + 1;
    }
    return SK_OK;
}

static sk_status take_pictures(struct dataset *dataset, const char *file, struct idx *idx, struct data_source *source) {
    FAIL_IF(idx->rank != 3, SK_EFORMAT, "%s: IDX rank %d; pictures have rank 3 (count, height, width)", file,
            idx->rank);
    FAIL_IF(idx->dim[1] > UINT16_MAX || idx->dim[2] > UINT16_MAX, SK_EFORMAT, "%s: pictures of %u x %u pixels", file,
            idx->dim[1], idx->dim[2]);
    int height = (int)idx->dim[1], width = (int)idx->dim[2];
    FAIL_IF(dataset->height && (dataset->height != height || dataset->width != width), SK_EDATA,
            "%s: pictures of %d x %d pixels, but those of the train part have %d x %d", file, height, width,
            dataset->height, dataset->width);
    dataset->height = height;
    dataset->width = width;
    dataset->channels = 1;
    source->count = idx->dim[0];
    if (!idx->memory.data) { /* a plain file: its map goes away, so copy */
        size_t bytes = (size_t)source->count * (size_t)height * (size_t)width;
        TRY(region_new(&idx->memory, bytes));
        memcpy(idx->memory.data, idx->data, bytes);
        idx->data = idx->memory.data;
    }
    source->memory = idx->memory;
    source->pixels = idx->data;
    idx->memory = (struct region){0}; /* handed over */
    return SK_OK;
}

static sk_status open_part(struct dataset *dataset, const char *images, const char *labels,
                           struct data_source *source) {
    struct file_bytes bytes;
    struct idx idx;
    TRY(file_map(images, &bytes));
    sk_status status = idx_parse(bytes.data, bytes.size, images, &idx);
    if (status == SK_OK) status = take_pictures(dataset, images, &idx, source);
    region_free(&idx.memory);
    file_unmap(&bytes);
    TRY(status);
    TRY(file_map(labels, &bytes));
    status = idx_parse(bytes.data, bytes.size, labels, &idx);
    if (status == SK_OK) status = take_labels(dataset, labels, &idx, source);
    region_free(&idx.memory);
    file_unmap(&bytes);
    return status;
}

static sk_status open_idx(struct dataset *dataset, const char *path) {
    static const char *const fashion[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
    bool any = false;
    for (int part = 0; part < DATA_PARTS; part++) {
        if (!part_prefix[part]) continue;
        char *images = find_file(&dataset->arena, path, part_prefix[part], "images-idx3");
        char *labels = find_file(&dataset->arena, path, part_prefix[part], "labels-idx1");
        FAIL_IF(images && !labels, SK_EDATA, "%s has no labels beside it: expected %s/%s-labels-idx1-ubyte or .gz",
                images, path, part_prefix[part]);
        if (!images) continue;
        any = true;
        TRY(open_part(dataset, images, labels, &dataset->source[part]));
    }
    FAIL_IF(!any, SK_EDATA, "%s: no IDX files there: expected train-images-idx3-ubyte or .gz", path);
    bool is_fashion = strstr(path_base(path), "fashion") != NULL && dataset->class_count == 10;
    return data_name_classes(dataset, is_fashion ? fashion : NULL, dataset->class_count);
}

const struct data_format data_format_idx = {.what = "IDX files", .detect = detect, .open = open_idx};
