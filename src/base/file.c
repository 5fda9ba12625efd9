/* file.c — every open(2) of the library: maps, whole reads, atomic replacement, logs, folders.
 *
 * A new file has no name until it is complete (O_TMPFILE, then linkat and rename), so that a kill
 * leaves nothing; where the file system cannot do that, it is written under a name beside its target.
 * A target that is a device or a pipe is written as it is. SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 << 10, FOLDER_DESCRIPTORS = 16 };

/* "cannot read /x/y: No such file or directory". */
static sk_status fail_errno(const char *verb, const char *path) {
    int error = errno;
    const char *hint = error == ENOSPC ? "; free some space and run again" : "";
    return status_fail(error == ENOMEM ? SK_EMEMORY : SK_EIO, "cannot %s %s: %s%s", verb, path, strerror(error), hint);
}

static int open_retry(const char *path, int flags) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* At most `size` bytes; less only at the end. -1 on error. */
static ssize_t read_fully(int fd, uint8_t *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, data + done, size - done);
        if (got == 0) break;
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) done += (size_t)got;
    }
    return (ssize_t)done;
}

static sk_status write_fully(int fd, const char *path, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno("write", path);
        data += put;
        size -= (size_t)put;
    }
    return SK_OK;
}

static sk_status open_for_reading(const char *path, int *fd, struct stat *stat) {
    *fd = open_retry(path, O_RDONLY);
    if (*fd < 0) return fail_errno("open", path);
    if (fstat(*fd, stat) == 0 && !S_ISDIR(stat->st_mode)) return SK_OK;
    if (S_ISDIR(stat->st_mode)) errno = EISDIR;
    sk_status status = fail_errno("read", path);
    close(*fd);
    return status;
}

/* Read to the end of something whose size is not known beforehand. */
static sk_status read_stream(int fd, const char *path, struct file_bytes *bytes) {
    size_t size = 0, capacity = 1 << 16;
    uint8_t *data = block_new(capacity);
    while (data) {
        ssize_t got = read_fully(fd, data + size, capacity - size);
        if (got < 0) {
            block_free(data);
            return fail_errno("read", path);
        }
        size += (size_t)got;
        if (size < capacity) {
            *bytes = (struct file_bytes){.data = data, .size = size};
            return SK_OK;
        }
        uint8_t *more = capacity > SIZE_MAX / 2 ? NULL : block_resize(data, capacity * 2);
        if (!more) block_free(data);
        data = more;
        capacity *= 2;
    }
    return status_prefix(SK_EMEMORY, "%s", path);
}

sk_status file_map(const char *path, struct file_bytes *bytes) {
    *bytes = (struct file_bytes){0};
    int fd;
    struct stat stat;
    TRY(open_for_reading(path, &fd, &stat));
    sk_status status = SK_OK;
    void *data = MAP_FAILED;
    /* A regular file of size 0 may be one of /proc's, which has content all the same. */
    if (S_ISREG(stat.st_mode) && stat.st_size > 0) {
        data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (data != MAP_FAILED) {
        *bytes = (struct file_bytes){.data = data, .size = (size_t)stat.st_size, .mapped = true};
    } else {
        status = read_stream(fd, path, bytes);
    }
    close(fd);
    return status;
}

void file_unmap(struct file_bytes *bytes) {
    if (bytes->mapped) {
        munmap((void *)(uintptr_t)bytes->data, bytes->size);
    } else {
        block_free((void *)(uintptr_t)bytes->data);
    }
    *bytes = (struct file_bytes){0};
}

void file_jumps(const struct file_bytes *bytes) {
    if (bytes->mapped) madvise((void *)(uintptr_t)bytes->data, bytes->size, MADV_RANDOM); /* may fail: a hint */
}

void file_drop(const struct file_bytes *bytes, const void *part, size_t size) {
    if (bytes->mapped) region_drop((void *)(uintptr_t)part, size); /* they are the file's: they can be read again */
}

sk_status file_read(struct arena *arena, const char *path, size_t limit, uint8_t **data, size_t *size) {
    int fd;
    struct stat stat;
    TRY(open_for_reading(path, &fd, &stat));
    struct file_bytes bytes = {0};
    sk_status status = SK_OK;
    if (S_ISREG(stat.st_mode) && (uint64_t)stat.st_size > limit) {
        status = status_fail(SK_EFORMAT, "%s has %lld bytes; at most %zu are accepted here", path,
                             (long long)stat.st_size, limit);
    }
    if (status == SK_OK) status = read_stream(fd, path, &bytes);
    close(fd);
    if (status == SK_OK && bytes.size > limit) {
        status = status_fail(SK_EFORMAT, "%s has more than the %zu bytes accepted here", path, limit);
    }
    uint8_t *copy = status == SK_OK ? (uint8_t *)arena_strndup(arena, (const char *)bytes.data, bytes.size) : NULL;
    if (status == SK_OK && !copy) status = status_prefix(SK_EMEMORY, "%s", path);
    if (copy) {
        *data = copy;
        *size = bytes.size;
    }
    file_unmap(&bytes);
    return status;
}

static sk_status fill_block(int fd, const char *path, size_t limit, uint8_t **block, size_t *capacity, size_t *size) {
    for (;;) {
        if (*size == *capacity) {
            size_t more = *capacity < 1 << 16 ? 1 << 16 : *capacity * 2;
            uint8_t *grown = more > *capacity ? block_resize(*block, more) : NULL;
            if (!grown) return status_prefix(SK_EMEMORY, "%s", path);
            *block = grown;
            *capacity = more;
        }
        ssize_t got = read_fully(fd, *block + *size, *capacity - *size);
        if (got < 0) return fail_errno("read", path);
        *size += (size_t)got;
        if (*size > limit) {
            return status_fail(SK_EFORMAT, "%s has more than the %zu bytes accepted here", path, limit);
        }
        if (*size < *capacity) return SK_OK;
    }
}

sk_status file_read_block(const char *path, size_t limit, uint8_t **block, size_t *capacity, size_t *size) {
    *size = 0;
    int fd;
    struct stat stat;
    TRY(open_for_reading(path, &fd, &stat));
    sk_status status = fill_block(fd, path, limit, block, capacity, size);
    close(fd);
    return status;
}

static ssize_t pread_fully(int fd, uint8_t *data, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, data + done, size - done, (off_t)(offset + done));
        if (got == 0) break;
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) done += (size_t)got;
    }
    return (ssize_t)done;
}

