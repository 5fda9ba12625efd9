/* shards_pack.c — writes tar shards by WebDataset's names: NUMBER_NAME.jpg beside NUMBER_NAME.cls.
 *
 * The number keeps keys apart and tells the picture's place in the source. Pictures that a source holds as pixels are
 * written as PNG. Train is shuffled once, so that a shard read from end to end is a sample of all classes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/shards_pack.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "data/png_write.h"
#include "data/shards.h"
#include "data/signature.h"
#include "data/tar_walk.h"

enum { PACK_STEP = 1, STEM_MAX = 80, NAME_MAX_BYTES = 128, PLAN_BYTES_MAX = 1 << 16 };

struct packing {
    const struct dataset *dataset;
    const struct pack_options *options;
    struct pack_result *result;
    struct arena arena;
    struct scratch scratch;
    uint32_t *order; /* of the part in hand */
    uint32_t total;
    struct text sums; /* SHA256SUMS */
    struct file_writer writer;
    struct sha256 hash;
};

static sk_status put(struct packing *p, const void *bytes, size_t size) {
    sha256_add(&p->hash, bytes, size);
    return file_write(&p->writer, bytes, size);
}

static sk_status put_member(struct packing *p, const char *name, const void *bytes, size_t size) {
    static const uint8_t zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK];
    FAIL_IF(!tar_header(header, name, size), SK_EINTERNAL, "%s: no name for a tar", name);
    TRY(put(p, header, sizeof header));
    TRY(put(p, bytes, size));
    return put(p, zeros, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

/* "00001234_n01440764_10026": the picture's number, and what letters its name has. */
static void key_of(const struct packing *p, enum data_part part, uint32_t index, char key[NAME_MAX_BYTES]) {
    char name[4096], stem[STEM_MAX + 1];
    size_t length = 0;
    dataset_name(p->dataset, part, index, name, sizeof name);
    for (const char *at = path_base(name); *at && *at != '.' && length < STEM_MAX; at++)
        stem[length++] = isalnum((unsigned char)*at) || *at == '-' ? *at : '_';
    stem[length] = 0;
    snprintf(key, NAME_MAX_BYTES, "%08u_%s", index, stem);
}

/* The picture's file, and the extension of its format. */
static sk_status file_of(struct packing *p, enum data_part part, uint32_t index, struct text *png,
                         struct encoded *encoded, const char **extension) {
    *extension = ".png";
    if (!dataset_is_encoded(p->dataset)) {
        struct picture picture;
        TRY(dataset_read(p->dataset, part, index, &p->scratch, &picture));
        TRY(encode_png(&picture, png));
        encoded->bytes = (const uint8_t *)png->data;
        encoded->size = png->length;
        return SK_OK;
    }
    TRY(dataset_fetch(p->dataset, part, index, &p->scratch, encoded));
    const struct signature *signature = signature_of(encoded->bytes, encoded->size);
    FAIL_IF(!signature, SK_EFORMAT,
            "%s: not a picture (neither JPEG, PNG nor WebP); `siskin data check` finds all such", encoded->what);
    if (!signature->decode) return signature_refuse(signature, encoded->what);
    *extension = signature->extensions;
    return SK_OK;
}

static sk_status put_picture(struct packing *p, enum data_part part, uint32_t index) {
    struct encoded encoded;
    struct text png = {0};
    const char *extension;
    char key[NAME_MAX_BYTES], name[NAME_MAX_BYTES + 16], label[16];
    key_of(p, part, index, key);
    sk_status status = file_of(p, part, index, &png, &encoded, &extension);
    if (status == SK_OK) {
        snprintf(name, sizeof name, "%s%.*s", key, (int)strcspn(extension, " "), extension);
        status = put_member(p, name, encoded.bytes, encoded.size);
        p->result->bytes += encoded.size;
    }
    text_free(&png);
    TRY(status);
    snprintf(name, sizeof name, "%s.cls", key);
    snprintf(label, sizeof label, "%d", dataset_label(p->dataset, part, index));
    return put_member(p, name, label, strlen(label));
}

/* ---- one shard ---- */

/* A part's shard: pictures `first` on, as many as belong there. */
struct cut {
    enum data_part part;
    uint32_t first, count, each; /* each: pictures a shard, 0: by size */
    char *path;
    const char *name;
};

static sk_status note_sum(struct packing *p, const char *name) {
    char digest[SHA256_TEXT];
    sha256_end(&p->hash, digest);
    text_addf(&p->sums, "%s  %s\n", digest, name);
    p->result->shards++;
    return text_check(&p->sums);
}

/* Pictures of a shard that an earlier packing finished; its keys must be those that belong there. */
static sk_status count_found(struct packing *p, const struct cut *cut, uint32_t *done) {
    struct file_bytes bytes;
    TRY(file_map(cut->path, &bytes));
    struct tar_walk tar = {.bytes = bytes.data, .size = bytes.size, .what = cut->path};
    struct tar_file file;
    sk_status status = SK_OK;
    *done = 0;
    for (bool end = false; status == SK_OK;) {
        char key[NAME_MAX_BYTES];
        status = tar_next(&tar, &file, &end);
        if (status != SK_OK || end) break;
        size_t length = strlen(file.name);
        if (length > 4 && strcmp(file.name + length - 4, ".cls") == 0) continue;
        bool more = cut->first + *done < cut->count;
        if (more) key_of(p, cut->part, p->order[cut->first + *done], key);
        if (!more || strncmp(file.name, key, strlen(key)) != 0 || file.name[strlen(key)] != '.')
            status = status_fail(SK_EDATA,
                                 "%s holds %.80s, which does not belong there: the source has changed; remove "
                                 "the folder, or name another",
                                 cut->path, file.name);
        ++*done;
        p->result->bytes += file.size;
    }
    if (status == SK_OK) sha256_add(&p->hash, bytes.data, bytes.size);
    file_unmap(&bytes);
    return status;
}

static sk_status fill_shard(struct packing *p, const struct cut *cut, uint32_t *done) {
    static const uint8_t zeros[2 * TAR_BLOCK];
    const struct pack_options *o = p->options;
    for (*done = 0; cut->first + *done < cut->count;) {
        if (cut->each ? *done == cut->each : *done > 0 && p->writer.written >= o->shard_bytes) break;
        FAIL_IF(o->progress && *done % 64 == 0 && !o->progress(o->user, p->result->pictures + *done, p->total),
                SK_EINTERRUPTED, "stopped; the same call goes on with %s", cut->path);
        TRY(put_picture(p, cut->part, p->order[cut->first + *done]));
        ++*done;
    }
    return put(p, zeros, sizeof zeros);
}

static sk_status pack_shard(struct packing *p, const struct cut *cut, uint32_t *done) {
    sha256_begin(&p->hash);
    if (file_exists(cut->path)) {
        p->result->found++;
        TRY(count_found(p, cut, done));
        FAIL_IF(*done == 0, SK_EDATA, "%s holds no picture; remove it", cut->path);
    } else {
        TRY(file_begin(&p->writer, cut->path));
        sk_status status = fill_shard(p, cut, done);
        if (status != SK_OK) {
            file_abort(&p->writer);
            return status;
        }
        TRY(file_commit(&p->writer));
    }
    p->result->pictures += *done;
    return note_sum(p, cut->name);
}

/* ---- all of them ---- */

static uint32_t shard_pictures(const struct packing *p) {
    uint32_t train = dataset_count(p->dataset, DATA_TRAIN), shards = p->options->shards;
    return shards ? (train + shards - 1) / shards : 0;
}

static sk_status pack_part(struct packing *p, enum data_part part) {
    uint32_t count = dataset_count(p->dataset, part), shard = 0;
    p->order = arena_array(&p->arena, count, sizeof *p->order);
    if (!p->order) return SK_EMEMORY;
    for (uint32_t i = 0; i < count; i++) p->order[i] = i;
    if (part == DATA_TRAIN && !p->options->in_order) {
        struct rng rng = rng_at(p->options->seed, RNG_SPLIT, (uint64_t)PACK_STEP << 32, 0);
        rng_shuffle(&rng, p->order, count);
    }
    for (uint32_t first = 0, done = 0; first < count; first += done, shard++) {
        struct cut cut = {.part = part, .first = first, .count = count, .each = shard_pictures(p)};
        cut.name = arena_printf(&p->arena, "%s-%06u.tar", data_part_name(part), shard);
        cut.path = cut.name ? path_join(&p->arena, p->options->folder, cut.name) : NULL;
        if (!cut.path) return SK_EMEMORY;
        TRY(pack_shard(p, &cut, &done));
    }
    return SK_OK;
}

/* pack.json: what makes two packings the same. */
static sk_status plan_text(const struct packing *p, struct text *text) {
    const struct pack_options *o = p->options;
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_integer(&w, "version", 1);
    jw_string(&w, "source", o->spec);
    for (int part = 0; part < DATA_PARTS; part++)
        jw_integer(&w, data_part_name((enum data_part)part), dataset_count(p->dataset, (enum data_part)part));
    jw_integer(&w, "classes", dataset_classes(p->dataset));
    jw_integer(&w, "shard_bytes", o->shards ? 0 : (int64_t)o->shard_bytes);
    jw_integer(&w, "shards", o->shards);
    jw_string(&w, "order", o->in_order ? "source" : "shuffled");
    jw_integer(&w, "seed", (int64_t)o->seed);
    jw_end_object(&w);
    text_add(&w.text, "\n");
    *text = w.text;
    return text_check(text);
}

static sk_status check_plan(struct packing *p, const struct text *plan) {
    uint8_t *found;
    size_t size;
    char *path = path_join(&p->arena, p->options->folder, "pack.json");
    if (!path) return SK_EMEMORY;
    if (!file_exists(path)) {
        char **names;
        size_t count;
        TRY(folder_make(p->options->folder));
        TRY(folder_list(&p->arena, p->options->folder, LIST_FILES | LIST_FOLDERS, &names, &count));
        FAIL_IF(count > 0, SK_EUSAGE, "%s is not empty (%s): name a new folder", p->options->folder, names[0]);
        return file_replace(path, plan->data, plan->length);
    }
    TRY(file_read(&p->arena, path, PLAN_BYTES_MAX, &found, &size));
    FAIL_IF(size != plan->length || memcmp(found, plan->data, size) != 0, SK_EUSAGE,
            "%s was begun otherwise: it says %.*s and this call %.*s; take the same options, or another folder", path,
            (int)strcspn((char *)found, "\n"), (char *)found, (int)plan->length - 1, plan->data);
    return SK_OK;
}

static sk_status write_beside(struct packing *p, const char *name, const struct text *text) {
    char *path = path_join(&p->arena, p->options->folder, name);
    if (!path) return SK_EMEMORY;
    return file_replace(path, text->data ? text->data : "", text->length);
}

static sk_status write_classes(struct packing *p) {
    struct text text = {0};
    for (int c = 0; c < dataset_classes(p->dataset); c++) text_addf(&text, "%s\n", dataset_class_name(p->dataset, c));
    sk_status status = text_check(&text);
    if (status == SK_OK) status = write_beside(p, SHARDS_CLASSES, &text);
    text_free(&text);
    return status;
}

/* The index as the folder carries it along: by sizes and prints, since a copy has other times. */
static sk_status write_index(struct packing *p) {
    struct dataset *packed;
    struct data_options options = {.share = {1, 0, 0}, .index_cache = "off"};
    char *spec = arena_printf(&p->arena, "tar:%s", p->options->folder);
    char *path = path_join(&p->arena, p->options->folder, SHARDS_INDEX);
    if (!spec || !path) return SK_EMEMORY;
    TRY(dataset_open(&packed, spec, &options));
    sk_status status = SK_OK;
    uint32_t pictures = 0;
    for (int part = 0; part < DATA_PARTS; part++) pictures += packed->source[part].count;
    if (pictures != p->result->pictures)
        status = status_fail(SK_EINTERNAL, "%s: %u pictures were packed and %u are found", p->options->folder,
                             p->result->pictures, pictures);
    if (status == SK_OK) status = index_carry(&packed->index, p->options->folder, path);
    dataset_free(packed);
    return status;
}

static sk_status pack_all(struct packing *p) {
    struct text plan = {0};
    sk_status status = plan_text(p, &plan);
    if (status == SK_OK) status = check_plan(p, &plan);
    text_free(&plan);
    TRY(status);
    TRY(write_classes(p));
    for (int part = 0; part < DATA_PARTS; part++) TRY(pack_part(p, (enum data_part)part));
    TRY(write_beside(p, "SHA256SUMS", &p->sums));
    return write_index(p);
}

sk_status data_pack(const struct dataset *dataset, const struct pack_options *options, struct pack_result *result) {
    *result = (struct pack_result){0};
    struct packing p = {.dataset = dataset, .options = options, .result = result, .writer = {.fd = -1}};
    for (int part = 0; part < DATA_PARTS; part++) p.total += dataset_count(dataset, (enum data_part)part);
    sk_status status = pack_all(&p);
    text_free(&p.sums);
    scratch_free(&p.scratch);
    arena_free(&p.arena);
    return status;
}
