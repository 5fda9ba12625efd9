/* family_case.h — one case of a fixture of tests/golden/make_models.py: arguments, graph, the truth to compare with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_FAMILY_CASE_H
#define SK_TEST_FAMILY_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/team.h"
#include "models/network.h"
#include "ok.h"
#include "plan/formula.h"

/* The cases of fixtures/golden/<name>. */
static inline const struct json *family_cases(struct arena *arena, const char *name) {
    uint8_t *bytes;
    size_t size;
    struct json *json;
    ok(file_read(arena, arena_printf(arena, "%s/golden/%s", FIXTURES, name), 1 << 24, &bytes, &size));
    ok(json_parse(arena, (const char *)bytes, size, name, &json));
    return json_get(json, "cases")->child;
}

static inline struct model_args family_args(const struct json *item) {
    struct model_args args;
    ok(model_args_read(json_get(item, "args"), "the fixture", &args));
    args.height = args.width = json_integer(item, "size", 0);
    return args;
}

/* Should a case be run? The long ones only where SISKIN_LONG is set. */
static inline bool family_wanted(const struct json *item) {
    return !json_boolean(item, "long", false) || getenv("SISKIN_LONG");
}

/* Do f(user) at each level of this machine. */
static inline void at_each_level(void (*f)(void *user), void *user) {
    const char *wish = getenv("SISKIN_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", wish ? wish : "");
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (*kept && strcmp(kept, cpu_isa_name((enum isa)isa)) != 0) continue;
        if (!cpu_has_isa((enum isa)isa) || !kernels_of((enum isa)isa)) {
            print_message("%s: not run here\n", cpu_isa_name((enum isa)isa));
            continue;
        }
        setenv("SISKIN_ISA", cpu_isa_name((enum isa)isa), 1);
        f(user);
    }
    if (*kept)
        setenv("SISKIN_ISA", kept, 1);
    else
        unsetenv("SISKIN_ISA");
}

#endif
