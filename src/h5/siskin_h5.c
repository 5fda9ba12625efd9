/* siskin_h5.c — the program siskin-h5: the numbers of an HDF5 file as a safetensors stream to standard output.
 *
 * libhdf5 crashes on damaged files; so it runs here, in a child of siskin under limits of memory and time, and siskin
 * reads what comes out by its own reader. A tensor's name is its dataset's path; the few text attributes in which Keras
 * keeps names come as metadata "path@attribute", a JSON text or list of texts. Only hard links, stored numbers and
 * the filters inside libhdf5 are followed; nothing is loaded. SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "files/safetensors.h"

enum { DEPTH_MAX = 32, PATH_MAX_BYTES = 1000, OBJECTS_MAX = 1 << 17, TEXTS_MAX = 1 << 20, GROWTH_MAX = 64 };
static const uint64_t SLACK = (uint64_t)64 << 20;

struct dataset {
    const char *path;
    enum dtype dtype;
    hid_t memory_type;
    struct shape shape;
    uint64_t bytes;
};

struct walk {
    struct arena arena;
    struct dataset *datasets;
    haddr_t *seen; /* groups on the way from the root */
    size_t count, capacity, objects, others;
    int depth;
    uint64_t file_size, bytes;
    struct json_writer metadata;
    char path[PATH_MAX_BYTES + 1];
    sk_status status;
};

/* ---- attributes ---- */

static bool wanted(const char *name) {
    static const char *const names[] = {"name", "layer_names", "weight_names", "keras_version", "backend"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) != 0) continue;
        if (strspn(name + length, "0123456789") == strlen(name + length)) return true; /* long lists are split */
    }
    return false;
}

static void write_text(struct json_writer *w, const char *bytes, size_t size) {
    struct text text = {0};
    text_add_n(&text, bytes, strnlen(bytes, size));
    jw_string(w, NULL, text.failed || !text.data || !utf8_valid(text.data, text.length) ? "?" : text.data);
    text_free(&text);
}

static sk_status read_texts(struct walk *walk, hid_t attribute, hid_t type, hid_t space, struct json_writer *w) {
    hssize_t count = H5Sget_simple_extent_npoints(space);
    size_t size = H5Tget_size(type);
    bool variable = H5Tis_variable_str(type) > 0;
    FAIL_IF(count < 0 || count > TEXTS_MAX || size == 0 || size > (SLACK >> 1) / ((size_t)count + 1), SK_EFORMAT,
            "an attribute of '%s' is larger than any that Keras writes", walk->path);
    if (variable) {
        char **texts = arena_array(&walk->arena, (size_t)count + 1, sizeof *texts);
        hid_t memory = H5Tcopy(H5T_C_S1);
        if (!texts) return SK_EMEMORY;
        H5Tset_size(memory, H5T_VARIABLE);
        H5Tset_cset(memory, H5Tget_cset(type));
        FAIL_IF(H5Aread(attribute, memory, texts) < 0, SK_EFORMAT, "an attribute of '%s' cannot be read", walk->path);
        for (hssize_t i = 0; i < count; i++) write_text(w, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0);
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, texts);
        H5Tclose(memory);
        return SK_OK;
    }
    char *texts = arena_array(&walk->arena, (size_t)count + 1, size);
    if (!texts) return SK_EMEMORY;
    FAIL_IF(H5Aread(attribute, type, texts) < 0, SK_EFORMAT, "an attribute of '%s' cannot be read", walk->path);
    for (hssize_t i = 0; i < count; i++) write_text(w, texts + (size_t)i * size, size);
    return SK_OK;
}

