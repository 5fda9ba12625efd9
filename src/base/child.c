/* child.c — fork and exec under limits; both of the child's outputs are read by poll until they end.
 *
 * Between fork and exec the child calls only what a signal handler may, since the parent may have threads.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum { ERROR_MAX = 600, READ_SIZE = 1 << 16, EXEC_FAILED = 127, FILES_MAX = 64 };

/* ---- the child's side ---- */

static void limit(int what, rlim_t value) {
    struct rlimit limits = {value, value};
    setrlimit(what, &limits);
}

static void become(const struct child_request *request, int output, int errors) {
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0) _exit(EXEC_FAILED);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0); /* it writes to pipes alone */
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_AS, request->memory_max);
    limit(RLIMIT_CPU, (rlim_t)request->seconds + 1);
    execv(request->arguments[0], (char *const *)(uintptr_t)request->arguments);
    _exit(EXEC_FAILED);
}

/* ---- the parent's side ---- */

struct running {
    const struct child_request *request;
    pid_t pid;
    struct pollfd pipes[2]; /* output, errors; fd = -1: at its end */
    uint8_t *output;
    size_t size, capacity;
    char errors[ERROR_MAX];
    size_t error_size;
    double deadline;
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static sk_status take_output(struct running *run) {
    if (run->capacity - run->size < READ_SIZE) {
        size_t capacity = run->capacity ? 2 * run->capacity : 4 * READ_SIZE;
        uint8_t *grown = block_resize(run->output, capacity);
        if (!grown) return SK_EMEMORY;
        run->output = grown;
        run->capacity = capacity;
    }
    ssize_t got = read(run->pipes[0].fd, run->output + run->size, READ_SIZE);
    if (got < 0 && errno == EINTR) return SK_OK;
    if (got <= 0) {
        close(run->pipes[0].fd);
        run->pipes[0].fd = -1;
        return SK_OK;
    }
    run->size += (size_t)got;
    FAIL_IF(run->size > run->request->output_max, SK_EFORMAT,
            "%s: its content grew beyond %zu bytes while it was read; the file is damaged or made to harm",
            run->request->what, run->request->output_max);
    return SK_OK;
}

/* Keep the end of what it says. */
static void take_errors(struct running *run) {
    char bytes[ERROR_MAX / 2];
    ssize_t got = read(run->pipes[1].fd, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        close(run->pipes[1].fd);
        run->pipes[1].fd = -1;
        return;
    }
    size_t over = run->error_size + (size_t)got + 1 > ERROR_MAX ? run->error_size + (size_t)got + 1 - ERROR_MAX : 0;
    memmove(run->errors, run->errors + over, run->error_size - over);
    memcpy(run->errors + run->error_size - over, bytes, (size_t)got);
    run->error_size += (size_t)got - over;
}

static sk_status follow(struct running *run) {
    while (run->pipes[0].fd >= 0 || run->pipes[1].fd >= 0) {
        double left = run->deadline - seconds_now();
        FAIL_IF(left <= 0, SK_EFORMAT, "%s: reading it took more than %g s; the file is damaged or made to harm",
                run->request->what, run->request->seconds);
        int ready = poll(run->pipes, 2, left > 1 ? 1000 : (int)(left * 1000) + 1);
        FAIL_IF(ready < 0 && errno != EINTR, SK_EIO, "%s: cannot wait for %s: %s", run->request->what,
                run->request->arguments[0], strerror(errno));
        if (ready <= 0) continue;
        if (run->pipes[0].fd >= 0 && run->pipes[0].revents) TRY(take_output(run));
        if (run->pipes[1].fd >= 0 && run->pipes[1].revents) take_errors(run);
    }
    return SK_OK;
}

/* What became of it. */
static sk_status judge(struct running *run, int result) {
    const char *what = run->request->what, *program = path_base(run->request->arguments[0]);
    char shown[ERROR_MAX];
    while (run->error_size > 0 && run->errors[run->error_size - 1] == '\n') run->error_size--;
    size_t begin = run->error_size;
    while (begin > 0 && run->errors[begin - 1] != '\n') begin--;
    printable(run->errors + begin, run->error_size - begin, shown, sizeof shown);
    if (WIFEXITED(result)) {
        int code = WEXITSTATUS(result);
        if (code == 0) return SK_OK;
        FAIL_IF(code == EXEC_FAILED && run->error_size == 0, SK_EIO,
                "%s: the program %s, which reads such files, cannot be started", what, run->request->arguments[0]);
        FAIL_IF(run->error_size > 0, SK_EFORMAT, "%s: %s", what, shown);
        return status_fail(SK_EFORMAT, "%s: %s failed with exit code %d and said nothing", what, program, code);
    }
    int number = WIFSIGNALED(result) ? WTERMSIG(result) : 0;
    FAIL_IF(number == SIGXCPU || number == SIGKILL, SK_EFORMAT,
            "%s: %s was stopped because it took too much time or memory; the file is damaged or made to harm", what,
            program);
    return status_fail(SK_EFORMAT, "%s: %s crashed on it (signal %d, %s); the file is damaged", what, program, number,
                       strsignal(number));
}

static sk_status attend(struct running *run) {
    run->deadline = seconds_now() + run->request->seconds;
    sk_status status = follow(run);
    for (int i = 0; i < 2; i++)
        if (run->pipes[i].fd >= 0) close(run->pipes[i].fd);
    if (status != SK_OK) kill(run->pid, SIGKILL);
    int result = 0;
    pid_t waited;
    bool stopped = status != SK_OK;
    while ((waited = waitpid(run->pid, &result, stopped ? 0 : WNOHANG)) == 0 || (waited < 0 && errno == EINTR)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* its pipes are closed: it ends in a moment */
        if (stopped || seconds_now() < run->deadline) continue;
        kill(run->pid, SIGKILL);
        stopped = true;
    }
    if (status != SK_OK) return status;
    FAIL_IF(waited < 0, SK_EIO, "%s: lost its reader %s: %s", run->request->what, run->request->arguments[0],
            strerror(errno));
    return judge(run, result);
}

sk_status child_run(const struct child_request *request, uint8_t **output, size_t *size) {
    struct running run = {.request = request};
    int out[2], err[2];
    *output = NULL;
    FAIL_IF(pipe2(out, O_CLOEXEC) != 0, SK_EIO, "%s: cannot make a pipe: %s", request->what, strerror(errno));
    if (pipe2(err, O_CLOEXEC) != 0) {
        close(out[0]), close(out[1]);
        return status_fail(SK_EIO, "%s: cannot make a pipe: %s", request->what, strerror(errno));
    }
    run.pid = fork();
    if (run.pid == 0) become(request, out[1], err[1]);
    close(out[1]), close(err[1]);
    run.pipes[0] = (struct pollfd){.fd = out[0], .events = POLLIN};
    run.pipes[1] = (struct pollfd){.fd = err[0], .events = POLLIN};
    if (run.pid < 0) {
        close(out[0]), close(err[0]);
        return status_fail(SK_EIO, "%s: cannot start %s: %s", request->what, request->arguments[0], strerror(errno));
    }
    sk_status status = attend(&run);
    if (status != SK_OK) {
        block_free(run.output);
        return status;
    }
    *output = run.output;
    *size = run.size;
    return SK_OK;
}

static bool runnable(const char *path) {
    return path && !file_is_folder(path) && access(path, X_OK) == 0;
}

sk_status child_find(struct arena *arena, const char *program, const char *variable, const char **path) {
    const char *given = getenv(variable), *folders = getenv("PATH");
    if (given && given[0]) {
        *path = given;
        FAIL_IF(!runnable(given), SK_EIO, "%s=%s names no program that can be run", variable, given);
        return SK_OK;
    }
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        char *slash = strrchr(self, '/');
        if (slash) *slash = '\0';
        *path = path_join(arena, self, program);
        if (!*path) return SK_EMEMORY;
        if (runnable(*path)) return SK_OK;
    }
    while (folders && *folders) {
        size_t n = strcspn(folders, ":");
        char *folder = arena_strndup(arena, folders, n);
        if (!folder || !(*path = path_join(arena, folder, program))) return SK_EMEMORY;
        if (n > 0 && runnable(*path)) return SK_OK;
        folders += n + (folders[n] == ':');
    }
    return status_fail(SK_EIO,
                       "the program %s, which comes with siskin, is neither beside the running program nor in PATH; "
                       "install it, or name it by %s",
                       program, variable);
}
