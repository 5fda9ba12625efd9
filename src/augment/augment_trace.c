/* augment_trace.c — collects the lines.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "augment/augment_trace.h"

#include <stdarg.h>
#include <stdio.h>

void augment_say(struct scratch *scratch, const char *format, ...) {
    struct augment_trace *trace = scratch->trace;
    if (!trace || trace->count >= AUGMENT_TRACE_LINES) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trace->line[trace->count++], AUGMENT_TRACE_WIDTH, format, arguments);
    va_end(arguments);
}
