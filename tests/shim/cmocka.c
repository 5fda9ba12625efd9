/* cmocka.c — runs a group of tests; a failed assertion jumps out of its test.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "cmocka.h"

#include <setjmp.h>
#include <stdlib.h>

static jmp_buf leave;
enum { PASSED, FAILED, SKIPPED };

void shim_fail(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    longjmp(leave, FAILED);
}

void shim_skip(const char *file, int line) {
    fprintf(stderr, "%s:%d: skipped\n", file, line);
    longjmp(leave, SKIPPED);
}

static int run_one(const struct CMUnitTest *test, void *group_state) {
    void *state = test->initial_state ? test->initial_state : group_state;
    volatile int outcome = setjmp(leave);
    if (outcome == PASSED) {
        if (test->setup_func && test->setup_func(&state) != 0) return FAILED;
        test->test_func(&state);
    }
    if (test->teardown_func && test->teardown_func(&state) != 0) return FAILED;
    return outcome;
}

int shim_run(const char *group, const struct CMUnitTest *tests, size_t count, shim_fixture setup,
             shim_fixture teardown) {
    static const char *const words[] = {"OK", "FAILED", "SKIPPED"};
    void *state = NULL;
    int outcomes[3] = {0};
    if (setup && setup(&state) != 0) return 1;
    for (size_t i = 0; i < count; i++) {
        int outcome = run_one(&tests[i], state);
        outcomes[outcome]++;
        fprintf(stderr, "[ %s ] %s\n", words[outcome], tests[i].name);
    }
    if (teardown && teardown(&state) != 0) outcomes[FAILED]++;
    fprintf(stderr, "%s: %d passed, %d failed, %d skipped\n", group, outcomes[PASSED], outcomes[FAILED],
            outcomes[SKIPPED]);
    return outcomes[FAILED];
}
