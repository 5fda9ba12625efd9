/* policy_timm.c — timm's policy strings: rand-m9-n3-mstd0.5-mmax12-p0.5-inc1-tweights, augmix-m3-w3-d2-a1-b1-mstd1,
 * v0, v0r, original, originalr, 3a with -mstd0.5.
 *
 * timm passes over sections that it does not know and that hold no digit; here they are refused. Words it has dropped
 * (rand's w0) are refused too. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "augment/policy.h"
#include "base/text.h"

enum { SECTION_MAX = 32 };

/* One section: letters, then what begins with its first digit. */
struct section {
    const char *words; /* the whole, for sentences */
    char key[SECTION_MAX], value[SECTION_MAX];
};

static sk_status section_fail(const struct section *s, const char *expected) {
    FAIL_IF(true, SK_EUSAGE, "timm's policy '%.80s': section '%.32s%.32s'; expected %s", s->words, s->key, s->value,
            expected);
    return SK_OK;
}

static sk_status section_integer(const struct section *s, int low, int high, int *out) {
    int64_t value;
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %d to %d behind '%s'", low, high, s->key);
    if (!parse_i64(s->value, &value) || value < low || value > high) return section_fail(s, expected);
    *out = (int)value;
    return SK_OK;
}

static sk_status section_number(const struct section *s, double high, double *out) {
    double value;
    char expected[96];
    snprintf(expected, sizeof expected, "a number from 0 to %g behind '%s'", high, s->key);
    if (!parse_f64(s->value, &value) || !(value >= 0 && value <= high)) return section_fail(s, expected);
    *out = value;
    return SK_OK;
}

/* Which operations: the part behind t. */
static sk_status rand_set(const struct section *s, bool *given, struct policy *p) {
    char name[2 * SECTION_MAX];
    snprintf(name, sizeof name, "%s%s", s->key + 1, s->value);
    *given = true;
    if (!strcmp(name, "weights"))
        p->set = POLICY_SET_TIMM_WEIGHTS;
    else if (!strcmp(name, "3a"))
        p->set = POLICY_SET_TIMM_3A;
    else if (!strcmp(name, "3aw"))
        p->set = POLICY_SET_TIMM_3AW;
    else
        return section_fail(s, "tweights, t3a or t3aw");
    return SK_OK;
}

/* What the sections of `rand` say beside the policy's own members. */
struct rand_words {
    bool set_given;
    int increasing;
};

static sk_status rand_section(const struct section *s, struct rand_words *r, struct policy *p) {
    int whole = 0;
    if (s->key[0] == 't') return rand_set(s, &r->set_given, p);
    if (!strcmp(s->key, "mstd")) {
        TRY(section_number(s, 1e9, &p->magnitude_std));
        if (p->magnitude_std > 100) p->magnitude_std = INFINITY;
        return SK_OK;
    }
    if (!strcmp(s->key, "mmax")) {
        TRY(section_integer(s, 0, 1000, &whole));
        p->magnitude_max = whole ? whole : 10;
        return SK_OK;
    }
    if (!strcmp(s->key, "inc")) return section_integer(s, 0, 1000, &r->increasing);
    if (!strcmp(s->key, "m")) {
        TRY(section_integer(s, 0, 1000, &whole));
        p->magnitude = whole;
        return SK_OK;
    }
    if (!strcmp(s->key, "n")) return section_integer(s, 0, POLICY_LAYERS, &p->layers);
    if (!strcmp(s->key, "p")) return section_number(s, 1, &p->probability);
    return section_fail(s, "m, n, p, mstd, mmax, inc with a number, or t with a name");
}

