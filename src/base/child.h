/* child.h — a helper program as a child process: run it under limits and take what it writes to its output.
 *
 * For parsers that are not ours and may crash: what happens to the child becomes one sentence here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_CHILD_H
#define SK_BASE_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct child_request {
    const char *const *arguments; /* arguments[0]: the program's path; ends with NULL */
    const char *what;             /* names the input in sentences */
    double seconds;               /* of wall clock, and of processor time: then it is killed */
    size_t memory_max;            /* bytes of address space */
    size_t output_max;            /* bytes it may write to its output: beyond that it is killed */
};

/* Run to the end. Its output is a block of the caller's (block_free). If it fails, the last line that it wrote to its
 * error output (at most a few hundred bytes of it) is the sentence; if it crashes or runs past a limit, that is. */
sk_status child_run(const struct child_request *request, uint8_t **output, size_t *size);

/* The path of a helper program: the one that the environment's `variable` names, else the one beside the running
 * program or in PATH. */
sk_status child_find(struct arena *arena, const char *program, const char *variable, const char **path);

#endif
