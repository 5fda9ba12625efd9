/* test_pickle.c — the stack machine by itself: values, sharing, and its limits.
 *
 * Files that carry pickles are in test_pth.c. SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "files/pickle.h"

static struct pickle run(struct arena *arena, const char *bytes, size_t size) {
    struct pickle pickle;
    if (pickle_parse(arena, (const uint8_t *)bytes, size, "it", &pickle) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(pickle.used, size);
    return pickle;
}
#define RUN_ALL(arena, literal) run(arena, "\x80\x02" literal ".", sizeof("\x80\x02" literal ".") - 1)
#define RUN(arena, literal)     RUN_ALL(arena, literal).root

static void integers(void **state) {
    (void)state;
    struct arena a = {0};
    assert_int_equal(RUN(&a, "K\xff").integer, 255);
    assert_int_equal(RUN(&a, "M\xff\xff").integer, 65535);
    assert_int_equal(RUN(&a, "J\xff\xff\xff\xff").integer, -1);
    assert_int_equal(RUN(&a, "J\x00\x00\x00\x80").integer, INT32_MIN);
    assert_int_equal(RUN(&a, "J\xff\xff\xff\x7f").integer, INT32_MAX);
    assert_int_equal(RUN(&a, "\x8a\x00").integer, 0);
    assert_int_equal(RUN(&a, "\x8a\x01\xff").integer, -1);
    assert_int_equal(RUN(&a, "\x8a\x02\xff\x00").integer, 255);
    assert_int_equal(RUN(&a, "\x8a\x06\x00\x00\x00\x00\x00\xff").integer, -(1LL << 40));
    assert_true(RUN(&a, "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80").integer == INT64_MIN);
    assert_int_equal(RUN(&a, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f").kind, PICKLE_INT);
    arena_free(&a);
}

static void other_values(void **state) {
    (void)state;
    struct arena a = {0};
    assert_int_equal(RUN(&a, "N").kind, PICKLE_NONE);
    assert_true(RUN(&a, "\x88").boolean);
    struct pickle_value no = RUN(&a, "\x89");
    assert_true(no.kind == PICKLE_BOOL && !no.boolean);
    assert_true(RUN(&a, "G\xc0\x04\x00\x00\x00\x00\x00\x00").number == -2.5);
    struct pickle_value text = RUN(&a, "X\x03\x00\x00\x00"
                                       "a\xc3\xa9");
    assert_true(pickle_equal(&text, "a\xc3\xa9") && !pickle_equal(&text, "a") && !pickle_equal(&no, ""));
    struct pickle_value list = RUN(&a, "](K\x01(K\x02K\x03t)eK\x04\x85"
                                       "a");
    assert_int_equal(list.kind, PICKLE_LIST);
    assert_int_equal(list.items->count, 4);
    assert_int_equal(list.items->at[1].kind, PICKLE_TUPLE);
    assert_int_equal(list.items->at[1].items->at[1].integer, 3);
    assert_int_equal(list.items->at[2].items->count, 0);
    assert_int_equal(list.items->at[3].items->at[0].integer, 4);
    struct pickle_value dict = RUN(&a, "}X\x01\x00\x00\x00kK\x01sX\x01\x00\x00\x00kK\x02s(K\x05NU\x01jK\x06u");
    assert_int_equal(dict.items->count, 8);
    assert_int_equal(pickle_get(&dict, "k")->integer, 2); /* the later one, as Python has it */
    assert_int_equal(pickle_get(&dict, "j")->integer, 6);
    assert_null(pickle_get(&dict, "z"));
    assert_null(pickle_get(&list, "k"));
    assert_null(pickle_get(NULL, "k"));
    arena_free(&a);
}

/* A container fetched by its number is the same container: filled later, it is full everywhere. */
static void sharing(void **state) {
    (void)state;
    struct arena a = {0};
    struct pickle_value pair = RUN(&a, "}q\x00h\x00\x86q\x05h\x00X\x01\x00\x00\x00xK\x07s\x85"
                                       "j\x05\x00\x00\x00\x87");
    assert_int_equal(pair.items->count, 3);
    const struct pickle_value *first = &pair.items->at[0].items->at[0], *second = &pair.items->at[1].items->at[0];
    assert_ptr_equal(first->items, second->items);
    assert_int_equal(pickle_get(second, "x")->integer, 7);
    arena_free(&a);
}

