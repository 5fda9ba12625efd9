/* status.c — one sentence per thread, and what the public interface says about statuses.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_SIZE = 1024 };

static _Thread_local char sentence[SENTENCE_SIZE];

sk_status status_fail(sk_status status, const char *format, ...) {
    char fresh[SENTENCE_SIZE]; /* the arguments may point into the old sentence */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fresh, sizeof fresh, format, arguments);
    va_end(arguments);
    memcpy(sentence, fresh, sizeof sentence);
    return status;
}

sk_status status_prefix(sk_status status, const char *format, ...) {
    char fresh[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(fresh, sizeof fresh, format, arguments);
    va_end(arguments);
    if (length < 0) return status;
    size_t used = (size_t)length < sizeof fresh ? (size_t)length : sizeof fresh - 1;
    const char *rest[] = {": ", sentence};
    for (int i = 0; i < 2; i++) {
        size_t room = sizeof fresh - 1 - used, wish = strlen(rest[i]), fits = wish < room ? wish : room;
        memcpy(fresh + used, rest[i], fits);
        used += fits;
    }
    fresh[used] = '\0';
    memcpy(sentence, fresh, sizeof sentence);
    return status;
}

void status_clear(void) {
    sentence[0] = '\0';
}

const char *sk_error(void) {
    return sentence;
}

int sk_exit_code(sk_status status) {
    switch (status) {
    case SK_OK: return 0;
    case SK_EUSAGE: return 2;
    case SK_EDIVERGED: return 3;
    case SK_EGATE: return 4;
    case SK_EINTERRUPTED: return 130;
    default: return 1;
    }
}

const char *sk_version(void) {
    return "0.1.0";
}
