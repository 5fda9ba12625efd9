/* check_examine.c — reads and decodes every file of a check by the team, and keeps what later checks ask.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/check.h"
#include "data/folder.h"
#include "data/signature.h"

enum { PIECE = 128, HASH_SIDE_MIN = 32, BLANK_RANGE = 2 };

/* What a member of the team works with; strings and hashes stay in its arena. */
struct member {
    struct scratch scratch;
    struct arena arena;
    bool failed;
};

struct examination {
    struct check *check;
    struct member *members;
    size_t first; /* of this piece */
};

static void digest(const void *bytes, size_t size, char text[SHA256_TEXT]) {
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, bytes, size);
    sha256_end(&hash, text);
}

/* All pixels (nearly) equal in every channel. */
static bool is_blank(const struct picture *picture) {
    size_t channels = (size_t)picture->channels, count = (size_t)picture->height * (size_t)picture->width * channels;
    uint8_t low[4] = {255, 255, 255, 255}, high[4] = {0};
    for (size_t i = 0; i < count; i += channels) {
        for (size_t c = 0; c < channels; c++) {
            uint8_t value = picture->pixels[i + c];
            if (value < low[c]) low[c] = value;
            if (value > high[c]) high[c] = value;
            if (high[c] - low[c] > BLANK_RANGE) return false;
        }
    }
    return true;
}

static sk_status measure(struct check_file *file, const struct picture *picture, struct member *member) {
    file->height = picture->height;
    file->width = picture->width;
    file->blank = is_blank(picture);
    if (picture->height < HASH_SIDE_MIN || picture->width < HASH_SIDE_MIN || file->blank) return SK_OK;
    struct phash *hash = arena_alloc(&member->arena, sizeof *hash);
    if (!hash) return SK_EMEMORY;
    TRY(phash_of(picture, &member->scratch, hash));
    file->hash = hash;
    return SK_OK;
}

/* The file as the loader reads it. */
static sk_status read_file(const struct check *check, struct check_file *file, struct member *member, char *path,
                           size_t path_size) {
    struct scratch *scratch = &member->scratch;
    int length = snprintf(path, path_size, "%s/%s", check->path, file->path);
    FAIL_IF(length < 0 || (size_t)length >= path_size, SK_EIO, "the path is longer than %zu bytes", path_size);
    uint8_t *bytes = scratch->slot[SCRATCH_FILE].data;
    size_t size = 0;
    sk_status status = file_read_block(path, FOLDER_FILE_MAX, &bytes, &scratch->slot[SCRATCH_FILE].capacity, &size);
    scratch->slot[SCRATCH_FILE].data = bytes;
    TRY(status);
    file->bytes = size;
    const struct signature *signature = signature_of(bytes, size);
    if (signature) file->traits.format = signature->name;
    if (file->kind != CHECK_PICTURE) return SK_OK;
    if (size) digest(bytes, size, file->digest);
    struct picture picture;
    struct decode_options options = {.exif = EXIF_APPLY};
    TRY(decode_inspect(bytes, size, path, &options, scratch, &picture, &file->traits));
    return measure(file, &picture, member);
}

static sk_status read_sample(const struct check *check, struct check_file *file, struct member *member) {
    struct picture picture;
    uint32_t number = (uint32_t)file->bytes;
    file->bytes = 1; /* unknown, but not none, where it cannot be read */
    TRY(dataset_read(check->dataset, file->part, number, &member->scratch, &picture));
    file->bytes = (uint64_t)picture.height * (uint64_t)picture.width * (uint64_t)picture.channels;
    file->traits.grey = picture.channels == 1;
    digest(picture.pixels, file->bytes, file->digest);
    return measure(file, &picture, member);
}

static void examine(void *arg, int64_t index, int member_index) {
    struct examination *e = arg;
    struct member *member = &e->members[member_index];
    struct check_file *file = &e->check->files[e->first + (size_t)index];
    char path[FOLDER_PATH_MAX] = "";
    if (file->folder || file->kind == CHECK_HIDDEN || file->kind == CHECK_OUTSIDE) return;
    file->status =
        e->check->dataset ? read_sample(e->check, file, member) : read_file(e->check, file, member, path, sizeof path);
    if (file->status == SK_EMEMORY) member->failed = true;
    if (file->status == SK_OK) return;
    const char *sentence = sk_error();
    size_t length = strlen(path);
    if (length && strncmp(sentence, path, length) == 0 && strncmp(sentence + length, ": ", 2) == 0)
        sentence += length + 2;
    file->sentence = arena_strdup(&member->arena, sentence);
    if (!file->sentence) member->failed = true;
}

static sk_status examine_all(struct examination *e, const struct check_options *options) {
    size_t count = e->check->file_count;
    for (e->first = 0; e->first < count; e->first += PIECE) {
        size_t piece = count - e->first < PIECE ? count - e->first : PIECE;
        FAIL_IF(options->progress && !options->progress(options->user, (uint32_t)e->first, (uint32_t)count),
                SK_EINTERRUPTED, "stopped after %zu of %zu files", e->first, count);
        team_for(options->team, (int64_t)piece, examine, e);
        for (int m = 0; m < team_size(options->team); m++)
            FAIL_IF(e->members[m].failed, SK_EMEMORY, "%s: no memory to look at the pictures", e->check->spec);
    }
    return SK_OK;
}

sk_status check_examine(struct check *check, const struct check_options *options) {
    int members = team_size(options->team);
    struct examination e = {.check = check};
    e.members = arena_array(&check->arena, (size_t)members, sizeof *e.members);
    check->member_arenas = arena_array(&check->arena, (size_t)members, sizeof *check->member_arenas);
    if (!e.members || !check->member_arenas) return SK_EMEMORY;
    check->member_count = members;
    sk_status status = examine_all(&e, options);
    for (int m = 0; m < members; m++) {
        scratch_free(&e.members[m].scratch);
        check->member_arenas[m] = e.members[m].arena; /* lives as long as the check */
    }
    return status;
}
