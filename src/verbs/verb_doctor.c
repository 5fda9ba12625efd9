/* verb_doctor.c — siskin doctor: the machine, and whether a model file is what was saved.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/team.h"
#include "train/model_file.h"
#include "verbs/model_arg.h"
#include "verbs/recipe_arg.h"

const struct option options_doctor[] = {{0}};

static const double GOLDEN_TOLERANCE = 1e-4;

static sk_status machine(struct call *call) {
    struct json_writer *w = &call->json;
    enum isa isa;
    int threads;
    TRY(cpu_isa(&isa));
    TRY(call_threads(call, &threads));
    struct cpu_caches caches = cpu_caches();
    jw_string(w, "version", sk_version());
    jw_string(w, "cpu", cpu_model_name());
    jw_integer(w, "cores", cpu_cores());
    jw_integer(w, "threads", threads);
    jw_string(w, "level", cpu_isa_name(isa));
    jw_array(w, "levels");
    char levels[64] = "";
    for (int i = 0; i < ISA_COUNT; i++) {
        if (!cpu_has_isa((enum isa)i) || !kernels_of((enum isa)i)) continue;
        jw_string(w, NULL, cpu_isa_name((enum isa)i));
        snprintf(levels + strlen(levels), sizeof levels - strlen(levels), " %s", cpu_isa_name((enum isa)i));
    }
    jw_end_array(w);
    call_result(call, "siskin %s", sk_version());
    call_result(call, "cpu      %s, %d cores, caches %ld KiB L1, %ld KiB L2, %ld MiB L3", cpu_model_name(), cpu_cores(),
                caches.l1d / 1024, caches.l2 / 1024, caches.l3 / (1024 * 1024));
    call_result(call, "level    %s (here:%s; SISKIN_ISA forces another)", cpu_isa_name(isa), levels);
    call_result(call, "threads  %d", threads);
    const char *recipes = recipe_folder(&call->arena);
    jw_string(w, "recipes", recipes);
    call_result(call, "recipes  %s", recipes ? recipes : "no folder of recipes found; set SISKIN_RECIPES");
    return SK_OK;
}

static sk_status check_model(struct call *call, const char *path) {
    struct team *team = NULL;
    struct model_check found = {.difference = 0};
    int threads;
    TRY(call_threads(call, &threads));
    FAIL_IF(!model_is_file(path), SK_EUSAGE, "doctor checks a model file, and %s is an architecture's name", path);
    TRY(team_new(&team, threads));
    sk_status status = model_file_check(path, team, &found);
    team_free(team);
    TRY(status);
    jw_string(&call->json, "model", path);
    jw_number(&call->json, "difference", found.difference);
    jw_bool(&call->json, "sound", found.difference <= GOLDEN_TOLERANCE);
    FAIL_IF(!(found.difference <= GOLDEN_TOLERANCE), SK_EGATE,
            "%s gives logits that differ by %.3g of the largest from those it was saved with; at most %g is accepted",
            path, found.difference, GOLDEN_TOLERANCE);
    call_result(call, "model    %s: a %s, no bit changed, that gives its golden logits within %.2g of the largest",
                path, found.model, found.difference);
    return SK_OK;
}

sk_status verb_doctor(struct call *call) {
    TRY(machine(call));
    return call->argument_count ? check_model(call, call->arguments[0]) : SK_OK;
}
