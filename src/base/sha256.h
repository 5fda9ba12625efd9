/* sha256.h — SHA-256 (FIPS 180-4): what published weight files are named by, and what a model file is sealed with.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_SHA256_H
#define SK_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_TEXT = 65 };

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;    /* taken so far */
    uint8_t block[64]; /* the last bytes % 64 of them */
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t size);
/* The digest as 64 hexadecimal digits and a terminator; the hash is used up. */
void sha256_end(struct sha256 *hash, char text[SHA256_TEXT]);

#endif
