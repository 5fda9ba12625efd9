/* test_file.c — atomic replacement, a full disk, logs, folders, names. SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[] = "/tmp/siskin-test-file-XXXXXX";
static struct arena arena;

static char *in_folder(const char *name) {
    return path_join(&arena, folder, name);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    (void)state;
    sk_status status = folder_remove(folder);
    arena_free(&arena);
    return status == SK_OK ? 0 : -1;
}

static void check_content(const char *path, const char *want) {
    uint8_t *data;
    size_t size;
    if (file_read(&arena, path, 1 << 20, &data, &size) != SK_OK) fail_msg("%s", sk_error());
    assert_int_equal(size, strlen(want));
    assert_string_equal((char *)data, want);
}

static size_t entries(const char *path) {
    char **names;
    size_t count;
    assert_int_equal(folder_list(&arena, path, LIST_FILES | LIST_FOLDERS, &names, &count), SK_OK);
    return count;
}

static void replacing_is_atomic(void **state) {
    (void)state;
    assert_int_equal(folder_make(in_folder("atomic")), SK_OK);
    const char *path = in_folder("atomic/x.txt");
    assert_int_equal(file_replace(path, "old", 3), SK_OK);
    struct file_writer writer;
    assert_int_equal(file_begin(&writer, path), SK_OK);
    assert_int_equal(file_write(&writer, "new", 3), SK_OK);
    check_content(path, "old");
    file_abort(&writer);
    check_content(path, "old");
    assert_int_equal(entries(in_folder("atomic")), 1);
    assert_int_equal(file_begin(&writer, path), SK_OK);
    assert_int_equal(file_write(&writer, "newer", 5), SK_OK);
    assert_int_equal(writer.written, 5);
    check_content(path, "old");
    assert_int_equal(file_commit(&writer), SK_OK);
    file_abort(&writer); /* harmless */
    check_content(path, "newer");
    assert_int_equal(entries(in_folder("atomic")), 1);
    struct stat stat_buffer;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &stat_buffer), 0);
    assert_int_equal(stat_buffer.st_mode & 0777, 0666 & ~mask);
}

static void large_files_come_back(void **state) {
    (void)state;
    enum { SIZE = 3000001 };
    static unsigned char bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    const char *path = in_folder("large");
    struct file_writer writer;
    assert_int_equal(file_begin(&writer, path), SK_OK);
    for (size_t at = 0, step = 1; at < SIZE; at += step, step = step * 3 + 1) {
        if (step > SIZE - at) step = SIZE - at;
        assert_int_equal(file_write(&writer, bytes + at, step), SK_OK);
    }
    assert_int_equal(file_commit(&writer), SK_OK);
    struct file_bytes map;
    assert_int_equal(file_map(path, &map), SK_OK);
    assert_true(map.mapped);
    assert_int_equal(map.size, SIZE);
    assert_memory_equal(map.data, bytes, SIZE);
    file_unmap(&map);
    uint8_t *data;
    size_t size;
    assert_int_equal(file_read(&arena, path, SIZE - 1, &data, &size), SK_EFORMAT);
    assert_non_null(strstr(sk_error(), path));
    assert_int_equal(file_read(&arena, path, SIZE, &data, &size), SK_OK);
    assert_int_equal(data[SIZE], 0);
    uint64_t length;
    assert_int_equal(file_size(path, &length), SK_OK);
    assert_int_equal(length, SIZE);
    assert_int_equal(file_truncate(path, 10), SK_OK);
    assert_int_equal(file_size(path, &length), SK_OK);
    assert_int_equal(length, 10);
}

/* One block for many files: it grows, keeps its size, and a shorter file after a longer one is read whole. */
static void blocks_are_used_again(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000, 5};
    static unsigned char bytes[300000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    const char *path = in_folder("block");
    uint8_t *block = NULL;
    size_t capacity = 0, size;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(file_replace(path, bytes, sizes[i]), SK_OK);
        size_t before = capacity;
        assert_int_equal(file_read_block(path, sizes[i], &block, &capacity, &size), SK_OK);
        assert_int_equal(size, sizes[i]);
        assert_true(capacity >= before && capacity >= size);
        assert_memory_equal(block, bytes, size);
    }
    assert_int_equal(file_read_block(path, 4, &block, &capacity, &size), SK_EFORMAT);
    assert_int_equal(file_read_block(in_folder("absent"), 4, &block, &capacity, &size), SK_EIO);
    assert_non_null(strstr(sk_error(), "absent"));
    block_free(block);
}

static void a_full_disk_keeps_the_old_file(void **state) {
    (void)state;
    assert_int_equal(folder_make(in_folder("full")), SK_OK);
    const char *path = in_folder("full/x");
    static char bytes[1 << 20];
    assert_int_equal(file_replace(path, "old", 3), SK_OK);
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 300000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    sk_status status = file_replace(path, bytes, sizeof bytes);
    setrlimit(RLIMIT_FSIZE, &before);
    if (status == SK_OK) skip(); /* an emulator that does not enforce the limit */
    assert_int_equal(status, SK_EIO);
    assert_non_null(strstr(sk_error(), "full/x: File too large"));
    check_content(path, "old");
    assert_int_equal(entries(in_folder("full")), 1);
    /* A device that is always full; nothing is renamed over it. */
    assert_int_equal(file_replace("/dev/full", "x", 1), SK_EIO);
    assert_string_equal(sk_error(), "cannot write /dev/full: No space left on device; free some space and run again");
    assert_int_equal(file_replace("/dev/null", "x", 1), SK_OK);
    struct stat stat_buffer;
    assert_int_equal(stat("/dev/null", &stat_buffer), 0);
    assert_true(S_ISCHR(stat_buffer.st_mode));
}

