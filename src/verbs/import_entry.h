/* import_entry.h — which published weight file is this? What follows from the answer, for `siskin import`.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_IMPORT_ENTRY_H
#define SK_VERBS_IMPORT_ENTRY_H

#include "base/sha256.h"
#include "files/published.h"
#include "models/network.h"
#include "verbs/verb.h"

struct import_entry {
    const struct published *entry; /* NULL: none that is known */
    bool recognised;               /* by the digest, rather than named by --entry or --model */
    char sha256[SHA256_TEXT];      /* of the file */
};

/* By the file's SHA-256, or by --entry. A file that is called like a published one but is another, an unknown entry, and a
 * --model that is not the entry's are errors. */
sk_status import_entry_find(const struct call *call, const char *path, struct import_entry *found);

/* ImageNet's class names for a network of an entry that has 1000 classes, or 1001 with the background first. */
sk_status import_entry_classes(const struct published *entry, struct network *network);

/* Where the weights come from, for the model file; NULL + sentence. */
const char *import_entry_provenance(struct arena *arena, const struct import_entry *found, const char *path);

/* What was recognised, or what is assumed without that; members "sha256", "entry", … of the answer. */
void import_entry_say(struct call *call, const struct import_entry *found, const struct network *network);

#endif