static sk_status mix_section(const struct section *s, struct policy *p) {
    int whole = 0;
    if (!strcmp(s->key, "mstd")) return section_number(s, 1e9, &p->magnitude_std);
    if (!strcmp(s->key, "m")) {
        TRY(section_integer(s, 0, 1000, &whole));
        p->magnitude = whole;
        return SK_OK;
    }
    if (!strcmp(s->key, "w")) return section_integer(s, 1, POLICY_CHAINS, &p->mix_width);
    if (!strcmp(s->key, "d")) return section_integer(s, 0, POLICY_DEPTH, &p->mix_depth);
    if (!strcmp(s->key, "a")) {
        TRY(section_number(s, 1000, &p->mix_alpha));
        return p->mix_alpha > 0 ? SK_OK : section_fail(s, "a number above 0 behind 'a'");
    }
    if (!strcmp(s->key, "b")) {
        TRY(section_integer(s, 0, 1000, &whole));
        p->mix_blended = whole != 0;
        return SK_OK;
    }
    return section_fail(s, "m, w, d, a, b or mstd with a number");
}

static bool list_of(const char *name, struct policy *p) {
    static const struct {
        const char *name;
        enum policy_list list;
        enum level_scale bits;
    } lists[] = {
        {"v0", POLICY_LIST_V0, LEVEL_BITS},
        {"v0r", POLICY_LIST_V0, LEVEL_BITS_FALLING},
        {"original", POLICY_LIST_IMAGENET, LEVEL_BITS_ORIGINAL},
        {"originalr", POLICY_LIST_IMAGENET, LEVEL_BITS_FALLING},
        {"3a", POLICY_LIST_3A, LEVEL_BITS},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strcmp(name, lists[i].name) != 0) continue;
        p->kind = POLICY_AUTO;
        p->list = lists[i].list;
        p->list_bits = lists[i].bits;
        return true;
    }
    return false;
}

/* The kind and its defaults, from the first section. */
static sk_status begin(const char *words, const char *first, struct policy *p) {
    p->of = PIXEL_RULES_TIMM;
    p->magnitude_std = 0;
    p->magnitude_max = 10;
    p->translate_share = 0.45;
    p->layers = 2;
    p->magnitude = 10;
    if (!strcmp(first, "rand")) {
        p->kind = POLICY_RAND;
        p->set = POLICY_SET_TIMM;
        p->probability = 0.5;
        return SK_OK;
    }
    if (!strcmp(first, "augmix")) {
        p->kind = POLICY_MIX;
        p->set = POLICY_SET_TIMM_MIX;
        p->magnitude = 3;
        p->magnitude_std = INFINITY;
        p->translate_share = 0.3;
        p->mix_width = 3;
        p->mix_depth = 0;
        p->mix_alpha = 1;
        p->mix_blended = false;
        return SK_OK;
    }
    FAIL_IF(!list_of(first, p), SK_EUSAGE,
            "timm's policy '%.80s' begins with '%.32s'; expected rand, augmix, v0, v0r, original, originalr or 3a",
            words, first);
    return SK_OK;
}

static sk_status take_section(const struct section *s, struct rand_words *r, struct policy *p) {
    if (p->kind == POLICY_RAND) return rand_section(s, r, p);
    if (p->kind == POLICY_MIX) return mix_section(s, p);
    if (!strcmp(s->key, "mstd")) return section_number(s, 1e9, &p->magnitude_std);
    return section_fail(s, "mstd with a number");
}

sk_status policy_from_timm(const char *words, struct policy *policy) {
    struct policy p = *policy;
    struct rand_words r = {0};
    for (const char *at = words; at; at = *at == '-' ? at + 1 : NULL) {
        size_t length = strcspn(at, "-");
        struct section s = {.words = words};
        FAIL_IF(length >= SECTION_MAX, SK_EUSAGE,
                "timm's policy '%.80s': a section has %zu letters; expected fewer than %d", words, length, SECTION_MAX);
        size_t letters = strcspn(at, "0123456789-");
        if (at == words) letters = length;
        memcpy(s.key, at, letters);
        memcpy(s.value, at + letters, length - letters);
        if (at == words)
            TRY(begin(words, s.key, &p));
        else
            TRY(take_section(&s, &r, &p));
        at += length;
    }
    if (p.kind == POLICY_RAND && !r.set_given && r.increasing) p.set = POLICY_SET_TIMM_INCREASING;
    TRY(policy_check(&p));
    *policy = p;
    return SK_OK;
}
