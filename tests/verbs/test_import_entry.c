/* test_import_entry.c — a published file is known by its SHA-256, whatever it is called; a false name is told.
 *
 * The stand-in is one line of text whose digest begins with the digits of a published file: found by trying 53 million.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "verbs/import_entry.h"
#include "ok.h"

static const char STAND_IN[] = "siskin's stand-in for published weights, number 53237706\n";
static const char FOLDER[] = SCRATCH "/import-entry";
#define ANY     SCRATCH "/import-entry/anything.pth"
#define FALSE   SCRATCH "/import-entry/mobilenet_v2-b0353104.pth"
#define UNKNOWN SCRATCH "/import-entry/unknown.pth"

static int write_files(void **state) {
    (void)state;
    ok(folder_make(FOLDER));
    ok(file_replace(ANY, STAND_IN, sizeof STAND_IN - 1));
    ok(file_replace(FALSE, STAND_IN, sizeof STAND_IN - 1));
    ok(file_replace(UNKNOWN, "something else", 14));
    return 0;
}

/* What import finds for a file and two options (NULL: not given). */
static sk_status find(const char *path, const char *model, const char *entry, struct import_entry *found) {
    const char *argv[8] = {"import", path, "-o", "out.safetensors"};
    int argc = 4;
    struct call call = {.arguments = NULL};
    if (model) argv[argc++] = "--model", argv[argc++] = model;
    if (entry) argv[argc++] = "--entry", argv[argc++] = entry;
    ok(call_parse(&call, argc, argv));
    sk_status status = import_entry_find(&call, path, found);
    arena_free(&call.arena);
    return status;
}

static void fails(const char *path, const char *model, const char *entry, sk_status want, const char *says) {
    struct import_entry found;
    assert_int_equal(find(path, model, entry, &found), want);
    if (!strstr(sk_error(), says)) fail_msg("\"%s\" does not say \"%s\"", sk_error(), says);
}

static void by_digest(void **state) {
    (void)state;
    struct import_entry found;
    ok(find(ANY, NULL, NULL, &found));
    assert_true(found.entry && found.recognised);
    assert_string_equal(found.entry->model, "resnet34");
    assert_string_equal(found.entry->entry, "resnet34.a1_in1k");
    assert_memory_equal(found.sha256, "46f8f793", 8);
    ok(find(ANY, "resnet34", NULL, &found));
    ok(find(ANY, NULL, "resnet34.a1_in1k", &found));
    assert_true(found.recognised);
    fails(ANY, "vgg16", NULL, SK_EUSAGE, "holds a resnet34");
    fails(ANY, "resnet34", "IMAGENET1K_V9", SK_EUSAGE, "says that it is resnet34.a1_in1k");
}

static void false_names(void **state) {
    (void)state;
    fails(FALSE, NULL, NULL, SK_EFORMAT, "begins with b0353104, but its own begins with 46f8f793");
    fails(SCRATCH "/import-entry/nothing.pth", NULL, NULL, SK_EIO, "nothing.pth");
}

static void by_name(void **state) {
    (void)state;
    struct import_entry found;
    ok(find(UNKNOWN, "mobilenet_v2", NULL, &found));
    assert_null(found.entry);
    ok(find(UNKNOWN, "resnet50", "IMAGENET1K_V2", &found));
    assert_true(found.entry == published_by_entry("resnet50", "IMAGENET1K_V2") && !found.recognised);
    ok(find(UNKNOWN, NULL, "tf_efficientnet_b0.ns_jft_in1k", &found));
    assert_string_equal(found.entry->model, "efficientnet_b0");
    ok(find(UNKNOWN, "tf_efficientnet_b0", "tf_efficientnet_b0.ns_jft_in1k", &found));
    fails(UNKNOWN, "tf_efficientnet_b1", "tf_efficientnet_b0.ns_jft_in1k", SK_EUSAGE, "holds a efficientnet_b0");
    fails(UNKNOWN, NULL, "IMAGENET1K_V1", SK_EUSAGE, "--model");
    fails(UNKNOWN, "resnet50", "IMAGENET1K_V9", SK_EUSAGE, "no published weights of resnet50");
    fails(UNKNOWN, "resnet18", "IMAGENET1K_V2", SK_EUSAGE, "no published weights of resnet18");
}

/* What the model file will say of its origin. */
static void provenance(void **state) {
    (void)state;
    struct arena arena = {0};
    struct import_entry found;
    ok(find(ANY, NULL, NULL, &found));
    const char *text = import_entry_provenance(&arena, &found, ANY);
    assert_true(strstr(text, "timm resnet34.a1_in1k, known by its digest") && strstr(text, found.sha256));
    assert_true(strstr(text, "Apache-2.0") && !strstr(text, "acc@1"));
    ok(find(UNKNOWN, "resnet50", "IMAGENET1K_V2", &found));
    text = import_entry_provenance(&arena, &found, UNKNOWN);
    assert_true(strstr(text, "torchvision IMAGENET1K_V2, as it was named") &&
                strstr(text, "acc@1 80.858, acc@5 95.434"));
    ok(find(UNKNOWN, "mobilenet_v2", NULL, &found));
    text = import_entry_provenance(&arena, &found, UNKNOWN);
    assert_true(strstr(text, "imported from unknown.pth") && strstr(text, found.sha256));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_digest), cmocka_unit_test(false_names),
                                       cmocka_unit_test(by_name), cmocka_unit_test(provenance)};
    return cmocka_run_group_tests(tests, write_files, NULL);
}
