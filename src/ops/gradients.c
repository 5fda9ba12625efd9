/* gradients.c — collecting the gradients of forward values.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops/gradients.h"

#include "ops/build.h"

bool gradients_wanted(const struct gradients *gradients, int value) {
    return value && (size_t)value < gradients->count && gradients->wanted[value];
}

bool gradients_known(const struct gradients *gradients, int value) {
    if (!value || (size_t)value >= gradients->count) return false;
    const struct gradient *of = &gradients->of[value];
    return of->g || of->b || of->sums;
}

int gradients_plain(struct gradients *gradients, int value) {
    struct gradient *of = &gradients->of[value];
    if (!of->a && !of->b) return of->g;
    int plain = build_combine(gradients->graph, *of, value);
    *of = (struct gradient){.g = plain};
    return plain;
}

int gradients_take(struct gradients *gradients, int value) {
    int plain = gradients_plain(gradients, value);
    gradients->of[value] = (struct gradient){0};
    return plain;
}

void gradients_add(struct gradients *gradients, int value, int contribution) {
    if (!gradients_wanted(gradients, value) || !contribution) return;
    struct gradient *of = &gradients->of[value];
    int before = gradients_plain(gradients, value);
    of->g = before ? build_sum(gradients->graph, before, contribution) : contribution;
}

void gradients_view(struct gradients *gradients, int value, int g, int scale) {
    if (!gradients_wanted(gradients, value)) return;
    struct gradient view = {.g = g, .a = scale};
    if (gradients_known(gradients, value))
        gradients_add(gradients, value, build_combine(gradients->graph, view, 0));
    else
        gradients->of[value] = view;
}
