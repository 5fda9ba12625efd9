/* crc32c.c — CRC-32C by eight tables, eight bytes a step: 1 to 2 GB/s without special instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <pthread.h>

enum { TABLES = 8 };
static uint32_t table[TABLES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < TABLES; t++) table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    pthread_once(&once, fill);
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    }
    for (; size > 0; size--, p++) crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return ~crc;
}

uint32_t crc32c_masked(const void *bytes, size_t size) {
    uint32_t crc = crc32c(0, bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}
