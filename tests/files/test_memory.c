/* test_memory.c — every reader and writer with each of its allocations failing in turn.
 *
 * This test fails allocations. SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/keras_h5.h"
#include "files/msgpack.h"
#include "files/npy.h"
#include "files/pth.h"
#include "shim/failing.h"

struct job {
    sk_status (*run)(struct arena *arena, const struct bytes *bytes);
    const char *fixture;
};

static sk_status read_safetensors(struct arena *arena, const struct bytes *bytes) {
    struct weights w;
    return safetensors_parse(arena, bytes->data, bytes->size, "it", &w);
}

static sk_status read_pth(struct arena *arena, const struct bytes *bytes) {
    struct weights w;
    return pth_parse(arena, bytes->data, bytes->size, "it", NULL, &w);
}

static sk_status read_msgpack(struct arena *arena, const struct bytes *bytes) {
    struct weights w;
    return msgpack_parse(arena, bytes->data, bytes->size, "it", &w);
}

/* Through the helper, whose own allocations are its own. */
static sk_status read_h5(struct arena *arena, const struct bytes *bytes) {
    (void)bytes;
    struct weights w;
    char *path = arena_printf(arena, "%s/files/good/keras2.h5", FIXTURES);
    sk_status status = path ? weights_open(arena, path, NULL, &w) : SK_EMEMORY;
    if (path) weights_close(&w);
    return status;
}

static sk_status read_npy(struct arena *arena, const struct bytes *bytes) {
    struct tensor tensor;
    return npy_parse(arena, bytes->data, bytes->size, "it", &tensor);
}

static sk_status write_all(struct arena *arena, const struct bytes *bytes) {
    struct weights w;
    uint8_t *out;
    size_t size;
    TRY(pth_parse(arena, bytes->data, bytes->size, "it", NULL, &w));
    TRY(safetensors_encode(arena, &w, &out, &size));
    TRY(pth_encode(arena, &w, &out, &size));
    TRY(npy_encode(arena, &w.tensors[0], &out, &size));
    char *path = arena_printf(arena, "%s/test_memory.pth", SCRATCH);
    if (!path) return SK_EMEMORY;
    TRY(weights_save(path, &w));
    path = arena_printf(arena, "%s/test_memory.safetensors", SCRATCH);
    if (!path) return SK_EMEMORY;
    TRY(weights_save(path, &w));
    struct weights again;
    sk_status status = weights_open(arena, path, NULL, &again);
    weights_close(&again);
    return status;
}

static void each_allocation_fails(void **state) {
    (void)state;
    setenv("SISKIN_H5", SISKIN_H5_PROGRAM, 1);
    static const struct job jobs[] = {
        {read_safetensors, "types.safetensors"},
        {read_safetensors, "misaligned.safetensors"},
        {read_pth, "types.pth"},
        {read_pth, "types_legacy.pth"},
        {read_pth, "checkpoint.pth"},
        {read_msgpack, "flax.msgpack"},
        {read_msgpack, "flax_chunks.msgpack"},
        {read_h5, "keras2.h5"},
        {read_npy, "fortran.npy"},
        {write_all, "types.pth"},
    };
    for (size_t j = 0; j < sizeof jobs / sizeof jobs[0]; j++) {
        struct bytes bytes = fixture("good", jobs[j].fixture);
        long n = 1;
        for (;; n++) {
            struct arena arena = {0};
            status_clear();
            fail_allocation(n);
            sk_status status = jobs[j].run(&arena, &bytes);
            bool failed = allocation_failed();
            fail_allocation(0);
            arena_free(&arena);
            if (!failed) {
                if (status != SK_OK) fail_msg("%s: %s", jobs[j].fixture, sk_error());
                break;
            }
            if (status != SK_EMEMORY)
                fail_msg("%s, allocation %ld: status %d, %s", jobs[j].fixture, n, status, sk_error());
            assert_non_null(strstr(sk_error(), "memory"));
        }
        assert_true(n > 1);
        free(bytes.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
