/* crc32c.h — CRC-32C (Castagnoli, RFC 3720), and the masked form that TFRecord files carry.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_CRC32C_H
#define SK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Go on from `crc` (0 to begin) over `size` bytes. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* As in TFRecord: turned and shifted, so that sums over data that hold sums stay good ones. */
uint32_t crc32c_masked(const void *bytes, size_t size);

#endif
