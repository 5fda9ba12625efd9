/* interval.h — how sure an accuracy is: Wilson's score interval for a proportion.
 *
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_EVAL_INTERVAL_H
#define SK_EVAL_INTERVAL_H

#include <stdint.h>

/* 95 % interval of right / n as shares from 0 to 1; (0, 1) where n = 0. */
void interval_wilson(int64_t right, int64_t n, double *low, double *high);

/* Mean of n numbers, and its 95 % interval by Student's t; infinitely wide for one number. */
void interval_student(const double *values, int64_t n, double *mean, double *low, double *high);

#endif
