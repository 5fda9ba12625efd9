/* failing.c — stands before malloc (by the linker's --wrap) and fails where a test asks for it.
 *
 * Libraries linked as shared objects keep their own malloc; everything of ours passes here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "shim/failing.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_long countdown, count;
static atomic_bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void fail_allocation(long n) {
    atomic_store(&failed, false);
    atomic_store(&countdown, n);
}

bool allocation_failed(void) {
    return atomic_load(&failed);
}

long allocation_count(void) {
    return atomic_load(&count);
}

static bool fails_now(void) {
    atomic_fetch_add(&count, 1);
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1) return false;
    atomic_store(&failed, true);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails_now() ? NULL : __real_realloc(old, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
    return fails_now() ? ENOMEM : __real_posix_memalign(out, alignment, size);
}
