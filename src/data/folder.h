/* folder.h — what a folder of pictures takes for a picture, what it passes over, and how it is read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_DATA_FOLDER_H
#define SK_DATA_FOLDER_H

#include <stdbool.h>

#include "data/format.h"

enum { FOLDER_DEPTH_MAX = 16, FOLDER_PATH_MAX = 4096, FOLDER_FILE_MAX = 1 << 30 };

/* A picture by its name: torchvision's list. */
bool folder_is_picture_name(const char *name);

/* What file managers leave behind, and names that begin with a dot: passed over. Everything else that is no picture is
 * an error. */
bool folder_is_litter(const char *name);

/* Names of classes go to logs, files and terminals: UTF-8 without control characters. */
bool folder_is_class_name(const char *name);

/* The file of a picture whose group and name are its path below the dataset's root. */
sk_status folder_fetch(const struct dataset *dataset, enum data_part source, uint32_t sample, struct scratch *scratch,
                       struct encoded *encoded);

/* Add PREFIX/CLASS/… for every class that the dataset has by now, as the part's pictures. */
sk_status folder_add_part(struct dataset *dataset, struct index_build *build, const char *prefix, enum data_part part);

#endif