static void calls(void **state) {
    (void)state;
    struct arena a = {0};
    struct pickle_value dict = RUN(&a, "ccollections\nOrderedDict\n)RX\x01\x00\x00\x00kNs}b");
    assert_int_equal(dict.kind, PICKLE_DICT);
    assert_int_equal(dict.items->count, 2);
    assert_int_equal(RUN(&a, "cargparse\nNamespace\n)\x81}(X\x01\x00\x00\x00kNub").kind, PICKLE_DICT);
    assert_int_equal(RUN(&a, "c__builtin__\nset\n](K\x01K\x02"
                             "e\x85R")
                         .items->count,
                     2);
    assert_int_equal(RUN(&a, "ctorch\nSize\nK\x01\x85\x85R").kind, PICKLE_TUPLE);
    assert_int_equal(RUN(&a, "ctorch\nfloat32\n").kind, PICKLE_GLOBAL);
    struct pickle tensor = RUN_ALL(&a, "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nHalfStorage\nU\x01"
                                       "7U\x03"
                                       "cpuK\x09tQK\x02K\x03\x85K\x01\x85\x89}tR");
    assert_int_equal(tensor.root.kind, PICKLE_TENSOR);
    assert_int_equal(tensor.storage_count, 1);
    const struct pickle_tensor *t = tensor.root.tensor;
    assert_ptr_equal(t->storage, tensor.storages[0]);
    assert_true(pickle_equal(&t->storage->key, "7"));
    assert_int_equal(t->storage->type->dtype, F16);
    assert_int_equal(t->storage->elements, 9);
    assert_int_equal(t->offset, 2);
    assert_int_equal(t->shape.dim[0], 3);
    assert_int_equal(t->stride[0], 1);
    arena_free(&a);
}

static void refuse(const void *bytes, size_t size, const char *sentence) {
    struct arena a = {0};
    struct pickle pickle;
    assert_int_equal(pickle_parse(&a, bytes, size, "it", &pickle), SK_EFORMAT);
    assert_string_equal(sk_error(), sentence);
    arena_free(&a);
}

static void refused(void **state) {
    (void)state;
    refuse("\x80\x02"
           "cos\nsystem\n.",
           13,
           "it at byte 2: the pickle asks for os.system, which a weight file has no use for; siskin runs no code from "
           "files");
    refuse("\x80\x02"
           "cbuiltins\nget\x1b[2Jattr\n.",
           25,
           "it at byte 2: the pickle asks for builtins.get?[2Jattr, which a weight file has no use for; siskin runs no "
           "code "
           "from files");
    refuse("K\x01.", 3, "it at byte 0: this is no pickle of protocol 2, which torch.save writes");
    refuse("", 0, "it at byte 0: the pickle ends in the middle of a value; the file is cut short");
}

/* A megabyte of values, then one too many; and a list that would need far more memory than its pickle. */
static void limits(void **state) {
    (void)state;
    enum { STACK = 1 << 20, SIZE = STACK + 8 };
    char *bytes = malloc(SIZE);
    memset(bytes, 'N', SIZE);
    memcpy(bytes, "\x80\x02", 2);
    refuse(bytes, SIZE, "it at byte 1048578: the pickle stacks more than 1048576 values");
    memset(bytes + 2, '}', SIZE - 2); /* } makes, b takes away: the stack stays low, the objects stay */
    size_t size = 2;
    bytes[size++] = '}';
    while (size < SIZE - 1) {
        bytes[size++] = '}';
        bytes[size++] = 'b';
    }
    bytes[size++] = '.';
    struct arena a = {0};
    struct pickle pickle;
    assert_int_equal(pickle_parse(&a, (uint8_t *)bytes, size, "it", &pickle), SK_OK);
    assert_true(a.bytes < 64u << 20);
    arena_free(&a);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(other_values), cmocka_unit_test(sharing),
        cmocka_unit_test(calls),    cmocka_unit_test(refused),      cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
