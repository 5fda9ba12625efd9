/* data_show.h — siskin data show: what a network sees in training, as a contact sheet.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_DATA_SHOW_H
#define SK_VERBS_DATA_SHOW_H

#include "base/team.h"
#include "verbs/verb.h"

sk_status data_show(struct call *call, const char *spec, struct team *team);

#endif
