/* published_list.h — the published weight files of one model, as `siskin models NAME` says them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_PUBLISHED_LIST_H
#define SK_VERBS_PUBLISHED_LIST_H

#include "verbs/verb.h"

/* Members "model" and "published" of the answer, and the same to people. */
sk_status published_list(struct call *call, const char *model);

#endif
