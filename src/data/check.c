/* check.c — runs every check of checks.def over a dataset and keeps what they find.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/format.h"

static const struct check_row rows[] = {
#define CHECK(name, severity, what, remedy) {#name, severity, what, remedy, check_##name},
#include "data/checks.def"
#undef CHECK
};
enum { ROWS = sizeof rows / sizeof *rows };

const struct check_row *check_rows(size_t *count) {
    *count = ROWS;
    return rows;
}

const char *check_severity_name(enum check_severity severity) {
    static const char *const names[] = {"error", "warning", "note"};
    return names[severity];
}

const char *check_full_path(struct check *check, const char *path) {
    if (check->dataset || !path[0]) return path[0] ? path : check->path;
    return path_join(&check->arena, check->path, path);
}

const char *check_class_path(struct check *check, enum data_part part, int class_index) {
    const char *name = check->classes[class_index].name;
    const char *path = check->parts_named ? arena_printf(&check->arena, "%s/%s", data_part_name(part), name) : name;
    check->failed = check->failed || !path;
    return path ? path : name;
}

void check_add(struct check *check, const char *path, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct finding *findings = arena_grow(&check->arena, check->findings, &check->finding_capacity,
                                          check->finding_count + 1, sizeof *findings);
    struct finding finding = {check->row, check_full_path(check, path), arena_strdup(&check->arena, text)};
    if (findings) check->findings = findings;
    check->failed = check->failed || !findings || !finding.path || !finding.text;
    if (check->failed) return;
    check->findings[check->finding_count++] = finding;
    check->counts[check->row->severity]++;
}

void check_source(struct check *check) {
    if (check->refused) check_add(check, "", "%s", check->refused);
}

/* Sets whose pictures lie in one file: everything about the files is checked by opening them. */
static sk_status open_dataset(struct check *check) {
    struct data_options options = {.val_fraction = -1, .exif = EXIF_APPLY};
    sk_status status = dataset_open(&check->dataset, check->spec, &options);
    if (status == SK_EMEMORY) return status;
    if (status == SK_OK) return SK_OK;
    check->refused = arena_strdup(&check->arena, sk_error());
    return check->refused ? SK_OK : SK_EMEMORY;
}

sk_status check_run(struct check *check, const char *spec, const struct check_options *options) {
    const struct data_format *format;
    check->spec = spec;
    TRY(data_find(spec, &format, &check->path));
    if (format != &data_format_folder) TRY(open_dataset(check));
    if (!check->refused) {
        TRY(check_walk(check));
        TRY(check_examine(check, options));
        TRY(check_pair_up(check));
    }
    for (int i = 0; i < ROWS; i++) {
        check->row = &rows[i];
        if (!check->refused || rows[i].run == check_source) rows[i].run(check);
    }
    FAIL_IF(check->failed, SK_EMEMORY, "%s: no memory for what was found", spec);
    return SK_OK;
}

void check_free(struct check *check) {
    dataset_free(check->dataset);
    for (int m = 0; m < check->member_count; m++) arena_free(&check->member_arenas[m]);
    arena_free(&check->arena);
}