static sk_status read_attribute(struct walk *walk, hid_t object, const char *name) {
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    FAIL_IF(attribute < 0, SK_EFORMAT, "an attribute of '%s' cannot be opened", walk->path);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    sk_status status = SK_OK;
    if (type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING) {
        struct json_writer list = {0};
        bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;
        jw_array(&list, NULL);
        status = read_texts(walk, attribute, type, space, &list);
        jw_end_array(&list);
        char *key = arena_printf(&walk->arena, "%s@%s", walk->path, name);
        if (status == SK_OK && (!key || list.text.failed)) status = SK_EMEMORY;
        if (status == SK_OK && scalar) { /* ["x"] -> "x" */
            list.text.data[list.text.length - 1] = '\0';
            jw_string(&walk->metadata, key, list.text.data + 1);
        } else if (status == SK_OK) {
            jw_string(&walk->metadata, key, list.text.data);
        }
        text_free(&list.text);
    }
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    H5Aclose(attribute);
    return status;
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user) {
    struct walk *walk = user;
    (void)info;
    if (wanted(name)) walk->status = read_attribute(walk, object, name);
    return walk->status == SK_OK ? 0 : -1;
}

/* ---- datasets ---- */

/* The types that siskin holds; others (the unsigned integers of random generators) are left aside and counted. libhdf5
 * has no half type of its own and converts it. */
static enum dtype known_type(hid_t type, hid_t *memory) {
    static const struct {
        H5T_class_t class;
        size_t size;
        bool is_unsigned;
        enum dtype dtype;
    } known[] = {
        {H5T_FLOAT, 2, false, F32},   {H5T_FLOAT, 4, false, F32},   {H5T_FLOAT, 8, false, F64},
        {H5T_INTEGER, 1, true, U8},   {H5T_INTEGER, 1, false, S8},  {H5T_INTEGER, 2, false, S16},
        {H5T_INTEGER, 4, false, S32}, {H5T_INTEGER, 8, false, I64},
    };
    const hid_t in_memory[DTYPE_COUNT] = {
        [F32] = H5T_IEEE_F32LE, [F64] = H5T_IEEE_F64LE, [U8] = H5T_STD_U8LE,   [S8] = H5T_STD_I8LE,
        [S16] = H5T_STD_I16LE,  [S32] = H5T_STD_I32LE,  [I64] = H5T_STD_I64LE,
    };
    bool is_unsigned = H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (H5Tget_class(type) != known[i].class || H5Tget_size(type) != known[i].size) continue;
        if (is_unsigned != known[i].is_unsigned) continue;
        *memory = in_memory[known[i].dtype];
        return known[i].dtype;
    }
    return DTYPE_COUNT;
}

static sk_status check_storage(const struct walk *walk, hid_t set, uint64_t bytes) {
    hid_t plist = H5Dget_create_plist(set);
    FAIL_IF(plist < 0, SK_EFORMAT, "how '%s' is stored cannot be read", walk->path);
    H5D_layout_t layout = H5Pget_layout(plist);
    int external = H5Pget_external_count(plist), filters = H5Pget_nfilters(plist);
    bool known = filters >= 0;
    for (int i = 0; known && i < filters; i++) {
        unsigned flags, config;
        size_t values = 0;
        H5Z_filter_t filter = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        known = filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32;
    }
    H5Pclose(plist);
    FAIL_IF(external != 0 || layout == H5D_VIRTUAL, SK_EFORMAT,
            "the numbers of '%s' lie in other files, which siskin does not open", walk->path);
    FAIL_IF(!known, SK_EFORMAT, "'%s' is stored by a filter other than deflate, shuffle and fletcher32", walk->path);
    uint64_t stored = H5Dget_storage_size(set);
    bool whole = layout == H5D_CHUNKED ? bytes / GROWTH_MAX <= stored : bytes <= stored;
    FAIL_IF(bytes > 0 && (!whole || stored > walk->file_size), SK_EFORMAT,
            "'%s' should have %llu bytes of numbers, but %llu are stored; the file is damaged or made to harm",
            walk->path, (unsigned long long)bytes, (unsigned long long)stored);
    return SK_OK;
}

static sk_status read_shape(const struct walk *walk, hid_t set, struct shape *shape) {
    hid_t space = H5Dget_space(set);
    hsize_t dims[H5S_MAX_RANK];
    FAIL_IF(space < 0, SK_EFORMAT, "the shape of '%s' cannot be read", walk->path);
    H5S_class_t class = H5Sget_simple_extent_type(space);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank > 0 && rank <= SHAPE_MAX) rank = H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    FAIL_IF(class == H5S_NULL || rank < 0 || rank > SHAPE_MAX, SK_EFORMAT,
            "'%s' has %d dimensions; siskin holds at most %d", walk->path, rank, SHAPE_MAX);
    *shape = (struct shape){.rank = rank};
    for (int i = 0; i < rank; i++) shape->dim[i] = dims[i] > INT64_MAX ? -1 : (int64_t)dims[i];
    return SK_OK;
}

