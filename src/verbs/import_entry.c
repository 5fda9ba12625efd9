/* import_entry.c — recognising published weight files by their digest.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/import_entry.h"

#include <string.h>

#include "base/file.h"

static sk_status hash_file(const char *path, char text[SHA256_TEXT]) {
    struct file_bytes bytes;
    struct sha256 hash;
    TRY(file_map(path, &bytes));
    sha256_begin(&hash);
    sha256_add(&hash, bytes.data, bytes.size);
    sha256_end(&hash, text);
    file_unmap(&bytes);
    return SK_OK;
}

/* --model may be the network's name, timm's, or timm's with its tag. */
static bool names_entry(const char *model, const struct published *entry) {
    size_t length = strlen(model);
    return strcmp(model, entry->model) == 0 ||
           (strncmp(model, entry->entry, length) == 0 && (entry->entry[length] == '.' || entry->entry[length] == '\0'));
}

/* timm's entries have names of their own; "IMAGENET1K_V1" is one of many networks'. */
static sk_status entry_named(const char *model, const char *name, const struct published **entry) {
    const struct published *own = published_by_entry(model, name), *any = published_by_entry(NULL, name);
    *entry = own;
    if (!own && any && strcmp(any->source, "torchvision") != 0) *entry = any;
    FAIL_IF(!*entry, SK_EUSAGE, "--entry %s: no published weights%s%s are called so; `siskin models NAME` lists them",
            name, model ? " of " : "", model ? model : "");
    FAIL_IF(!model && strcmp(any->source, "torchvision") == 0, SK_EUSAGE,
            "--entry %s: several networks have one of that name; say with --model which", name);
    return SK_OK;
}

sk_status import_entry_find(const struct call *call, const char *path, struct import_entry *found) {
    const char *model = call_option(call, "model"), *named = call_option(call, "entry");
    char digest[PUBLISHED_DIGITS + 1];
    *found = (struct import_entry){.entry = NULL};
    TRY(hash_file(path, found->sha256));
    found->entry = published_by_digest(found->sha256);
    found->recognised = found->entry != NULL;
    const struct published *called = published_by_file(path_base(path));
    FAIL_IF(called && called != found->entry && published_digest(called, digest), SK_EFORMAT,
            "%s is called like a file of %s whose SHA-256 begins with %s, but its own begins with %.8s: a damaged "
            "download? Fetch it again; if it is something else, give it another name",
            path, called->source, digest, found->sha256);
    if (named && !found->entry) TRY(entry_named(model, named, &found->entry));
    const struct published *e = found->entry;
    FAIL_IF(e && named && strcmp(named, e->entry) != 0, SK_EUSAGE, "--entry %s: the file's SHA-256 says that it is %s",
            named, e->entry);
    FAIL_IF(e && model && !names_entry(model, e), SK_EUSAGE, "--model %s: %s holds a %s (%s %s)", model, path, e->model,
            e->source, e->entry);
    return SK_OK;
}

sk_status import_entry_classes(const struct published *entry, struct network *network) {
    int64_t blank = network->args.num_classes - IMAGENET_CLASSES;
    if (!entry || blank < 0 || blank > 1) return SK_OK;
    network->classes = arena_array(&network->arena, IMAGENET_CLASSES + 1, sizeof *network->classes);
    if (!network->classes) return SK_EMEMORY;
    network->classes[0] = "background"; /* TF's */
    memcpy((void *)(network->classes + blank), (const void *)imagenet_class_names(),
           IMAGENET_CLASSES * sizeof *network->classes);
    return SK_OK;
}

const char *import_entry_provenance(struct arena *arena, const struct import_entry *found, const char *path) {
    const struct published *e = found->entry;
    if (!e)
        return arena_printf(arena, "imported from %s (SHA-256 %s) by siskin %s", path_base(path), found->sha256,
                            sk_version());
    const char *measured =
        e->acc1 > 0 ? arena_printf(arena, "; published accuracy: acc@1 %.3f, acc@5 %.3f", e->acc1, e->acc5) : "";
    if (!measured) return NULL;
    return arena_printf(arena, "%s %s, %s (SHA-256 %s), imported by siskin %s; %s%s", e->source, e->entry,
                        found->recognised ? "known by its digest" : "as it was named", found->sha256, sk_version(),
                        e->licence, measured);
}

void import_entry_say(struct call *call, const struct import_entry *found, const struct network *network) {
    const struct published *e = found->entry;
    struct json_writer *w = &call->json;
    jw_string(w, "sha256", found->sha256);
    if (!e) {
        call_note(
            call,
            "%s is no published file that this siskin knows: assumed are a %s with its defaults, the preprocessing "
            "below%s; --entry, model.*, preprocess.* and --classes say otherwise",
            call->arguments[0], network->args.name, network->classes ? "" : ", and no class names");
        call_note(call, "preprocessing: %s", network->preprocess);
        return;
    }
    jw_string(w, "source", e->source);
    jw_string(w, "entry", e->entry);
    jw_bool(w, "recognised", found->recognised);
    jw_string(w, "licence", e->licence);
    if (e->acc1 > 0) {
        jw_number(w, "acc@1", e->acc1);
        jw_number(w, "acc@5", e->acc5);
    }
    call_result(call, "%s: %s %s, %s", path_base(call->arguments[0]), e->source, e->entry,
                found->recognised ? "by its SHA-256" : "as it was named");
    if (e->acc1 > 0) call_result(call, "published accuracy: acc@1 %.3f, acc@5 %.3f", e->acc1, e->acc5);
    call_result(call, "resize %d%s, crop %d, %s; ImageNet's %d classes; %s", e->resize, e->squash ? " both sides" : "",
                e->crop, e->filter, IMAGENET_CLASSES, e->licence);
}
