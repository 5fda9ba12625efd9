/* pth.c — from the pickle's tensor descriptions and the container's raw numbers to contiguous tensors.
 *
 * Descriptions are offset, sizes and strides over shared storages, so a small file can describe huge
 * tensors: the sum of what is copied is bounded by the file's size. SPDX-License-Identifier: Apache-2.0 */
#include "files/pth.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/pickle.h"
#include "files/stored_zip.h"

enum { COPY_SLACK = 16 << 20, SHOWN = 120 };

struct source {
    struct arena *arena;
    const uint8_t *bytes;
    size_t size;
    const struct weights_options *options;
    struct stored_zip zip;
    const char *root; /* zip form: the folder of all entries, "archive/" */
    bool swap;        /* the numbers are big-endian */
    struct pickle pickle;
    uint64_t copied;
};

/* ---- the zip form ---- */

static sk_status find_entry(const struct source *source, const char *name, const struct stored_entry **entry) {
    const char *path = arena_printf(source->arena, "%s%s", source->root, name);
    if (!path) return SK_EMEMORY;
    *entry = stored_zip_find(&source->zip, path);
    return SK_OK;
}

static sk_status check_layout(struct source *source) {
    const struct stored_zip *zip = &source->zip;
    const char *slash = strchr(zip->first, '/');
    FAIL_IF(!slash, SK_EFORMAT, "its zip entries are not in a folder, as those of torch.save are");
    size_t length = (size_t)(slash - zip->first) + 1;
    source->root = arena_strndup(source->arena, zip->first, length);
    if (!source->root) return SK_EMEMORY;
    char shown[SHOWN];
    for (size_t i = 0; i < zip->count; i++) {
        const char *name = zip->entries[i].name;
        FAIL_IF(strncmp(name, source->root, length) != 0, SK_EFORMAT,
                "zip entry '%s' is outside the one folder that torch.save makes",
                printable(name, strlen(name), shown, sizeof shown));
        FAIL_IF(strcmp(name + length, "constants.pkl") == 0 || strncmp(name + length, "code/", 5) == 0, SK_EFORMAT,
                "this is a TorchScript program, not weights; save model.state_dict() instead");
    }
    return SK_OK;
}

static sk_status read_byte_order(struct source *source) {
    const struct stored_entry *entry;
    TRY(find_entry(source, "byteorder", &entry));
    if (!entry || (entry->size == 6 && memcmp(entry->data, "little", 6) == 0)) return SK_OK;
    source->swap = true;
    FAIL_IF(entry->size != 3 || memcmp(entry->data, "big", 3) != 0, SK_EFORMAT,
            "its byte order is neither 'little' nor 'big'");
    return SK_OK;
}

static sk_status bind_record(const struct source *source, struct pickle_storage *storage) {
    const struct stored_entry *entry;
    const char *name = arena_printf(source->arena, "data/%.*s", (int)storage->key.length, storage->key.string);
    if (!name) return SK_EMEMORY;
    TRY(find_entry(source, name, &entry));
    char shown[SHOWN];
    printable(name, strlen(name), shown, sizeof shown);
    FAIL_IF(!entry, SK_EFORMAT, "the numbers of storage '%s' are missing", shown);
    uint64_t wanted = (uint64_t)storage->elements * storage->type->bytes;
    FAIL_IF(entry->size != wanted, SK_EFORMAT, "storage '%s' has %zu bytes, but its %" PRId64 " elements take %" PRIu64,
            shown, entry->size, storage->elements, wanted);
    storage->data = entry->data;
    return SK_OK;
}

static sk_status open_zip(struct source *source) {
    bool ignore = source->options && source->options->ignore_checksum;
    TRY(stored_zip_parse(source->arena, source->bytes, source->size, ignore, &source->zip));
    TRY(check_layout(source));
    TRY(read_byte_order(source));
    const struct stored_entry *entry;
    TRY(find_entry(source, "data.pkl", &entry));
    FAIL_IF(!entry, SK_EFORMAT, "it has no data.pkl, so it is a zip file but no .pth");
    TRY(pickle_parse(source->arena, entry->data, entry->size, "data.pkl", &source->pickle));
    for (size_t i = 0; i < source->pickle.storage_count; i++) TRY(bind_record(source, source->pickle.storages[i]));
    return SK_OK;
}

/* ---- the form before PyTorch 1.6: five pickles, then the storages in the order of the last ---- */

static const uint8_t legacy_magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                       0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

