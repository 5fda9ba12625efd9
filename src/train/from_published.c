/* from_published.c — an entry of the catalogue of published weights to model arguments and preprocessing.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "train/from_published.h"

#include <string.h>

#include "base/text.h"

/* "norm_eps=0.001 same_padding=true" as the JSON object that model files hold. */
static void arguments_json(const struct published *p, struct text *json) {
    text_addf(json, "{\"name\": \"%s\"", p->model);
    for (const char *at = p->arguments; *at;) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " "), key = strcspn(at, "=");
        if (key < length) {
            text_addf(json, ", \"%.*s\": %.*s", (int)key, at, (int)(length - key - 1), at + key + 1);
        }
        at += length;
    }
    text_add(json, "}");
}

sk_status published_model(const struct published *published, struct model_args *args) {
    struct arena arena = {0};
    struct text text = {0};
    struct json *json;
    arguments_json(published, &text);
    sk_status status = text_check(&text);
    if (status == SK_OK) status = json_parse(&arena, text.data, text.length, published->entry, &json);
    if (status == SK_OK) status = model_args_read(json, published->entry, args);
    if (status == SK_OK) args->height = args->width = published->crop;
    text_free(&text);
    arena_free(&arena);
    return status;
}

sk_status published_preprocess(const struct published *published, struct preprocess *preprocess) {
    struct preprocess p = preprocess_default();
    p.resize = published->resize;
    p.squash = published->squash;
    p.crop_height = p.crop_width = published->crop;
    FAIL_IF(!resize_filter_by_name(published->filter, &p.filter), SK_EINTERNAL, "%s: there is no filter %s",
            published->entry, published->filter);
    for (int c = 0; c < 3; c++) {
        p.mean[c] = published->mean[c];
        p.std[c] = published->std[c];
    }
    TRY(preprocess_check(&p));
    *preprocess = p;
    return SK_OK;
}
