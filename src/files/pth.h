/* pth.h — PyTorch's .pth: what torch.save writes, the zip form and the one before PyTorch 1.6.
 *
 * No code of the file is run: see files/pickle.h. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_PTH_H
#define SK_FILES_PTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "files/weights.h"

/* Read the tensors of a state_dict, in its order, copied contiguous into the arena. It is the top level or
 * the entry "state_dict", "model" or "model_ema" (the first there is; options->key names another); what
 * was left aside is said in out->note. `bytes` is not kept. options may be NULL. */
sk_status pth_parse(struct arena *arena, const uint8_t *bytes, size_t size, const char *what,
                    const struct weights_options *options, struct weights *out);

/* Write a state_dict that torch.load(…, weights_only=True) opens. .pth has no place for metadata. */
sk_status pth_save(const char *path, const struct weights *weights); /* atomic */
sk_status pth_encode(struct arena *arena, const struct weights *weights, uint8_t **bytes, size_t *size);

#endif