/* Run the next pickle and move `at` behind it. */
static sk_status next_pickle(struct source *source, size_t *at, const char *name, struct pickle *pickle) {
    TRY(pickle_parse(source->arena, source->bytes + *at, source->size - *at, name, pickle));
    *at += pickle->used;
    return SK_OK;
}

static int compare_keys(const struct pickle_value *a, const struct pickle_value *b) {
    size_t common = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->string, b->string, common);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int by_key(const void *left, const void *right) {
    const struct pickle_storage *a = *(const struct pickle_storage *const *)left;
    const struct pickle_storage *b = *(const struct pickle_storage *const *)right;
    return compare_keys(&a->key, &b->key);
}

/* The first of the sorted storages that have this key; `count` storages from there share it. */
static size_t find_storages(const struct pickle *pickle, const struct pickle_value *key, size_t *count) {
    size_t low = 0, high = pickle->storage_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&pickle->storages[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < pickle->storage_count; ++*count)
        if (compare_keys(&pickle->storages[low + *count]->key, key) != 0) break;
    return low;
}

/* One storage: 8 bytes with its number of elements, then these. */
static sk_status bind_legacy(struct source *source, const struct pickle_value *key, size_t *at) {
    FAIL_IF(key->kind != PICKLE_STRING, SK_EFORMAT, "its list of storages holds %s", pickle_kind_name(key->kind));
    char shown[SHOWN];
    printable(key->string, key->length, shown, sizeof shown);
    size_t count, first = find_storages(&source->pickle, key, &count);
    FAIL_IF(count == 0, SK_EFORMAT, "no tensor uses storage '%s', so its type is unknown", shown);
    struct pickle_storage **shared = source->pickle.storages + first;
    FAIL_IF(shared[0]->data, SK_EFORMAT, "storage '%s' stands in the file twice", shown);
    FAIL_IF(source->size - *at < 8, SK_EFORMAT, "storage '%s' is missing; the file is cut short", shown);
    uint64_t elements = 0;
    for (int i = 7; i >= 0; i--) elements = elements << 8 | source->bytes[*at + (size_t)(source->swap ? 7 - i : i)];
    *at += 8;
    uint64_t bytes = (uint64_t)shared[0]->elements * shared[0]->type->bytes;
    FAIL_IF(elements != (uint64_t)shared[0]->elements, SK_EFORMAT,
            "storage '%s' has %" PRIu64 " elements where its tensors expect %" PRId64, shown, elements,
            shared[0]->elements);
    FAIL_IF(bytes > source->size - *at, SK_EFORMAT, "storage '%s' ends after the file; the file is cut short", shown);
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(shared[i]->type != shared[0]->type || shared[i]->elements != shared[0]->elements, SK_EFORMAT,
                "storage '%s' is described in two ways", shown);
        shared[i]->data = source->bytes + *at;
    }
    *at += (size_t)bytes;
    return SK_OK;
}

static sk_status open_legacy(struct source *source) {
    FAIL_IF(source->size < sizeof legacy_magic || memcmp(source->bytes, legacy_magic, sizeof legacy_magic) != 0,
            SK_EFORMAT, "its first bytes are neither those of the zip nor of the older form that torch.save writes");
    size_t at = sizeof legacy_magic;
    struct pickle version, system, keys;
    TRY(next_pickle(source, &at, "pickle 2 (version)", &version));
    FAIL_IF(version.root.kind != PICKLE_INT || version.root.integer != 1001, SK_EFORMAT,
            "its format version is not 1001, the only one that torch.save ever wrote");
    TRY(next_pickle(source, &at, "pickle 3 (system)", &system));
    const struct pickle_value *little = pickle_get(&system.root, "little_endian");
    FAIL_IF(!little || little->kind != PICKLE_BOOL, SK_EFORMAT, "it does not say whether it is little-endian");
    source->swap = !little->boolean;
    TRY(next_pickle(source, &at, "pickle 4 (tensors)", &source->pickle));
    TRY(next_pickle(source, &at, "pickle 5 (storages)", &keys));
    FAIL_IF(keys.root.kind != PICKLE_LIST, SK_EFORMAT, "its list of storages is %s", pickle_kind_name(keys.root.kind));
    if (source->pickle.storage_count > 0)
        qsort(source->pickle.storages, source->pickle.storage_count, sizeof(struct pickle_storage *), by_key);
    for (size_t i = 0; i < keys.root.items->count; i++) TRY(bind_legacy(source, &keys.root.items->at[i], &at));
    FAIL_IF(at != source->size, SK_EFORMAT, "%zu bytes of no storage follow its end", source->size - at);
    return SK_OK;
}

