/* pickle.c — the stack machine: one small function an opcode, a table, a bounded loop.
 *
 * Every value is 16 bytes on an explicit stack; containers live in the arena. No recursion. Limits: 256 MiB
 * of pickle, a stack of 2^20 values, 1,000 open marks, 2^24 items in containers, memo numbers below the number of
 * opcodes seen. SPDX-License-Identifier: Apache-2.0 */
#include "files/pickle.h"

#include <string.h>

#include "base/text.h"

enum {
    PICKLE_MAX = 256 << 20,
    STACK_MAX = 1 << 20,
    MARKS_MAX = 1000,
    ITEMS_MAX = 1 << 24,
    OBJECT_ITEMS = 16, /* what a storage or a tensor counts for */
    LINE_MAX_BYTES = 256,
};

struct machine {
    struct arena *arena;
    const uint8_t *bytes;
    size_t size, at;
    struct pickle_value *stack, *memo;
    bool *known; /* memo[i] was set */
    size_t height, stack_capacity, memo_count, memo_capacity, known_capacity;
    size_t marks[MARKS_MAX], mark_count;
    size_t opcodes, items; /* seen; stored in containers so far */
    bool stopped;
    struct pickle *out;
};

static sk_status take(struct machine *m, size_t count, const uint8_t **bytes) {
    FAIL_IF(count > m->size - m->at, SK_EFORMAT, "the pickle ends in the middle of a value; the file is cut short");
    *bytes = m->bytes + m->at;
    m->at += count;
    return SK_OK;
}

/* A little-endian number of 1 to 8 bytes. */
static sk_status take_number(struct machine *m, size_t count, uint64_t *value) {
    const uint8_t *bytes = NULL;
    TRY(take(m, count, &bytes));
    *value = 0;
    for (size_t i = count; i > 0; i--) *value = *value << 8 | bytes[i - 1];
    return SK_OK;
}

static sk_status push(struct machine *m, struct pickle_value value) {
    FAIL_IF(m->height >= STACK_MAX, SK_EFORMAT, "the pickle stacks more than %d values", STACK_MAX);
    struct pickle_value *stack = arena_grow(m->arena, m->stack, &m->stack_capacity, m->height + 1, sizeof *stack);
    if (!stack) return SK_EMEMORY;
    m->stack = stack;
    stack[m->height++] = value;
    return SK_OK;
}

