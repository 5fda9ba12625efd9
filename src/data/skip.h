/* skip.h — what becomes of pictures that cannot be decoded, where a run goes on without them.
 *
 * In training the next picture of the same class that can be decoded, in the part's own order, takes the place; the
 * random numbers stay the place's. In an evaluation the picture is left out and the batch is shorter. Neither depends on
 * who reads what when. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_SKIP_H
#define SK_DATA_SKIP_H

#include "data/data.h"

enum { SKIP_SENTENCE = 320, SKIP_TRIES = 100 };

struct batch;

/* A picture that a batch goes without. */
struct skipped {
    uint32_t index; /* within the part */
    char sentence[SKIP_SENTENCE];
};

/* Faults of the picture; others (no memory, a disk that cannot be read) end a run whatever is wished. */
bool skip_is_corrupt(sk_status status);

/* Remember the picture at its place, with the sentence recorded last. */
void skip_note(struct skipped *skipped, uint32_t index);

/* The next picture of the class of `index`, after `from` in the part's order; the first after the last. */
uint32_t skip_next(const struct dataset *dataset, enum data_part part, uint32_t index, uint32_t from);

/* Once all places are filled: the list of what was skipped, in their order, begins skipped[]; `leave_out`: pictures
 * behind move up, and the batch counts as many less. `size` is the floats of a picture. */
void skip_settle(struct batch *batch, bool leave_out, size_t size);

#endif
