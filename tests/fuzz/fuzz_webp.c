/* fuzz_webp.c — our use of the WebP decoder on bytes as they come from anywhere. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/decoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_decoder(decode_webp, data, size);
    return 0;
}
