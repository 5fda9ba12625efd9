/* team.h — the one team of compute threads: a parallel region, barriers and tiles claimed by a counter.
 *
 * Who claims which tile never changes a result: every reduction has a grid that is a function of the
 * shape alone. Barriers spin for at most 20 us, yield for half a millisecond, and then sleep. Every member runs with the same
 * denormal setting (flush to zero). SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_BASE_TEAM_H
#define SK_BASE_TEAM_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

struct team;

/* A team of `threads` members, the caller being member 0; threads - 1 are started here and sleep. */
sk_status team_new(struct team **team, int threads);
void team_free(struct team *team);
int team_size(const struct team *team);

/* Run region(arg, member) on every member, member = 0 … size-1; returns when all have returned. */
typedef void team_region(void *arg, int member);
void team_run(struct team *team, team_region *region, void *arg);

/* Inside a region: wait until every member has arrived. */
void team_barrier(struct team *team);

/* Run tile(arg, index, member) for index = 0 … count-1, claimed one by one; a whole region of its own. */
typedef void team_tile(void *arg, int64_t index, int member);
void team_for(struct team *team, int64_t count, team_tile *tile, void *arg);

#endif