static void a_kill_leaves_the_old_file(void **state) {
    (void)state;
    assert_int_equal(folder_make(in_folder("kill")), SK_OK);
    const char *path = in_folder("kill/x");
    assert_int_equal(file_replace(path, "old", 3), SK_OK);
    pid_t child = fork();
    if (child == 0) {
        struct file_writer writer;
        static char bytes[1 << 20];
        if (file_begin(&writer, path) == SK_OK && file_write(&writer, bytes, sizeof bytes) == SK_OK) raise(SIGKILL);
        _exit(1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    check_content(path, "old");
}

static void links_are_followed(void **state) {
    (void)state;
    const char *target = in_folder("target"), *name = in_folder("link");
    assert_int_equal(file_replace(target, "old", 3), SK_OK);
    assert_int_equal(symlink(target, name), 0);
    assert_int_equal(file_replace(name, "new", 3), SK_OK);
    check_content(target, "new");
    struct stat stat_buffer;
    assert_int_equal(lstat(name, &stat_buffer), 0);
    assert_true(S_ISLNK(stat_buffer.st_mode));
}

static void failures_name_path_and_reason(void **state) {
    (void)state;
    struct file_bytes map;
    assert_int_equal(file_map("/nowhere/x", &map), SK_EIO);
    assert_string_equal(sk_error(), "cannot open /nowhere/x: No such file or directory");
    assert_int_equal(file_map(folder, &map), SK_EIO);
    assert_non_null(strstr(sk_error(), "Is a directory"));
    assert_int_equal(file_replace("/nowhere/x", "a", 1), SK_EIO);
    assert_string_equal(sk_error(), "cannot create /nowhere/x: No such file or directory");
    assert_int_equal(file_replace(folder, "a", 1), SK_EIO);
    assert_non_null(strstr(sk_error(), "it is a folder"));
    char **names;
    size_t count;
    assert_int_equal(folder_list(&arena, "/nowhere", LIST_FILES, &names, &count), SK_EIO);
    assert_int_equal(file_replace(in_folder("plain"), "", 0), SK_OK);
    assert_int_equal(folder_make(in_folder("plain/below")), SK_EIO);
    assert_int_equal(file_map(in_folder("plain"), &map), SK_OK);
    assert_int_equal(map.size, 0);
    file_unmap(&map);
}

static void logs_append(void **state) {
    (void)state;
    const char *path = in_folder("log.jsonl");
    struct file_log log;
    assert_int_equal(log_open(&log, path, true), SK_OK);
    assert_int_equal(log_write(&log, "a\n", 2), SK_OK);
    log_close(&log);
    log_close(&log); /* harmless */
    assert_int_equal(log_open(&log, path, false), SK_OK);
    assert_int_equal(log_write(&log, "b\n", 2), SK_OK);
    log_close(&log);
    check_content(path, "a\nb\n");
    assert_int_equal(log_open(&log, path, true), SK_OK);
    log_close(&log);
    check_content(path, "");
}

static void folders_list_in_order(void **state) {
    (void)state;
    assert_int_equal(folder_make(in_folder("list/d/e/")), SK_OK);
    assert_int_equal(folder_make(in_folder("list/d")), SK_OK); /* existing is fine */
    static const char *const files[] = {"b", "a", "Z", "10", "9", ".hidden", "\xc3\xa4"};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(file_replace(path_join(&arena, in_folder("list"), files[i]), "", 0), SK_OK);
    }
    assert_int_equal(symlink("a", in_folder("list/l")), 0);
    assert_int_equal(symlink("missing", in_folder("list/dangling")), 0);
    static const char *const want[] = {".hidden", "10", "9", "Z", "a", "b", "l", "\xc3\xa4"};
    char **names;
    size_t count;
    assert_int_equal(folder_list(&arena, in_folder("list"), LIST_FILES, &names, &count), SK_OK);
    assert_int_equal(count, 8);
    for (size_t i = 0; i < 8; i++) assert_string_equal(names[i], want[i]);
    assert_int_equal(folder_list(&arena, in_folder("list"), LIST_FOLDERS, &names, &count), SK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "d");
    assert_true(file_is_folder(in_folder("list/d/e")));
    assert_int_equal(file_rename(in_folder("list/a"), in_folder("list/d/a")), SK_OK);
    assert_false(file_exists(in_folder("list/a")));
    assert_true(file_exists(in_folder("list/d/a")));
    assert_int_equal(folder_remove(in_folder("list")), SK_OK);
    assert_false(file_exists(in_folder("list")));
    assert_int_equal(folder_remove(in_folder("list")), SK_OK);
}

static void names_of_paths(void **state) {
    (void)state;
    assert_string_equal(path_join(&arena, "a", "b"), "a/b");
    assert_string_equal(path_join(&arena, "a/", "b"), "a/b");
    assert_string_equal(path_join(&arena, "", "b"), "b");
    assert_string_equal(path_base("/x/y.pth"), "y.pth");
    assert_string_equal(path_base("y"), "y");
    assert_string_equal(path_extension("/x.d/y.tar.gz"), ".gz");
    assert_string_equal(path_extension("/x.d/y"), "");
    assert_string_equal(path_extension(".hidden"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replacing_is_atomic),
        cmocka_unit_test(large_files_come_back),
        cmocka_unit_test(blocks_are_used_again),
        cmocka_unit_test(a_full_disk_keeps_the_old_file),
        cmocka_unit_test(a_kill_leaves_the_old_file),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(failures_name_path_and_reason),
        cmocka_unit_test(logs_append),
        cmocka_unit_test(folders_list_in_order),
        cmocka_unit_test(names_of_paths),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
