/* check.h — looks through a dataset before training: everything that would stop it, spoil it, or surprise.
 *
 * Unlike dataset_open, which stops at the first fault, a check walks on and gathers findings. To add a check: a
 * function check_<name> in one of check_*.c, and a row in checks.def. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_CHECK_H
#define SK_DATA_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/team.h"
#include "data/data.h"
#include "data/decode.h"
#include "data/phash.h"

enum check_severity { CHECK_ERROR, CHECK_WARNING, CHECK_NOTE, CHECK_SEVERITIES };
const char *check_severity_name(enum check_severity severity); /* "error", "warning", "note" */

enum check_kind {
    CHECK_PICTURE, /* one that training would read */
    CHECK_FOREIGN, /* no picture by its name, in a class's folder */
    CHECK_HIDDEN,  /* passed over: .DS_Store and the like, in a class's folder */
    CHECK_OUTSIDE, /* a picture, or a folder, that belongs to no class or part */
};

/* One file (or folder, where it is outside), and what was found in it. */
struct check_file {
    const char *path; /* below the dataset's folder; "train/17" where pictures have no files */
    enum check_kind kind;
    bool folder;
    enum data_part part;
    int class_index; /* -1: none */
    uint64_t bytes;
    sk_status status;     /* of reading and decoding it, */
    const char *sentence; /* without the path */
    struct decode_traits traits;
    int height, width;
    bool blank; /* one colour */
    char digest[SHA256_TEXT];
    struct phash *hash; /* NULL: not read, or too small to tell */
    uint32_t twin;      /* the first file with the same bytes, or its own number */
    uint32_t near;      /* the first one that looks the same (among those that are nobody's twin), or its own number */
};

struct check_class {
    const char *name;
    bool there[DATA_PARTS]; /* has a folder in the part */
    uint32_t count[DATA_PARTS];
};

/* What one check is. */
struct check;
struct check_row {
    const char *name;
    enum check_severity severity;
    const char *what, *remedy;
    void (*run)(struct check *check);
};
#define CHECK(name, severity, what, remedy) void check_##name(struct check *check);
#include "data/checks.def"
#undef CHECK
const struct check_row *check_rows(size_t *count);

struct finding {
    const struct check_row *row;
    const char *path; /* as the user can type it */
    const char *text;
};

struct check {
    struct arena arena;
    const char *spec, *path; /* as given; the dataset's folder */
    const char *refused;     /* why the source could not be opened at all, or NULL */
    struct dataset *dataset; /* where pictures have no files of their own, else NULL */
    bool part[DATA_PARTS];   /* which there are */
    bool parts_named;        /* the folder has train, val, … in it */
    struct check_file *files;
    size_t file_count, file_capacity;
    struct check_class *classes;
    int class_count;
    struct finding *findings;
    size_t finding_count, finding_capacity;
    size_t counts[CHECK_SEVERITIES];
    const struct check_row *row; /* the check at work */
    struct arena *member_arenas; /* (member_count): what the threads keep */
    int member_count;
    bool failed; /* a finding could not be kept for lack of memory */
};

struct check_options {
    struct team *team;
    /* Called now and then; false stops with SK_EINTERRUPTED. NULL is fine. */
    bool (*progress)(void *user, uint32_t done, uint32_t total);
    void *user;
};

/* Zero-initialise `check`; check_free at the end, also after a failure. What is wrong with the data is no failure. */
sk_status check_run(struct check *check, const char *spec, const struct check_options *options);
void check_free(struct check *check);

/* ---- for the files check_*.c ---- */

sk_status check_walk(struct check *check);                                         /* check_walk.c */
sk_status check_examine(struct check *check, const struct check_options *options); /* check_examine.c */
sk_status check_pair_up(struct check *check);                                      /* check_twins.c */

/* Say what the check at work found about a path below the dataset's folder. */
void check_add(struct check *check, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `path` as the user can type it, in the arena; NULL without memory. */
const char *check_full_path(struct check *check, const char *path);
/* The words for a class's folder in a part: "train/cat" or "cat". */
const char *check_class_path(struct check *check, enum data_part part, int class_index);

#endif
