/* check_files.c — what is wrong, or worth knowing, about single files.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/check.h"
#include "data/signature.h"

/* Every file of a kind, in order. */
#define EACH(check, file, of_kind)                                                                                     \
    for (struct check_file *file = check->files; file != check->files + check->file_count; file++)                     \
        if (file->kind == (of_kind))

static const char *of(const struct check_file *file) {
    return file->sentence ? file->sentence : "";
}

/* A format that is known and not read; the file may be named as a picture or not. */
static const struct signature *unread_format(const struct check_file *file) {
    const struct signature *s = file->traits.format ? signature_by_name(file->traits.format) : NULL;
    return s && !s->decode ? s : NULL;
}

static bool is_too_large(const struct check_file *file) {
    return file->status == SK_EDATA && strstr(of(file), "at most");
}

static bool is_empty(const struct check_file *file) {
    return !file->folder && file->bytes == 0 && (file->status == SK_EFORMAT || file->kind == CHECK_FOREIGN);
}

/* ---- what cannot be read ---- */

void check_empty(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_EFORMAT && is_empty(file)) check_add(check, file->path, "the file has no bytes");
    }
}

void check_truncated(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->traits.truncated) check_add(check, file->path, "%s", of(file));
    }
}

void check_unreadable(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_OK || is_empty(file) || file->traits.truncated || unread_format(file)) continue;
        if (!is_too_large(file)) check_add(check, file->path, "%s", of(file));
    }
}

void check_format(struct check *check) {
    for (size_t i = 0; i < check->file_count; i++) {
        const struct check_file *file = &check->files[i];
        const struct signature *signature = unread_format(file);
        if (!signature) continue;
        const char *path = check_full_path(check, file->path);
        struct text command = {0};
        check->failed = check->failed || !path;
        if (!path) continue;
        signature_convert(signature, path, &command);
        if (text_check(&command) != SK_OK)
            check->failed = true;
        else
            check_add(check, file->path, "%s; %s", signature->name, command.data);
        text_free(&command);
    }
}

void check_too_large(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (is_too_large(file)) check_add(check, file->path, "%s", of(file));
    }
}

/* ---- what lies among the pictures ---- */

void check_foreign(struct check *check) {
    EACH(check, file, CHECK_FOREIGN) {
        const char *extension = path_extension(file->path);
        if (unread_format(file)) continue;
        if (file->traits.format)
            check_add(check, file->path, "a %s by its content, but its name ends in \"%s\": rename it",
                      file->traits.format, extension);
        else
            check_add(check, file->path, "not a picture by its name (.jpg, .jpeg, .png, .webp)");
    }
}

void check_hidden(struct check *check) {
    EACH(check, file, CHECK_HIDDEN) {
        check_add(check, file->path, "passed over");
    }
}

void check_outside(struct check *check) {
    EACH(check, file, CHECK_OUTSIDE) {
        const char *words[] = {"train", "val", "test"};
        const char *near = file->folder ? nearest_word(file->path, words, 3) : NULL;
        if (file->folder && strncmp(file->path, "val", 3) == 0) near = "val";
        if (near)
            check_add(check, file->path, "a folder beside the parts, which nobody reads: should it be called \"%s\"?",
                      near);
        else if (file->folder)
            check_add(check, file->path, "a folder beside the parts (train, val, test), which nobody reads");
        else
            check_add(check, file->path, "in no class's folder, so nobody reads it");
    }
}

void check_extension(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        const struct signature *s =
            file->status == SK_OK && file->traits.format ? signature_by_name(file->traits.format) : NULL;
        if (s && !signature_named(s, file->path))
            check_add(check, file->path, "%s by its content; the usual name ends in %.*s", s->name,
                      (int)strcspn(s->extensions, " "), s->extensions);
    }
}

/* ---- what can be read and may be bad ---- */

void check_damaged(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->traits.damaged) check_add(check, file->path, "the JPEG decoder had to guess");
    }
}

void check_blank(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_OK && file->blank)
            check_add(check, file->path, "all %d x %d pixels are alike", file->width, file->height);
    }
}

static int shorter_side(const struct check_file *file) {
    return file->height < file->width ? file->height : file->width;
}

static int by_value(const void *a, const void *b) {
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* Half of the pictures are smaller; 0 where there are none or no memory. */
static int median_side(struct check *check) {
    int *sides = arena_array(&check->arena, check->file_count + 1, sizeof *sides);
    size_t count = 0;
    check->failed = check->failed || !sides;
    if (!sides) return 0;
    EACH(check, file, CHECK_PICTURE) {
        if (file->height) sides[count++] = shorter_side(file);
    }
    qsort(sides, count, sizeof *sides, by_value);
    return count ? sides[count / 2] : 0;
}

/* Small for any network, or small among pictures that are not. */
void check_tiny(struct check *check) {
    enum { ALWAYS = 8, SMALL = 32 };
    int median = median_side(check);
    EACH(check, file, CHECK_PICTURE) {
        int side = shorter_side(file);
        if (side > 0 && (side < ALWAYS || (side < SMALL && 2 * side < median)))
            check_add(check, file->path, "%d x %d pixels; the shorter side of half of the pictures is %d or more",
                      file->width, file->height, median);
    }
}

void check_huge(struct check *check) {
    enum { MANY = 50000000 };
    EACH(check, file, CHECK_PICTURE) {
        if ((int64_t)file->height * file->width > MANY)
            check_add(check, file->path, "%d x %d pixels", file->width, file->height);
    }
}

/* ---- what training makes of it ---- */

void check_orientation(struct check *check) {
    static const char *const turn[] = {"mirrored",
                                       "turned by half",
                                       "mirrored and turned by half",
                                       "mirrored and turned to the left",
                                       "turned to the right",
                                       "mirrored and turned to the right",
                                       "turned to the left"};
    EACH(check, file, CHECK_PICTURE) {
        int orientation = file->traits.orientation;
        if (orientation >= 2 && orientation <= 8)
            check_add(check, file->path, "EXIF orientation %d: %s when read", orientation, turn[orientation - 2]);
    }
}

/* In a set that is grey altogether, grey is nothing to mention. */
void check_grey(struct check *check) {
    bool coloured = false;
    EACH(check, file, CHECK_PICTURE) {
        coloured = coloured || (file->status == SK_OK && !file->traits.grey);
    }
    EACH(check, file, CHECK_PICTURE) {
        if (coloured && file->status == SK_OK && file->traits.grey) check_add(check, file->path, "one channel");
    }
}

void check_inks(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_OK && file->traits.cmyk) check_add(check, file->path, "four inks");
    }
}

void check_alpha(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_OK && file->traits.alpha)
            check_add(check, file->path, "has an alpha channel or a transparent colour");
    }
}

void check_deep(struct check *check) {
    EACH(check, file, CHECK_PICTURE) {
        if (file->status == SK_OK && file->traits.deep) check_add(check, file->path, "16 bits a channel");
    }
}
