/* seal.h — one sum over everything that a file of named tensors says, kept in its metadata: "siskin.digest".
 *
 * Golden logits notice a changed weight only where it moves them by more than rounding does, and know nothing of class
 * names or preprocessing. The sum does not depend on the order of tensors or pairs, so that other tools may rewrite a file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_FILES_SEAL_H
#define SK_FILES_SEAL_H

#include "base/sha256.h"
#include "files/safetensors.h"

#define SEAL_KEY "siskin.digest"

/* SHA-256 over names, types, shapes, numbers and all metadata but the seal itself. */
sk_status seal_compute(const struct weights *weights, char text[SHA256_TEXT]);

/* SK_EGATE where the file has no seal or another one; `what` names the file. */
sk_status seal_check(const struct weights *weights, const char *what);

#endif
