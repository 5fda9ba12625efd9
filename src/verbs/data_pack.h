/* data_pack.h — siskin data pack.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_DATA_PACK_H
#define SK_VERBS_DATA_PACK_H

#include "base/team.h"
#include "verbs/verb.h"

sk_status data_pack_verb(struct call *call, const char *spec, struct team *team);

#endif
