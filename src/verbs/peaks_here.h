/* peaks_here.h — this machine's own ceilings, measured: multiply-adds and copied bytes per second.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_PEAKS_HERE_H
#define SK_VERBS_PEAKS_HERE_H

#include "base/team.h"

struct peaks {
    double flops; /* per second, by all threads of the team */
    double bytes; /* read + written per second, from and to memory */
};
/* Takes about half a second. */
sk_status peaks_measure(struct team *team, struct peaks *peaks);

#endif