static sk_status list_dataset(struct walk *walk, hid_t set) {
    struct dataset found = {0};
    hid_t type = H5Dget_type(set);
    FAIL_IF(type < 0, SK_EFORMAT, "the type of '%s' cannot be read", walk->path);
    found.dtype = known_type(type, &found.memory_type);
    H5Tclose(type);
    if (found.dtype == DTYPE_COUNT) {
        walk->others++;
        return SK_OK;
    }
    int64_t count;
    TRY(read_shape(walk, set, &found.shape));
    TRY(shape_count(&found.shape, &count));
    FAIL_IF(count > INT64_MAX / 8, SK_EFORMAT, "'%s' has more numbers than any file can hold", walk->path);
    found.bytes = (uint64_t)count * dtype_size(found.dtype);
    TRY(check_storage(walk, set, found.bytes));
    walk->bytes += found.bytes;
    FAIL_IF(walk->bytes > GROWTH_MAX * walk->file_size + SLACK, SK_EFORMAT,
            "its numbers would take far more bytes than the file has; it is damaged or made to harm");
    walk->datasets = arena_grow(&walk->arena, walk->datasets, &walk->capacity, walk->count + 1, sizeof found);
    found.path = arena_strdup(&walk->arena, walk->path);
    if (!walk->datasets || !found.path) return SK_EMEMORY;
    walk->datasets[walk->count++] = found;
    return SK_OK;
}

/* ---- groups ---- */

static sk_status visit(struct walk *walk, hid_t object);

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *user) {
    struct walk *walk = user;
    size_t length = strlen(walk->path), more = strlen(name) + (length > 0);
    if (length + more > PATH_MAX_BYTES || !utf8_valid(name, strlen(name))) {
        walk->status = status_fail(SK_EFORMAT, "a name under '%s' is too long or not valid UTF-8", walk->path);
        return -1;
    }
    if (length > 0) walk->path[length] = '/';
    memcpy(walk->path + length + (length > 0), name, strlen(name) + 1);
    hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(group, name, H5P_DEFAULT) : -1;
    if (info->type != H5L_TYPE_HARD)
        walk->status = status_fail(SK_EFORMAT, "'%s' is a link, which siskin does not follow", walk->path);
    else if (object < 0)
        walk->status = status_fail(SK_EFORMAT, "'%s' cannot be opened; the file is damaged", walk->path);
    else
        walk->status = visit(walk, object);
    if (object >= 0) H5Oclose(object);
    walk->path[length] = '\0';
    return walk->status == SK_OK ? 0 : -1;
}

static sk_status visit_group(struct walk *walk, hid_t group, haddr_t address) {
    for (int i = 0; i < walk->depth; i++)
        FAIL_IF(walk->seen[i] == address, SK_EFORMAT, "the group '%s' contains itself", walk->path);
    FAIL_IF(walk->depth == DEPTH_MAX, SK_EFORMAT, "its groups are nested more than %d deep", DEPTH_MAX);
    walk->seen[walk->depth++] = address;
    herr_t result = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, on_link, walk);
    walk->depth--;
    if (walk->status != SK_OK) return walk->status;
    FAIL_IF(result < 0, SK_EFORMAT, "the group '%s' cannot be listed; the file is damaged", walk->path);
    return SK_OK;
}

static sk_status visit(struct walk *walk, hid_t object) {
    H5O_info_t info;
    FAIL_IF(++walk->objects > OBJECTS_MAX, SK_EFORMAT, "it has more than %d groups and datasets", OBJECTS_MAX);
    FAIL_IF(H5Oget_info(object, &info) < 0, SK_EFORMAT, "'%s' cannot be read; the file is damaged", walk->path);
    hsize_t at = 0;
    herr_t result = H5Aiterate(object, H5_INDEX_NAME, H5_ITER_NATIVE, &at, on_attribute, walk);
    if (walk->status != SK_OK) return walk->status;
    FAIL_IF(result < 0, SK_EFORMAT, "the attributes of '%s' cannot be listed; the file is damaged", walk->path);
    if (info.type == H5O_TYPE_GROUP) return visit_group(walk, object, info.addr);
    if (info.type == H5O_TYPE_DATASET) return list_dataset(walk, object);
    walk->others++;
    return SK_OK;
}