sk_status file_read_at(const char *path, uint64_t offset, size_t size, size_t ahead, uint8_t **block,
                       size_t *capacity) {
    FAIL_IF(offset > INT64_MAX - (uint64_t)size, SK_EFORMAT, "%s: no file has a place %llu", path,
            (unsigned long long)offset);
    if (size > *capacity || !*block) {
        uint8_t *grown = block_resize(*block, size + size / 4 + 64);
        if (!grown) return status_prefix(SK_EMEMORY, "%s", path);
        *block = grown;
        *capacity = size + size / 4 + 64;
    }
    int fd;
    struct stat stat;
    TRY(open_for_reading(path, &fd, &stat));
    if (ahead) posix_fadvise(fd, (off_t)offset, (off_t)(size + ahead), POSIX_FADV_WILLNEED); /* may fail: a hint */
    ssize_t got = pread_fully(fd, *block, size, offset);
    sk_status status = got < 0 ? fail_errno("read", path) : SK_OK;
    close(fd);
    TRY(status);
    FAIL_IF((size_t)got != size, SK_EFORMAT, "%s ends within what lies at byte %llu: it was cut short", path,
            (unsigned long long)offset);
    return SK_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The folder of `path` as a text of its own in folder[PATH_MAX]. */
static sk_status folder_of(const char *path, char folder[PATH_MAX]) {
    size_t length = (size_t)(path_base(path) - path);
    FAIL_IF(length >= PATH_MAX, SK_EIO, "the path %.80s… is longer than %d bytes", path, PATH_MAX - 1);
    if (length == 0) {
        memcpy(folder, ".", 2);
    } else {
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    return SK_OK;
}

static char *block_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = block_new(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

/* A name beside `path` that no other writer of this machine uses: .NAME.PID-N.part */
static char *temporary_name(const char *path) {
    static atomic_uint serial;
    size_t size = strlen(path) + 48;
    char *name = block_new(size);
    int folder = (int)(path_base(path) - path);
    if (name) {
        snprintf(name, size, "%.*s.%s.%ld-%u.part", folder, path, path_base(path), (long)getpid(),
                 atomic_fetch_add(&serial, 1));
    }
    return name;
}

/* Open the new file, without a name where that is possible. */
static int open_new(const char *path, const char *temporary, bool *named) {
    char folder[PATH_MAX];
    if (folder_of(path, folder) != SK_OK) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *named = false;
    int fd = access("/proc/self/fd", X_OK) == 0 ? open_retry(folder, O_TMPFILE | O_WRONLY) : -1;
    if (fd >= 0) return fd;
    *named = true;
    return open_retry(temporary, O_WRONLY | O_CREAT | O_EXCL);
}

/* Where the target is a link, what it points to is replaced; `resolved` holds the name then. */
static sk_status find_target(const char **path, char resolved[PATH_MAX], bool *in_place) {
    struct stat stat_buffer;
    *in_place = false;
    if (stat(*path, &stat_buffer) != 0) return SK_OK; /* new, or open(2) will say what is wrong */
    FAIL_IF(S_ISDIR(stat_buffer.st_mode), SK_EIO, "cannot write %s: it is a folder; name a file", *path);
    *in_place = !S_ISREG(stat_buffer.st_mode);
    if (!*in_place && realpath(*path, resolved)) *path = resolved;
    return SK_OK;
}

sk_status file_begin(struct file_writer *writer, const char *path) {
    *writer = (struct file_writer){.fd = -1};
    const char *target = path;
    char resolved[PATH_MAX];
    bool in_place;
    TRY(find_target(&target, resolved, &in_place));
    writer->path = block_strdup(target);
    writer->buffer = block_new(BUFFER_SIZE);
    if (writer->path && !in_place) writer->temporary = temporary_name(target);
    if (!writer->path || !writer->buffer || (!in_place && !writer->temporary)) {
        file_abort(writer);
        return status_prefix(SK_EMEMORY, "%s", path);
    }
    writer->fd = in_place ? open_retry(target, O_WRONLY) : open_new(target, writer->temporary, &writer->named);
    if (writer->fd >= 0) return SK_OK;
    sk_status status = fail_errno("create", path);
    file_abort(writer);
    return status;
}

static sk_status writer_flush(struct file_writer *writer) {
    size_t size = writer->buffered;
    writer->buffered = 0;
    return write_fully(writer->fd, writer->path, writer->buffer, size);
}

sk_status file_write(struct file_writer *writer, const void *bytes, size_t size) {
    FAIL_IF(writer->fd < 0, SK_EINTERNAL, "a write to a file that is not open");
    writer->written += size;
    if (size > BUFFER_SIZE - writer->buffered) TRY(writer_flush(writer));
    if (size >= BUFFER_SIZE) return write_fully(writer->fd, writer->path, bytes, size);
    if (size) memcpy(writer->buffer + writer->buffered, bytes, size);
    writer->buffered += size;
    return SK_OK;
}

/* Give the nameless file its temporary name. */
static sk_status writer_name(struct file_writer *writer) {
    if (writer->named) return SK_OK;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", writer->fd);
    if (linkat(AT_FDCWD, link, AT_FDCWD, writer->temporary, AT_SYMLINK_FOLLOW) != 0) {
        return fail_errno("name", writer->path);
    }
    writer->named = true;
    return SK_OK;
}

static sk_status writer_finish(struct file_writer *writer) {
    FAIL_IF(writer->fd < 0, SK_EINTERNAL, "a commit of a file that is not open");
    TRY(writer_flush(writer));
    if (!writer->temporary) return SK_OK; /* a device or a pipe */
    if (fsync(writer->fd) != 0) return fail_errno("sync", writer->path);
    TRY(writer_name(writer));
    if (rename(writer->temporary, writer->path) != 0) return fail_errno("replace", writer->path);
    writer->named = false;
    char folder[PATH_MAX];
    TRY(folder_of(writer->path, folder));
    return folder_sync(folder);
}

sk_status file_commit(struct file_writer *writer) {
    sk_status status = writer_finish(writer);
    /* Network file systems report a failed write only here. */
    if (writer->fd >= 0 && close(writer->fd) != 0 && status == SK_OK) status = fail_errno("close", writer->path);
    writer->fd = -1;
    file_abort(writer);
    return status;
}

void file_abort(struct file_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    if (writer->named && writer->temporary) unlink(writer->temporary);
    block_free(writer->path);
    block_free(writer->temporary);
    block_free(writer->buffer);
    *writer = (struct file_writer){.fd = -1};
}

sk_status file_replace(const char *path, const void *bytes, size_t size) {
    struct file_writer writer;
    TRY(file_begin(&writer, path));
    sk_status status = file_write(&writer, bytes, size);
    if (status == SK_OK) return file_commit(&writer);
    file_abort(&writer);
    return status;
}

sk_status log_open(struct file_log *log, const char *path, bool truncate) {
    *log = (struct file_log){.fd = open_retry(path, O_WRONLY | O_APPEND | O_CREAT | (truncate ? O_TRUNC : 0))};
    if (log->fd < 0) return fail_errno("open", path);
    log->path = block_strdup(path);
    if (log->path) return SK_OK;
    log_close(log);
    return SK_EMEMORY;
}

sk_status log_write(struct file_log *log, const void *bytes, size_t size) {
    ssize_t put;
    do {
        put = write(log->fd, bytes, size);
    } while (put < 0 && errno == EINTR);
    if (put < 0) return fail_errno("write", log->path);
    FAIL_IF((size_t)put != size, SK_EIO, "cannot write %s: only %zd of %zu bytes fitted; free some space", log->path,
            put, size);
    return SK_OK;
}

void log_close(struct file_log *log) {
    if (log->path || log->fd > 0) close(log->fd);
    block_free(log->path);
    *log = (struct file_log){.fd = -1};
}

/* ---- names and folders --------------------------------------------------------------------- */

bool file_exists(const char *path) {
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0;
}

bool file_is_folder(const char *path) {
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0 && S_ISDIR(stat_buffer.st_mode);
}

sk_status file_size(const char *path, uint64_t *size) {
    struct stat stat_buffer;
    if (stat(path, &stat_buffer) != 0) return fail_errno("read", path);
    *size = (uint64_t)stat_buffer.st_size;
    return SK_OK;
}

sk_status file_stamp(const char *path, struct file_stamp *stamp) {
    struct stat stat_buffer;
    if (stat(path, &stat_buffer) != 0) return fail_errno("read", path);
    stamp->size = (uint64_t)stat_buffer.st_size;
    stamp->changed_ns = (int64_t)stat_buffer.st_mtim.tv_sec * 1000000000 + stat_buffer.st_mtim.tv_nsec;
    return SK_OK;
}

char *path_real(struct arena *arena, const char *path) {
    char resolved[PATH_MAX];
    if (realpath(path, resolved)) return arena_strdup(arena, resolved);
    fail_errno("find", path);
    return NULL;
}

sk_status folder_make(const char *path) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    FAIL_IF(length == 0, SK_EIO, "cannot make a folder without a name");
    FAIL_IF(length >= sizeof part, SK_EIO, "the path %.80s… is longer than %d bytes", path, PATH_MAX - 1);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && !file_is_folder(part)) return fail_errno("make folder", part);
        part[i] = kept;
    }
    return SK_OK;
}

