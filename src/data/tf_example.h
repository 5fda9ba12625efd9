/* tf_example.h — what a tf.train.Example says of a picture; and TFRecord's frame around it.
 *
 * A record is: length u64, masked CRC-32C of those 8 bytes, the data, masked CRC-32C of them; little-endian.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_TF_EXAMPLE_H
#define SK_DATA_TF_EXAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { RECORD_HEAD = 12, RECORD_TAIL = 4 };

/* Bytes within the message that was parsed. */
struct tf_bytes {
    const uint8_t *bytes; /* NULL: there is no such feature */
    size_t size;
};

struct tf_example {
    struct tf_bytes image;   /* "image" or "image/encoded" */
    struct tf_bytes name;    /* "file_name", "image/filename" */
    struct tf_bytes synset;  /* "image/class/synset" */
    struct tf_bytes word;    /* "label" or "image/class/label" where it is text */
    bool has_label, classic; /* classic: it was called "image/class/label" */
    int64_t label;
};

/* The data of one record; `what` names it in sentences. */
sk_status tf_example_parse(const uint8_t *bytes, size_t size, const char *what, struct tf_example *example);

/* The length that a record's head of RECORD_HEAD bytes says, its sum checked. */
sk_status record_length(const uint8_t *head, const char *what, uint64_t *length);
/* Check the data's sum, which stands behind them. */
sk_status record_check(const uint8_t *data, size_t size, const char *what);

#endif
