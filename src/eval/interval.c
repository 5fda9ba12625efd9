/* interval.c — Wilson's score interval: stays inside 0 … 1 and is honest for small n and for 0 or n right.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "eval/interval.h"

#include <math.h>

void interval_wilson(int64_t right, int64_t n, double *low, double *high) {
    const double z = 1.959963984540054; /* the normal's 97.5 % point */
    *low = 0;
    *high = 1;
    if (n <= 0) return;
    double p = (double)right / (double)n, zz = z * z / (double)n;
    double centre = (p + zz / 2) / (1 + zz);
    double half = z * sqrt(p * (1 - p) / (double)n + zz / (4 * (double)n)) / (1 + zz);
    *low = right == 0 ? 0 : fmax(0, centre - half);
    *high = right == n ? 1 : fmin(1, centre + half);
}
