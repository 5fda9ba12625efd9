/* augment_trace.h — what augmentation did to one picture, as lines for people.
 *
 * A transform says what it did by augment_say; where nobody asked (scratch->trace is NULL) that costs a test.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_AUGMENT_AUGMENT_TRACE_H
#define SK_AUGMENT_AUGMENT_TRACE_H

#include "data/picture.h"

enum { AUGMENT_TRACE_LINES = 24, AUGMENT_TRACE_WIDTH = 80 };

/* Zero-initialise, point scratch->trace at it, call pipeline_train, read the lines in the order of what was done. */
struct augment_trace {
    int count;
    char line[AUGMENT_TRACE_LINES][AUGMENT_TRACE_WIDTH];
};

/* One more line ("rotate -27 degrees"); longer ones are cut, more than there is room for are dropped. */
void augment_say(struct scratch *scratch, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