static size_t floor_height(const struct machine *m) {
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

static sk_status need(const struct machine *m, size_t count) {
    FAIL_IF(m->height - floor_height(m) < count, SK_EFORMAT, "the pickle uses a value that it never made");
    return SK_OK;
}

static sk_status pop(struct machine *m, struct pickle_value *value) {
    TRY(need(m, 1));
    *value = m->stack[--m->height];
    return SK_OK;
}

/* The value below `above` others, which must be of a kind. */
static sk_status peek(const struct machine *m, size_t above, enum pickle_kind kind, struct pickle_value **value) {
    TRY(need(m, above + 1));
    *value = &m->stack[m->height - above - 1];
    FAIL_IF((*value)->kind != kind, SK_EFORMAT, "the pickle takes %s for %s", pickle_kind_name((*value)->kind),
            pickle_kind_name(kind));
    return SK_OK;
}

/* So that a small file cannot ask for much memory. */
static sk_status count_items(struct machine *m, size_t count) {
    m->items += count;
    FAIL_IF(m->items > ITEMS_MAX, SK_EFORMAT, "the pickle stores more than %d items", ITEMS_MAX);
    return SK_OK;
}

/* Move the top `count` values into a container. */
static sk_status move_items(struct machine *m, struct pickle_items *items, size_t count) {
    TRY(count_items(m, count));
    if (count == 0) return SK_OK;
    struct pickle_value *at = arena_grow(m->arena, items->at, &items->capacity, items->count + count, sizeof *at);
    if (!at) return SK_EMEMORY;
    items->at = at;
    m->height -= count;
    memcpy(at + items->count, m->stack + m->height, count * sizeof *at);
    items->count += count;
    return SK_OK;
}

/* Replace the top `count` values by one container of them. */
static sk_status make_items(struct machine *m, enum pickle_kind kind, size_t count) {
    TRY(need(m, count));
    TRY(count_items(m, 1)); /* empty ones too */
    struct pickle_value value = {.kind = kind};
    value.items = arena_alloc(m->arena, sizeof *value.items);
    if (!value.items) return SK_EMEMORY;
    TRY(move_items(m, value.items, count));
    return push(m, value);
}

/* Close the innermost mark; `count` values stand above it. */
static sk_status close_mark(struct machine *m, size_t *count) {
    FAIL_IF(m->mark_count == 0, SK_EFORMAT, "the pickle ends a group that it never began");
    *count = m->height - m->marks[--m->mark_count];
    return SK_OK;
}

static sk_status do_proto(struct machine *m) {
    uint64_t version = 0;
    TRY(take_number(m, 1, &version));
    FAIL_IF(version != 2, SK_EFORMAT, "the pickle is of protocol %d, but torch.save writes protocol 2", (int)version);
    return SK_OK;
}

static sk_status take_line(struct machine *m, char line[LINE_MAX_BYTES]) {
    const uint8_t *start = m->bytes + m->at;
    size_t left = m->size - m->at;
    const uint8_t *end = memchr(start, '\n', left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES);
    FAIL_IF(!end, SK_EFORMAT, "the name of a Python object is cut short or longer than %d bytes", LINE_MAX_BYTES - 1);
    size_t length = (size_t)(end - start);
    FAIL_IF(memchr(start, 0, length), SK_EFORMAT, "the name of a Python object has a zero byte in it");
    memcpy(line, start, length);
    line[length] = 0;
    m->at += length + 1;
    return SK_OK;
}

static sk_status do_global(struct machine *m) {
    char module[LINE_MAX_BYTES], name[LINE_MAX_BYTES];
    TRY(take_line(m, module));
    TRY(take_line(m, name));
    struct pickle_value value = {.kind = PICKLE_GLOBAL};
    TRY(pickle_find_global(module, name, &value.global));
    return push(m, value);
}

static sk_status memo_put(struct machine *m, size_t number_bytes) {
    uint64_t number = 0;
    TRY(take_number(m, number_bytes, &number));
    TRY(need(m, 1));
    FAIL_IF(number >= m->opcodes, SK_EFORMAT, "the pickle numbers value %llu after only %zu steps",
            (unsigned long long)number, m->opcodes);
    size_t want = (size_t)number + 1;
    struct pickle_value *memo = arena_grow(m->arena, m->memo, &m->memo_capacity, want, sizeof *memo);
    bool *known = arena_grow(m->arena, m->known, &m->known_capacity, want, sizeof *known);
    if (!memo || !known) return SK_EMEMORY;
    m->memo = memo;
    m->known = known;
    for (; m->memo_count < want; m->memo_count++) known[m->memo_count] = false;
    memo[number] = m->stack[m->height - 1];
    known[number] = true;
    return SK_OK;
}
static sk_status do_binput(struct machine *m) {
    return memo_put(m, 1);
}
static sk_status do_long_binput(struct machine *m) {
    return memo_put(m, 4);
}

static sk_status memo_get(struct machine *m, size_t number_bytes) {
    uint64_t number = 0;
    TRY(take_number(m, number_bytes, &number));
    FAIL_IF(number >= m->memo_count || !m->known[number], SK_EFORMAT,
            "the pickle asks for value %llu, which it never numbered", (unsigned long long)number);
    return push(m, m->memo[number]);
}
static sk_status do_binget(struct machine *m) {
    return memo_get(m, 1);
}
static sk_status do_long_binget(struct machine *m) {
    return memo_get(m, 4);
}

static sk_status do_mark(struct machine *m) {
    FAIL_IF(m->mark_count == MARKS_MAX, SK_EFORMAT, "the pickle nests deeper than %d groups", MARKS_MAX);
    m->marks[m->mark_count++] = m->height;
    return SK_OK;
}

static sk_status do_empty_tuple(struct machine *m) {
    return make_items(m, PICKLE_TUPLE, 0);
}
static sk_status do_empty_list(struct machine *m) {
    return make_items(m, PICKLE_LIST, 0);
}
static sk_status do_empty_dict(struct machine *m) {
    return make_items(m, PICKLE_DICT, 0);
}
static sk_status do_tuple1(struct machine *m) {
    return make_items(m, PICKLE_TUPLE, 1);
}
static sk_status do_tuple2(struct machine *m) {
    return make_items(m, PICKLE_TUPLE, 2);
}
static sk_status do_tuple3(struct machine *m) {
    return make_items(m, PICKLE_TUPLE, 3);
}

static sk_status do_tuple(struct machine *m) {
    size_t count = 0;
    TRY(close_mark(m, &count));
    return make_items(m, PICKLE_TUPLE, count);
}

static sk_status do_string(struct machine *m, size_t length_bytes) {
    uint64_t length;
    const uint8_t *bytes = NULL;
    TRY(take_number(m, length_bytes, &length));
    TRY(take(m, (size_t)length, &bytes));
    FAIL_IF(!utf8_valid((const char *)bytes, (size_t)length), SK_EFORMAT, "a string is not valid UTF-8");
    return push(
        m, (struct pickle_value){.kind = PICKLE_STRING, .length = (uint32_t)length, .string = (const char *)bytes});
}
static sk_status do_binunicode(struct machine *m) {
    return do_string(m, 4);
}
static sk_status do_short_binstring(struct machine *m) {
    return do_string(m, 1);
}

static sk_status push_integer(struct machine *m, int64_t integer) {
    return push(m, (struct pickle_value){.kind = PICKLE_INT, .integer = integer});
}

static sk_status do_binint(struct machine *m) {
    uint64_t bits = 0;
    TRY(take_number(m, 4, &bits));
    return push_integer(m, bits < 0x80000000u ? (int64_t)bits : (int64_t)bits - 0x100000000);
}

static sk_status do_binint1(struct machine *m) {
    uint64_t bits = 0;
    TRY(take_number(m, 1, &bits));
    return push_integer(m, (int64_t)bits);
}

static sk_status do_binint2(struct machine *m) {
    uint64_t bits = 0;
    TRY(take_number(m, 2, &bits));
    return push_integer(m, (int64_t)bits);
}

/* Two's complement, little-endian, of any length; ours to 8 bytes. */
static sk_status do_long1(struct machine *m) {
    uint64_t length = 0, bits = 0;
    TRY(take_number(m, 1, &length));
    FAIL_IF(length > 8, SK_EFORMAT, "a whole number has %d bytes, but siskin reads up to 8", (int)length);
    TRY(take_number(m, (size_t)length, &bits));
    if (length > 0 && length < 8 && bits >> (8 * length - 1)) bits |= UINT64_MAX << (8 * length);
    int64_t integer;
    memcpy(&integer, &bits, sizeof integer);
    return push_integer(m, integer);
}

/* The one big-endian thing in a pickle. */
static sk_status do_binfloat(struct machine *m) {
    const uint8_t *bytes = NULL;
    TRY(take(m, 8, &bytes));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
    struct pickle_value value = {.kind = PICKLE_DOUBLE};
    memcpy(&value.number, &bits, sizeof value.number);
    return push(m, value);
}

static sk_status do_none(struct machine *m) {
    return push(m, (struct pickle_value){.kind = PICKLE_NONE});
}
static sk_status do_true(struct machine *m) {
    return push(m, (struct pickle_value){.kind = PICKLE_BOOL, .boolean = true});
}
static sk_status do_false(struct machine *m) {
    return push(m, (struct pickle_value){.kind = PICKLE_BOOL});
}

static sk_status do_binpersid(struct machine *m) {
    struct pickle_value id;
    struct pickle_storage *storage;
    struct pickle *out = m->out;
    TRY(count_items(m, OBJECT_ITEMS));
    TRY(pop(m, &id));
    TRY(pickle_read_storage(m->arena, &id, &storage));
    struct pickle_storage **all =
        arena_grow(m->arena, out->storages, &out->storage_capacity, out->storage_count + 1, sizeof *all);
    if (!all) return SK_EMEMORY;
    out->storages = all;
    all[out->storage_count++] = storage;
    return push(m, (struct pickle_value){.kind = PICKLE_STORAGE, .storage = storage});
}

static sk_status do_setitem(struct machine *m) {
    struct pickle_value *dict;
    TRY(peek(m, 2, PICKLE_DICT, &dict));
    return move_items(m, dict->items, 2);
}

static sk_status do_setitems(struct machine *m) {
    size_t count = 0;
    struct pickle_value *dict;
    TRY(close_mark(m, &count));
    FAIL_IF(count % 2 != 0, SK_EFORMAT, "a dict has a key without a value");
    TRY(peek(m, count, PICKLE_DICT, &dict));
    return move_items(m, dict->items, count);
}

static sk_status do_append(struct machine *m) {
    struct pickle_value *list;
    TRY(peek(m, 1, PICKLE_LIST, &list));
    return move_items(m, list->items, 1);
}

static sk_status do_appends(struct machine *m) {
    size_t count = 0;
    struct pickle_value *list;
    TRY(close_mark(m, &count));
    TRY(peek(m, count, PICKLE_LIST, &list));
    return move_items(m, list->items, count);
}

/* REDUCE and NEWOBJ: "call" one of our builders. */
static sk_status do_call(struct machine *m) {
    struct pickle_value *arguments, *callee, result;
    TRY(peek(m, 0, PICKLE_TUPLE, &arguments));
    TRY(peek(m, 1, PICKLE_GLOBAL, &callee));
    TRY(pickle_call(m->arena, callee->global, arguments->items, &result));
    TRY(count_items(m, OBJECT_ITEMS + (result.kind == PICKLE_DICT ? result.items->count : 0)));
    m->height -= 2;
    return push(m, result);
}

/* Attributes of an object (a state_dict's `_metadata`): of no use to us. */
static sk_status do_build(struct machine *m) {
    struct pickle_value attributes;
    TRY(pop(m, &attributes));
    TRY(need(m, 1));
    enum pickle_kind kind = m->stack[m->height - 1].kind;
    FAIL_IF(kind != PICKLE_DICT && kind != PICKLE_TENSOR, SK_EFORMAT, "the pickle gives attributes to %s",
            pickle_kind_name(kind));
    return SK_OK;
}

static sk_status do_stop(struct machine *m) {
    FAIL_IF(m->height != 1 || m->mark_count != 0, SK_EFORMAT, "the pickle stops in the middle of a value");
    m->stopped = true;
    return SK_OK;
}

static sk_status (*const operations[256])(struct machine *m) = {
    [0x80] = do_proto,     ['c'] = do_global,      ['q'] = do_binput,     ['r'] = do_long_binput,
    ['h'] = do_binget,     ['j'] = do_long_binget, ['('] = do_mark,       [')'] = do_empty_tuple,
    [']'] = do_empty_list, ['}'] = do_empty_dict,  ['t'] = do_tuple,      [0x85] = do_tuple1,
    [0x86] = do_tuple2,    [0x87] = do_tuple3,     ['X'] = do_binunicode, ['U'] = do_short_binstring,
    ['J'] = do_binint,     ['K'] = do_binint1,     ['M'] = do_binint2,    [0x8a] = do_long1,
    ['G'] = do_binfloat,   ['N'] = do_none,        [0x88] = do_true,      [0x89] = do_false,
    ['Q'] = do_binpersid,  ['s'] = do_setitem,     ['u'] = do_setitems,   ['a'] = do_append,
    ['e'] = do_appends,    ['R'] = do_call,        [0x81] = do_call,      ['b'] = do_build,
    ['.'] = do_stop,
};

static sk_status step(struct machine *m) {
    const uint8_t *opcode = NULL;
    TRY(take(m, 1, &opcode));
    FAIL_IF(m->opcodes == 0 && *opcode != 0x80, SK_EFORMAT, "this is no pickle of protocol 2, which torch.save writes");
    m->opcodes++;
    FAIL_IF(!operations[*opcode], SK_EFORMAT,
            "the pickle uses the operation 0x%02x, which a weight file has no use for", *opcode);
    return operations[*opcode](m);
}

sk_status pickle_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what, struct pickle *out) {
    *out = (struct pickle){.used = 0};
    struct machine m = {.arena = arena, .bytes = bytes, .size = size < PICKLE_MAX ? size : PICKLE_MAX, .out = out};
    while (!m.stopped) {
        size_t at = m.at;
        sk_status status = step(&m);
        if (status != SK_OK) return status_prefix(status, "%s at byte %zu", what, at);
    }
    out->root = m.stack[0];
    out->used = m.at;
    return SK_OK;
}

bool pickle_equal(const struct pickle_value *value, const char *string) {
    size_t length = strlen(string);
    return value->kind == PICKLE_STRING && value->length == length && memcmp(value->string, string, length) == 0;
}

const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key) {
    if (!value || value->kind != PICKLE_DICT) return NULL;
    const struct pickle_items *items = value->items;
    for (size_t i = items->count; i > 0; i -= 2)
        if (pickle_equal(&items->at[i - 2], key)) return &items->at[i - 1];
    return NULL;
}

const char *pickle_kind_name(enum pickle_kind kind) {
    static const char *const names[] = {
        [PICKLE_NONE] = "None",         [PICKLE_BOOL] = "a bool",     [PICKLE_INT] = "a whole number",
        [PICKLE_DOUBLE] = "a number",   [PICKLE_STRING] = "a string", [PICKLE_TUPLE] = "a tuple",
        [PICKLE_LIST] = "a list",       [PICKLE_DICT] = "a dict",     [PICKLE_GLOBAL] = "a Python name",
        [PICKLE_STORAGE] = "a storage", [PICKLE_TENSOR] = "a tensor",
    };
    return names[kind];
}
