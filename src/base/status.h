/* status.h — how a function says that it failed: a status, and one sentence kept per thread.
 *
 * The sentence names the file, the place, what was found, what was expected and what to do.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_STATUS_H
#define SK_BASE_STATUS_H

#include <siskin.h>

/* Record the sentence (printf form, no trailing newline, at most 1,023 bytes kept) and return `status`. */
sk_status status_fail(sk_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put "prefix: " before the sentence recorded last: for callers that know the file or place. */
sk_status status_prefix(sk_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forget the sentence of this thread. */
void status_clear(void);

/* Return a failing call's status to the caller. */
#define TRY(call)                                       \
    do {                                                \
        sk_status try_status_ = (call);                 \
        if (try_status_ != SK_OK) return try_status_;   \
    } while (0)

/* Fail with a sentence where a condition holds. */
#define FAIL_IF(condition, status, ...)                               \
    do {                                                              \
        if (condition) return status_fail((status), __VA_ARGS__);     \
    } while (0)

#endif
