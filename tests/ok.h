/* ok.h — a call that must succeed; its sentence is printed where it does not.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_TEST_OK_H
#define SK_TEST_OK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/status.h"

static inline void ok(sk_status status) {
    if (status != SK_OK) print_error("%s\n", sk_error());
    assert_int_equal(status, SK_OK);
}

#endif
