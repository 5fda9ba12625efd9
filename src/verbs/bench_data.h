/* bench_data.h — siskin bench --data. SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_BENCH_DATA_H
#define SK_VERBS_BENCH_DATA_H

#include "verbs/verb.h"

sk_status bench_data(struct call *call);

#endif
