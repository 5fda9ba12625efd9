/* interval.c — Wilson's score interval: stays inside 0 … 1 and is honest for small n and for 0 or n right; Student's for a mean.
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

void interval_student(const double *values, int64_t n, double *mean, double *low, double *high) {
    /* 97.5 % points by degrees of freedom, from 1; beyond the table their expansion around the normal's. */
    static const double points[] = {12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691,
                                    2.36462, 2.30600, 2.26216, 2.22814, 2.20099, 2.17881};
    enum { POINTS = sizeof points / sizeof *points };
    double sum = 0, square = 0, freedom = (double)n - 1;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    *mean = n > 0 ? sum / (double)n : 0;
    *low = -INFINITY, *high = INFINITY;
    if (n < 2) return;
    for (int64_t i = 0; i < n; i++) square += (values[i] - *mean) * (values[i] - *mean);
    double t = n - 1 <= POINTS ? points[n - 2]
                               : 1.959964 + 2.372271 / freedom + 2.822499 / (freedom * freedom) +
                                     2.555852 / (freedom * freedom * freedom);
    double half = t * sqrt(square / freedom / (double)n);
    *low = *mean - half, *high = *mean + half;
}