sk_status folder_sync(const char *path) {
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fail_errno("open folder", path);
    sk_status status = SK_OK;
    /* Some file systems cannot sync a folder and say EINVAL: they order renames themselves. */
    if (fsync(fd) != 0 && errno != EINVAL) status = fail_errno("sync folder", path);
    close(fd);
    return status;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place) {
    (void)stat, (void)kind, (void)place;
    return remove(path);
}

sk_status folder_remove(const char *path) {
    if (nftw(path, remove_one, FOLDER_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return fail_errno("remove", path);
    }
    return SK_OK;
}

sk_status file_rename(const char *from, const char *to) {
    if (rename(from, to) != 0) return fail_errno("rename", from);
    char folder[PATH_MAX];
    TRY(folder_of(to, folder));
    return folder_sync(folder);
}

sk_status file_truncate(const char *path, uint64_t size) {
    if (truncate(path, (off_t)size) != 0) return fail_errno("truncate", path);
    return SK_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* True where the entry is of a wanted kind; links count as what they point to. */
static bool entry_wanted(DIR *folder, const struct dirent *entry, int what) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) return false;
    if (entry->d_type == DT_REG) return what & LIST_FILES;
    if (entry->d_type == DT_DIR) return what & LIST_FOLDERS;
    struct stat stat_buffer;
    if (fstatat(dirfd(folder), entry->d_name, &stat_buffer, 0) != 0) return what & LIST_OTHERS; /* a dangling link */
    return what & (S_ISDIR(stat_buffer.st_mode)   ? LIST_FOLDERS
                   : S_ISREG(stat_buffer.st_mode) ? LIST_FILES
                                                  : LIST_OTHERS);
}

