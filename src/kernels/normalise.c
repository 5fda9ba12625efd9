/* normalise.c — a picture's bytes to a network's numbers (per-ISA: compiled once per level).
 *
 * Two divisions a number are slow, and a table of the 256 numbers is a load for each. A quotient from the reciprocal and
 * its remainder has the division's bits where nothing lies at the ends of the range: Markstein, "Computation of elementary
 * functions on the IBM RISC System/6000 processor", 1990. SPDX-License-Identifier: Apache-2.0 */
#include "kernels/variants.h"

static inline vf quotient(vf x, vf divisor, vf reciprocal) {
    vf q = vmul(x, reciprocal);
    return vfma(vsub(vzero(), vfma(divisor, q, vsub(vzero(), x))), reciprocal, q);
}

struct lanes {
    float mean[3 * VL], std[3 * VL], reciprocal[3 * VL];
};

static inline vf number(const struct normalise_job *job, const struct lanes *lanes, int part, vf x) {
    vf divisor = vset(job->divisor), std = vload(lanes->std + part * VL);
    vf share = quotient(x, divisor, vset(1.0F / job->divisor));
    return quotient(vsub(share, vload(lanes->mean + part * VL)), std, vload(lanes->reciprocal + part * VL));
}

void KERNEL_NAME(normalise_bytes)(const struct normalise_job *job) {
    struct lanes lanes;
    int64_t at = 0;
    for (int i = 0; i < 3 * VL; i++) {
        lanes.mean[i] = job->mean[i % job->channels];
        lanes.std[i] = job->std[i % job->channels];
        lanes.reciprocal[i] = 1.0F / lanes.std[i];
    }
    for (; at + 3 * VL <= job->count; at += 3 * VL)
        for (int part = 0; part < 3; part++)
            vstore(job->to + at + part * VL, number(job, &lanes, part, vifloat(vibytes(job->from + at + part * VL))));
    for (int part = 0; at < job->count; part++) {
        uint8_t bytes[VL] = {0};
        int left = job->count - at < VL ? (int)(job->count - at) : VL;
        memcpy(bytes, job->from + at, (size_t)left);
        vstore_n(job->to + at, number(job, &lanes, part, vifloat(vibytes(bytes))), left);
        at += left;
    }
}
