/* skip.c — replacing or leaving out pictures that cannot be decoded.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/skip.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/loader.h"

bool skip_is_corrupt(sk_status status) {
    return status == SK_EFORMAT || status == SK_EDATA;
}

void skip_note(struct skipped *skipped, uint32_t index) {
    skipped->index = index;
    snprintf(skipped->sentence, sizeof skipped->sentence, "%s", sk_error());
    for (size_t length = strlen(skipped->sentence); length > 0 && !utf8_valid(skipped->sentence, length);)
        skipped->sentence[--length] = 0; /* cut in the middle of a letter */
}

uint32_t skip_next(const struct dataset *dataset, enum data_part part, uint32_t index, uint32_t from) {
    uint32_t count = dataset_count(dataset, part), at = from;
    int32_t label = dataset_label(dataset, part, index);
    do {
        at = at + 1 == count ? 0 : at + 1;
    } while (dataset_label(dataset, part, at) != label);
    return at;
}

void skip_settle(struct batch *batch, bool leave_out, size_t size) {
    int kept = 0, skipped = 0;
    for (int at = 0; at < batch->count; at++) {
        bool out = batch->skipped[at].sentence[0] != 0;
        if (out) batch->skipped[skipped++] = batch->skipped[at];
        if (out && leave_out) continue;
        if (kept < at) {
            memcpy(batch->images + (size_t)kept * size, batch->images + (size_t)at * size, size * sizeof(float));
            batch->labels[kept] = batch->labels[at];
            batch->indices[kept] = batch->indices[at];
        }
        kept++;
    }
    for (int at = kept; at < batch->count; at++) {
        memset(batch->images + (size_t)at * size, 0, size * sizeof(float));
        batch->labels[at] = 0;
        batch->indices[at] = 0;
    }
    batch->count = kept;
    batch->skipped_count = skipped;
}