sk_status folder_list(struct arena *arena, const char *path, int what, char ***names, size_t *count) {
    *names = NULL;
    *count = 0;
    DIR *folder = opendir(path);
    if (!folder) return fail_errno("open folder", path);
    char **list = arena_grow(arena, NULL, &(size_t){0}, 8, sizeof *list);
    size_t capacity = 8, found = 0;
    sk_status status = list ? SK_OK : SK_EMEMORY;
    while (status == SK_OK) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) {
            if (errno) status = fail_errno("read folder", path);
            break;
        }
        if (!entry_wanted(folder, entry, what)) continue;
        list = arena_grow(arena, list, &capacity, found + 1, sizeof *list);
        char *name = list ? arena_strdup(arena, entry->d_name) : NULL;
        if (name) {
            list[found++] = name;
        } else {
            status = SK_EMEMORY;
        }
    }
    closedir(folder);
    if (status != SK_OK) return status;
    qsort(list, found, sizeof *list, compare_names);
    *names = list;
    *count = found;
    return SK_OK;
}

char *path_join(struct arena *arena, const char *folder, const char *name) {
    size_t length = strlen(folder);
    if (length == 0) return arena_strdup(arena, name);
    return arena_printf(arena, "%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_extension(const char *path) {
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot : "";
}
