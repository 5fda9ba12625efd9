/* recipe_keys.c — the table that keys.def expands into, and looking a key up.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/recipe_keys.h"

#include <string.h>

/* Each type's range column, as designated members. */
#define RANGE_NUMBER(lowest, highest) .low = (lowest), .high = (highest)
#define RANGE_LIST(lowest, highest, least, greatest)                                                                   \
    .low = (lowest), .high = (highest), .fewest = (least), .most = (greatest)
#define RANGE_F64(range)       RANGE_NUMBER range
#define RANGE_I64(range)       RANGE_NUMBER range
#define RANGE_BOOL(range)      .low = 0
#define RANGE_TEXT(range)      .low = 0
#define RANGE_F64S(range)      RANGE_LIST range
#define RANGE_I64S(range)      RANGE_LIST range
#define RANGE_TEXTS(range)     RANGE_LIST range
#define WORD(enumerator, word) #word,
#define RANGE_CHOICE(list)                                                                                             \
    .words = (const char *const[]){RECIPE_STRIP list},                                                                 \
    .word_count = sizeof((const char *const[]){RECIPE_STRIP list}) / sizeof(char *)

#define KEY(type_, name_, field, preset_, range, help_)                                                                \
    [RECIPE_##field] = {.name = #name_,                                                                                \
                        .preset = preset_,                                                                             \
                        .help = help_,                                                                                 \
                        .type = RECIPE_##type_,                                                                        \
                        .offset = offsetof(struct recipe, field),                                                      \
                        RANGE_##type_(range)},
const struct recipe_key recipe_keys[RECIPE_KEYS] = {
#include "files/keys.def"
};
#undef KEY
#undef WORD

int recipe_find_key(const char *name) {
    for (int i = 0; i < RECIPE_KEYS; i++) {
        if (recipe_keys[i].name[0] == name[0] && !strcmp(recipe_keys[i].name, name)) return i;
    }
    return -1;
}

bool recipe_is_group(const char *name) {
    size_t length = strlen(name);
    for (int i = 0; i < RECIPE_KEYS; i++) {
        if (!strncmp(recipe_keys[i].name, name, length) && recipe_keys[i].name[length] == '.') return true;
    }
    return false;
}

/* Keys that end in ".name": the group was forgotten. Returns how many; the first two in found[]. */
static int keys_ending_in(const char *name, const char *found[2]) {
    int count = 0;
    size_t length = strlen(name);
    for (int i = 0; i < RECIPE_KEYS; i++) {
        size_t whole = strlen(recipe_keys[i].name);
        if (whole <= length + 1 || recipe_keys[i].name[whole - length - 1] != '.') continue;
        if (strcmp(recipe_keys[i].name + whole - length, name) != 0) continue;
        if (count < 2) found[count] = recipe_keys[i].name;
        count++;
    }
    return count;
}

sk_status recipe_unknown_key(const char *name) {
    char shown[128];
    printable(name, strlen(name), shown, sizeof shown);
    FAIL_IF(recipe_is_group(name), SK_EUSAGE, "'%s' is a group of keys and takes no value of its own", shown);
    const char *found[2], *words[RECIPE_KEYS];
    int ending = keys_ending_in(name, found);
    FAIL_IF(ending == 1, SK_EUSAGE, "unknown key '%s'; did you mean '%s'?", shown, found[0]);
    FAIL_IF(ending > 1, SK_EUSAGE, "unknown key '%s'; did you mean '%s' or '%s'?", shown, found[0], found[1]);
    for (int i = 0; i < RECIPE_KEYS; i++) words[i] = recipe_keys[i].name;
    const char *near = nearest_word(name, words, RECIPE_KEYS);
    FAIL_IF(near, SK_EUSAGE, "unknown key '%s'; did you mean '%s'?", shown, near);
    return status_fail(SK_EUSAGE, "unknown key '%s'; docs/recipes.md lists them all", shown);
}

const char *recipe_key_name(enum recipe_key_id id) {
    return recipe_keys[id].name;
}

const char *recipe_key_help(enum recipe_key_id id) {
    return recipe_keys[id].help;
}

const char *recipe_word(enum recipe_key_id id, int value) {
    return recipe_keys[id].words[value];
}
