/* sweep_page.h — FOLDER/sweep.html: a sweep's table as a page, with the reports of its runs behind it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_VERBS_SWEEP_PAGE_H
#define SK_VERBS_SWEEP_PAGE_H

#include "train/sweep.h"

sk_status sweep_page_write(const struct sweep *sweep, const struct sweep_row *rows, size_t best);

#endif