/* ---- tensors ---- */

static void swap_elements(uint8_t *bytes, size_t count, size_t size) {
    for (; count > 0; count--, bytes += size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t kept = bytes[i];
            bytes[i] = bytes[size - 1 - i];
            bytes[size - 1 - i] = kept;
        }
}

/* Gather strided elements into row-major order; the bounds have been checked and no size is 0. */
static void gather(const struct pickle_tensor *tensor, const uint8_t *from, size_t size, int64_t count, uint8_t *to) {
    int rank = tensor->shape.rank;
    int64_t run = 1; /* of elements that lie as in the result */
    int outer = rank;
    while (outer > 0 && (tensor->stride[outer - 1] == run || tensor->shape.dim[outer - 1] == 1))
        run *= tensor->shape.dim[--outer];
    int64_t index[SHAPE_MAX] = {0}, at = 0;
    for (int64_t done = 0; done < count; done += run) {
        memcpy(to, from + (size_t)at * size, (size_t)run * size);
        to += (size_t)run * size;
        for (int d = outer - 1; d >= 0; d--) {
            if (tensor->shape.dim[d] == 1) continue; /* whose stride means nothing and may be anything */
            at += tensor->stride[d];
            if (++index[d] < tensor->shape.dim[d]) break;
            at -= tensor->stride[d] * tensor->shape.dim[d];
            index[d] = 0;
        }
    }
}

/* The last element must lie in the storage; all products and sums are checked. */
static sk_status check_bounds(const struct pickle_tensor *tensor) {
    const struct pickle_storage *storage = tensor->storage;
    int64_t last = tensor->offset;
    bool beyond = false;
    for (int d = 0; d < tensor->shape.rank && !beyond; d++) {
        int64_t steps = tensor->shape.dim[d] - 1, stride = tensor->stride[d];
        beyond = steps > 0 && stride > (INT64_MAX - last) / steps;
        if (!beyond) last += steps * stride;
    }
    FAIL_IF(beyond || last >= storage->view_size, SK_EFORMAT,
            "its sizes, strides and offset reach beyond the %" PRId64 " elements that are stored", storage->view_size);
    return SK_OK;
}

static sk_status copy_tensor(struct source *source, const struct pickle_tensor *from, struct tensor *to) {
    const struct pickle_storage *storage = from->storage;
    FAIL_IF(storage->type->dtype < 0, SK_EFORMAT, "its numbers are of type %s, which siskin does not hold",
            storage->type->name);
    to->dtype = (enum dtype)storage->type->dtype;
    to->shape = from->shape;
    int64_t count;
    TRY(shape_count(&from->shape, &count));
    size_t size = storage->type->bytes;
    uint64_t limit = 2 * (uint64_t)source->size + COPY_SLACK;
    FAIL_IF((uint64_t)count > limit / size || (uint64_t)count * size > limit - source->copied, SK_EFORMAT,
            "a file of %zu bytes cannot hold its %" PRId64 " elements (siskin copies at most %" PRIu64
            " bytes from it)",
            source->size, count, limit);
    source->copied += (uint64_t)count * size;
    if (count > 0) TRY(check_bounds(from));
    FAIL_IF(!storage->data, SK_EFORMAT, "its numbers are missing from the file");
    to->data = arena_alloc(source->arena, (size_t)count * size);
    if (!to->data) return SK_EMEMORY;
    if (count == 0) return SK_OK;
    const uint8_t *first = storage->data + (size_t)(storage->view_offset + from->offset) * size;
    gather(from, first, size, count, to->data);
    if (source->swap) swap_elements(to->data, (size_t)count, size);
    return SK_OK;
}

/* ---- the state_dict ---- */

static bool holds_tensors(const struct pickle_value *value) {
    if (!value || value->kind != PICKLE_DICT) return false;
    for (size_t i = 1; i < value->items->count; i += 2)
        if (value->items->at[i].kind == PICKLE_TENSOR) return true;
    return false;
}

