/* file.h — the only caller of open(2): whole-file reading, atomic replacement, folders.
 *
 * A file is written beside its target, synced, renamed and its folder synced: whole or absent. Every
 * failure's sentence names the path and the reason. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_FILE_H
#define SK_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* A file mapped for reading (or read whole where it cannot be mapped, as a pipe). */
struct file_bytes {
    const uint8_t *data;
    size_t size;
    bool mapped;
};
sk_status file_map(const char *path, struct file_bytes *bytes);
void file_unmap(struct file_bytes *bytes);
/* What is read next of a map lies far from what was read last: read no more than is asked for. */
void file_jumps(const struct file_bytes *bytes);
/* A part that was read and will hardly be read again: a map holds its pages no longer. */
void file_drop(const struct file_bytes *bytes, const void *part, size_t size);

/* Read a whole file into an arena (terminated by one 0 byte beyond size); fails above `limit` bytes. */
sk_status file_read(struct arena *arena, const char *path, size_t limit, uint8_t **data, size_t *size);

/* The same into a block of the caller's (block_new'ed, or NULL with *capacity 0), which grows and is kept for the next
 * file; unlike a map it stays sound when the file is cut short meanwhile. */
sk_status file_read_block(const char *path, size_t limit, uint8_t **block, size_t *capacity, size_t *size);

/* `size` bytes at `offset` into such a block; SK_EFORMAT where the file ends before. `ahead` more are asked of the disk
 * (0: none), for those who read on. */
sk_status file_read_at(const char *path, uint64_t offset, size_t size, size_t ahead, uint8_t **block, size_t *capacity);

/* Atomic replacement. Between begin and commit the target is untouched; abort (or a kill) leaves nothing. */
struct file_writer {
    int fd;
    char *path, *temporary; /* block_new'ed; no temporary where the target is a device or a pipe */
    bool named;             /* the temporary name exists in the folder */
    uint64_t written;
    uint8_t *buffer;
    size_t buffered;
};
sk_status file_begin(struct file_writer *writer, const char *path);
sk_status file_write(struct file_writer *writer, const void *bytes, size_t size);
sk_status file_commit(struct file_writer *writer); /* flush, fsync, rename, fsync folder; closes also on failure */
void file_abort(struct file_writer *writer);       /* harmless after commit */
sk_status file_replace(const char *path, const void *bytes, size_t size);

/* Append to a log: each call one write(2). Opened with O_APPEND | O_CREAT. */
struct file_log {
    int fd;
    char *path;
};
sk_status log_open(struct file_log *log, const char *path, bool truncate);
sk_status log_write(struct file_log *log, const void *bytes, size_t size);
void log_close(struct file_log *log);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
sk_status file_size(const char *path, uint64_t *size);
/* Of a file or folder: what changes when its content does. */
struct file_stamp {
    uint64_t size;
    int64_t changed_ns; /* time of the last change, nanoseconds since 1970 */
};
sk_status file_stamp(const char *path, struct file_stamp *stamp);
/* The path without links and dots; NULL + sentence. */
char *path_real(struct arena *arena, const char *path);
sk_status folder_make(const char *path); /* with parents; existing is fine */
sk_status folder_sync(const char *path);
sk_status folder_remove(const char *path);               /* with its content; absent is fine */
sk_status file_rename(const char *from, const char *to); /* and sync the folder */
sk_status file_truncate(const char *path, uint64_t size);
/* Names (not paths) in byte-wise order, without "." and ".."; of what kind by flags. Others: links to nothing, pipes,
 * sockets, devices. */
enum { LIST_FILES = 1, LIST_FOLDERS = 2, LIST_OTHERS = 4 };
sk_status folder_list(struct arena *arena, const char *path, int what, char ***names, size_t *count);

char *path_join(struct arena *arena, const char *folder, const char *name);
const char *path_base(const char *path);      /* after the last / */
const char *path_extension(const char *path); /* ".pth" with its dot, or "" */

#endif
