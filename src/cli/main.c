/* main.c — the program: arguments to sk_call, its events to the terminal, its answer to standard output.
 *
 * The library's first user: it knows siskin.h alone. Results go to standard output, everything else to standard
 * error; a progress line only to a terminal. SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <siskin.h>

struct screen {
    bool json, quiet, terminal;
    bool progress; /* a progress line stands in the terminal's last line */
};

static void clear_progress(struct screen *screen) {
    if (screen->progress) fputs("\r\033[K", stderr);
    screen->progress = false;
}

static void show(void *user, const char *kind, const char *text) {
    struct screen *screen = user;
    if (strcmp(kind, "progress") == 0) {
        if (!screen->terminal || screen->quiet) return;
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
        screen->progress = true;
    } else if (strcmp(kind, "result line") == 0) {
        clear_progress(screen);
        if (screen->json) return;
        puts(text);
        fflush(stdout); /* a long run's lines are wanted when they happen */
    } else if (strcmp(kind, "warning") == 0 || !screen->quiet) {
        clear_progress(screen);
        fprintf(stderr, "siskin: %s%s\n", strcmp(kind, "warning") == 0 ? "warning: " : "", text);
    }
}

/* The first asks the run to save and stop; the second ends the program. */
static void on_interrupt(int number) {
    sk_interrupt();
    signal(number, SIG_DFL);
}

int main(int argc, char *argv[]) {
    struct screen screen = {.terminal = isatty(STDERR_FILENO)};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) screen.json = true;
        if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) screen.quiet = true;
    }
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, told as one */
    char *json = NULL;
    sk_status status = sk_call(argc - 1, (const char *const *)(argv + 1), show, &screen, &json);
    clear_progress(&screen);
    if (screen.json && json) puts(json);
    sk_free_text(json);
    if (status != SK_OK) fprintf(stderr, "siskin: %s\n", sk_error());
    if (fflush(stdout) != 0 && status == SK_OK) {
        fprintf(stderr, "siskin: cannot write the answer to standard output\n");
        return 1;
    }
    return sk_exit_code(status);
}
