/* picture_arg.h — IMAGE on the command line.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_PICTURE_ARG_H
#define SK_VERBS_PICTURE_ARG_H

#include "base/arena.h"
#include "data/picture.h"

/* Read and decode a file; the picture lies in the scratch. */
sk_status picture_read(const char *path, enum exif_policy exif, struct scratch *scratch, struct picture *picture);
/* A copy in the arena. */
sk_status picture_keep(struct arena *arena, const struct picture *picture, struct picture *kept);

#endif
