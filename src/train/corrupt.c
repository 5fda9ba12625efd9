/* corrupt.c — one line of log.jsonl a picture: epoch, part, its name, and what is wrong with it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/corrupt.h"

#include <string.h>

#include "base/json.h"
#include "data/skip.h"

enum { NAME = 4096 };

static sk_status add_line(struct corrupt *corrupt, const char *part, int64_t epoch, const char *name,
                          const char *sentence) {
    struct json_writer w = {0};
    jw_object(&w, NULL);
    jw_string(&w, "kind", "corrupt");
    jw_integer(&w, "epoch", epoch);
    jw_string(&w, "part", part);
    jw_string(&w, "picture", name);
    jw_string(&w, "why", sentence);
    jw_end_object(&w);
    text_add(&w.text, "\n");
    sk_status status = text_check(&w.text);
    if (status == SK_OK) text_add_n(&corrupt->lines, w.text.data, w.text.length);
    text_free(&w.text);
    corrupt->count++;
    return status == SK_OK ? text_check(&corrupt->lines) : status;
}

sk_status corrupt_gather(struct corrupt *corrupt, const struct dataset *dataset, enum data_part part,
                         const struct batch *batch, int64_t epoch) {
    char name[NAME], shown[NAME];
    for (int i = 0; i < batch->skipped_count; i++) {
        const struct skipped *skipped = &batch->skipped[i];
        dataset_name(dataset, part, skipped->index, name, sizeof name);
        size_t length = strlen(name);
        bool clean = utf8_valid(name, length);
        for (size_t c = 0; !clean && c < length; c++)
            if ((unsigned char)name[c] > 126) name[c] = '?';
        TRY(add_line(corrupt, data_part_name(part), epoch, printable(name, length, shown, sizeof shown),
                     skipped->sentence));
    }
    return SK_OK;
}

sk_status corrupt_write(struct corrupt *corrupt, struct run_log *log) {
    sk_status status = SK_OK;
    if (corrupt->lines.length) {
        status = log_write(&log->file, corrupt->lines.data, corrupt->lines.length);
        if (status == SK_OK) log->bytes += (int64_t)corrupt->lines.length;
    }
    text_free(&corrupt->lines);
    *corrupt = (struct corrupt){0};
    return status;
}