/* ---- the stream ---- */

static sk_status put(const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, at, size);
        if (done < 0 && errno == EINTR) continue;
        FAIL_IF(done <= 0, SK_EIO, "cannot hand the numbers on: %s", strerror(errno));
        at += done;
        size -= (size_t)done;
    }
    return SK_OK;
}

static sk_status put_header(struct walk *walk) {
    struct json_writer w = {0};
    uint64_t at = 0;
    jw_object(&w, NULL);
    jw_raw(&w, "__metadata__", walk->metadata.text.data);
    for (size_t i = 0; i < walk->count; i++) {
        const struct dataset *set = &walk->datasets[i];
        jw_object(&w, set->path);
        jw_string(&w, "dtype", safetensors_dtype_name(set->dtype));
        jw_array(&w, "shape");
        for (int d = 0; d < set->shape.rank; d++) jw_integer(&w, NULL, set->shape.dim[d]);
        jw_end_array(&w);
        jw_array(&w, "data_offsets");
        jw_integer(&w, NULL, (int64_t)at);
        jw_integer(&w, NULL, (int64_t)(at += set->bytes));
        jw_end_array(&w);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    while (w.text.length % 8) text_add(&w.text, " ");
    TRY(text_check(&w.text));
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)w.text.length >> (8 * i));
    TRY(put(length, sizeof length));
    sk_status status = put(w.text.data, w.text.length);
    text_free(&w.text);
    return status;
}

static sk_status put_numbers(hid_t file, const struct dataset *set) {
    if (set->bytes == 0) return SK_OK;
    void *numbers = block_new(set->bytes);
    if (!numbers) return SK_EMEMORY;
    hid_t open = H5Dopen(file, set->path, H5P_DEFAULT);
    sk_status status = SK_OK;
    if (open < 0 || H5Dread(open, set->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0)
        status = status_fail(SK_EFORMAT, "the numbers of '%s' cannot be read; the file is damaged", set->path);
    if (open >= 0) H5Dclose(open);
    if (status == SK_OK) status = put(numbers, set->bytes);
    block_free(numbers);
    return status;
}

static sk_status stream(const char *path) {
    static haddr_t seen[DEPTH_MAX];
    struct walk walk = {.seen = seen};
    struct stat stat_of_file;
    FAIL_IF(stat(path, &stat_of_file) != 0, SK_EIO, "cannot open it: %s", strerror(errno));
    walk.file_size = (uint64_t)stat_of_file.st_size;
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    FAIL_IF(file < 0, SK_EFORMAT, "libhdf5 cannot open it; the file is cut short or damaged");
    jw_object(&walk.metadata, NULL);
    hid_t root = H5Gopen(file, "/", H5P_DEFAULT);
    FAIL_IF(root < 0, SK_EFORMAT, "its root group cannot be opened; the file is damaged");
    TRY(visit(&walk, root));
    char *others = arena_printf(&walk.arena, "%zu", walk.others);
    if (!others) return SK_EMEMORY;
    jw_string(&walk.metadata, "others", others);
    jw_end_object(&walk.metadata);
    TRY(text_check(&walk.metadata.text));
    TRY(put_header(&walk));
    for (size_t i = 0; i < walk.count; i++) TRY(put_numbers(file, &walk.datasets[i]));
    return SK_OK; /* the process ends: what it holds goes with it */
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: siskin-h5 FILE.h5 >STREAM.safetensors\n");
        return 2;
    }
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); /* it is only read, maybe from where locks are unknown */
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0); /* no plugin is ever loaded */
    if (stream(argv[1]) != SK_OK) {
        fprintf(stderr, "%s\n", sk_error());
        _exit(1);
    }
    _exit(0); /* without libhdf5's tidying up, which has crashed on damaged files */
}
