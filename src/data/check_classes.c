/* check_classes.c — what is wrong with the classes: missing, empty, too small, unequal, or named alike.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data/check.h"
#include "data/folder.h"

void check_one_class(struct check *check) {
    if (check->class_count >= 2) return;
    if (check->class_count == 0)
        check_add(check, "", "there are no class folders");
    else
        check_add(check, check->classes[0].name, "the only class folder; is this one folder too deep or too high?");
}

/* A class must have a folder in every part; where it is missing is what is said. */
void check_class_missing(struct check *check) {
    for (int c = 0; c < check->class_count; c++) {
        const struct check_class *class = &check->classes[c];
        for (int part = 0; part < DATA_PARTS; part++) {
            int other = 0;
            while (other < DATA_PARTS && !class->there[other]) other++;
            if (check->part[part] && !class->there[part])
                check_add(check, check_class_path(check, (enum data_part)part, c),
                          "there is no such folder, but %s has this class", data_part_name((enum data_part)other));
        }
    }
}

void check_class_unclean(struct check *check) {
    for (int c = 0; c < check->class_count; c++)
        if (!folder_is_class_name(check->classes[c].name))
            check_add(check, check->classes[c].name, "not a name that can be shown");
}

void check_class_empty(struct check *check) {
    for (int part = 0; part < DATA_PARTS; part++)
        for (int c = 0; c < check->class_count; c++)
            if (check->classes[c].there[part] && check->classes[c].count[part] == 0)
                check_add(check, check_class_path(check, (enum data_part)part, c), "no pictures");
}

/* Where nothing but train is there, a part of each class is split off. */
void check_class_small(struct check *check) {
    if (check->part[DATA_VAL] || check->part[DATA_TEST] || !check->part[DATA_TRAIN]) return;
    for (int c = 0; c < check->class_count; c++)
        if (check->classes[c].count[DATA_TRAIN] == 1)
            check_add(check, check_class_path(check, DATA_TRAIN, c), "1 picture; at least 2 are needed");
}

/* Names that are all whole numbers; sorted as words, 10 stands before 2. */
void check_class_order(struct check *check) {
    int64_t number, last = -1;
    int wrong = -1;
    for (int c = 0; c < check->class_count; c++) {
        if (!parse_i64(check->classes[c].name, &number) || number < 0) return;
        if (number < last && wrong < 0) wrong = c;
        last = number;
    }
    if (wrong > 0)
        check_add(check, check->classes[wrong].name, "is class %d of the sorted names, behind %s", wrong,
                  check->classes[wrong - 1].name);
}

/* The names as somebody sees them who is not careful. */
static void plain_name(const char *name, char plain[256]) {
    size_t length = 0;
    for (; *name && length < 255; name++)
        if (!strchr(" \t-_.", *name)) plain[length++] = (char)tolower((unsigned char)*name);
    plain[length] = '\0';
}

struct plain_class {
    char name[256];
    int class_index;
};

static int by_plain_name(const void *a, const void *b) {
    const struct plain_class *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : left->class_index - right->class_index;
}

void check_class_names(struct check *check) {
    struct plain_class *plain = arena_array(&check->arena, (size_t)check->class_count + 1, sizeof *plain);
    check->failed = check->failed || !plain;
    if (!plain || check->class_count == 0) return;
    for (int c = 0; c < check->class_count; c++) {
        plain_name(check->classes[c].name, plain[c].name);
        plain[c].class_index = c;
    }
    qsort(plain, (size_t)check->class_count, sizeof *plain, by_plain_name);
    for (int i = 1; i < check->class_count; i++)
        if (strcmp(plain[i].name, plain[i - 1].name) == 0)
            check_add(check, check->classes[plain[i].class_index].name, "reads like \"%s\"",
                      check->classes[plain[i - 1].class_index].name);
}

void check_imbalance(struct check *check) {
    enum { TIMES = 10 };
    int largest = 0;
    for (int c = 1; c < check->class_count; c++)
        if (check->classes[c].count[DATA_TRAIN] > check->classes[largest].count[DATA_TRAIN]) largest = c;
    for (int c = 0; c < check->class_count; c++) {
        uint32_t count = check->classes[c].count[DATA_TRAIN], most = check->classes[largest].count[DATA_TRAIN];
        if (count > 0 && (uint64_t)count * TIMES < most)
            check_add(check, check_class_path(check, DATA_TRAIN, c),
                      "%u picture%s, while \"%s\" has %u: %.0f times as many", count, count == 1 ? "" : "s",
                      check->classes[largest].name, most, (double)most / count);
    }
}