/* Which dict of the file holds the tensors. */
static sk_status choose(struct source *source, const struct pickle_value **chosen, struct weights *out) {
    static const char *const usual[] = {"state_dict", "model", "model_ema"};
    const struct pickle_value *root = &source->pickle.root;
    const char *wanted = source->options ? source->options->key : NULL;
    *chosen = NULL;
    if (wanted) {
        *chosen = wanted[0] ? pickle_get(root, wanted) : root;
        out->key = arena_strdup(source->arena, wanted);
        if (!out->key) return SK_EMEMORY;
        FAIL_IF(!holds_tensors(*chosen), SK_EFORMAT, "its entry '%s' is missing or holds no tensors", wanted);
        return SK_OK;
    }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        const struct pickle_value *found = pickle_get(root, usual[i]);
        if (!holds_tensors(found)) continue;
        if (*chosen) {
            out->note = arena_printf(source->arena, "took the weights under '%s'; the file has others under '%s'",
                                     out->key, usual[i]);
            return out->note ? SK_OK : SK_EMEMORY;
        }
        *chosen = found;
        out->key = usual[i];
    }
    if (*chosen) return SK_OK;
    FAIL_IF(!holds_tensors(root), SK_EFORMAT,
            "its top level is %s without named tensors, and there are none under 'state_dict', 'model' or 'model_ema'; "
            "if they have another key, name it",
            pickle_kind_name(root->kind));
    *chosen = root;
    return SK_OK;
}

static sk_status read_tensor(struct source *source, const struct pickle_value *key, const struct pickle_tensor *from,
                             struct tensor *to) {
    FAIL_IF(key->kind != PICKLE_STRING, SK_EFORMAT, "a tensor's name is %s, not a string", pickle_kind_name(key->kind));
    char shown[SHOWN];
    printable(key->string, key->length, shown, sizeof shown);
    FAIL_IF(key->length == 0 || memchr(key->string, 0, key->length), SK_EFORMAT,
            "a tensor's name '%s' is empty or has a zero byte in it", shown);
    to->name = arena_strndup(source->arena, key->string, key->length);
    if (!to->name) return SK_EMEMORY;
    sk_status status = copy_tensor(source, from, to);
    return status == SK_OK ? SK_OK : status_prefix(status, "tensor '%s'", shown);
}

static sk_status note_skipped(struct source *source, const struct pickle_value *key, size_t skipped,
                              struct weights *out) {
    char shown[SHOWN] = "?";
    if (key->kind == PICKLE_STRING) printable(key->string, key->length, shown, sizeof shown);
    out->note = arena_printf(source->arena, "%s%s%zu entr%s among the weights %s no tensor (the last is '%s')",
                             out->note ? out->note : "", out->note ? "; " : "", skipped, skipped == 1 ? "y" : "ies",
                             skipped == 1 ? "is" : "are", shown);
    return out->note ? SK_OK : SK_EMEMORY;
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static sk_status check_unique(struct arena *arena, const struct weights *weights) {
    const char **names = arena_array(arena, weights->count, sizeof *names);
    if (!names) return SK_EMEMORY;
    for (size_t i = 0; i < weights->count; i++) names[i] = weights->tensors[i].name;
    qsort(names, weights->count, sizeof *names, by_name);
    for (size_t i = 1; i < weights->count; i++) {
        char shown[SHOWN];
        FAIL_IF(strcmp(names[i - 1], names[i]) == 0, SK_EFORMAT, "it holds two tensors called '%s'",
                printable(names[i], strlen(names[i]), shown, sizeof shown));
    }
    return SK_OK;
}

static sk_status read_all(struct source *source, struct weights *out) {
    bool zip = source->size >= 2 && source->bytes[0] == 'P';
    out->format = zip ? WEIGHTS_PTH : WEIGHTS_PTH_LEGACY;
    TRY(zip ? open_zip(source) : open_legacy(source));
    const struct pickle_value *chosen;
    TRY(choose(source, &chosen, out));
    const struct pickle_items *items = chosen->items;
    out->tensors = arena_array(source->arena, items->count / 2, sizeof *out->tensors);
    if (!out->tensors) return SK_EMEMORY;
    size_t skipped = 0;
    const struct pickle_value *last = NULL;
    for (size_t i = 0; i < items->count; i += 2) {
        const struct pickle_value *key = &items->at[i], *value = &items->at[i + 1];
        if (value->kind == PICKLE_TENSOR) {
            TRY(read_tensor(source, key, value->tensor, &out->tensors[out->count++]));
        } else {
            last = key;
            skipped++;
        }
    }
    if (skipped > 0) TRY(note_skipped(source, last, skipped, out));
    return check_unique(source->arena, out);
}

sk_status pth_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                    const struct weights_options *options, struct weights *out) {
    *out = (struct weights){.key = ""};
    struct source source = {.arena = arena, .bytes = bytes, .size = size, .options = options};
    sk_status status = read_all(&source, out);
    return status == SK_OK ? SK_OK : status_prefix(status, "%s", what);
}
