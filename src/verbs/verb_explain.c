/* verb_explain.c — siskin explain: which part of a picture speaks for a class, by Grad-CAM.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/team.h"
#include "data/png_write.h"
#include "eval/grad_cam.h"
#include "files/npy.h"
#include "verbs/heat.h"
#include "verbs/model_arg.h"
#include "verbs/picture_arg.h"

const struct option options_explain[] = {
    {"out", 'o', "OUT.png", "The picture as the model sees it, coloured: red speaks for the class, blue does not."},
    {"class", 0, "NAME|N", "Explain this class; otherwise the likeliest."},
    {"at", 0, "LAYER", "The layer whose map is weighed; otherwise the one before the last average pool."},
    {"raw", 0, "CAM.npy", "The map as it is, float32 (rows,columns) of the layer, not scaled."},
    {0},
};

struct explain {
    struct call *call;
    struct network *network;
    struct team *team;
    struct scratch scratch;
    struct preprocess preprocess;
    struct picture picture; /* the crop, in the call's arena */
    float *input;
    struct grad_cam cam;
};

/* The picture as the model sees it: 8-bit for the overlay, numbers for the network. */
static sk_status read_picture(struct explain *e, const char *path) {
    struct arena *arena = &e->call->arena;
    struct picture whole, crop;
    TRY(model_preprocess(e->call, e->network, &e->preprocess));
    const struct preprocess *p = &e->preprocess;
    e->input = arena_array(arena, (size_t)p->crop_height * (size_t)p->crop_width * (size_t)p->channels, sizeof(float));
    if (!e->input) return SK_EMEMORY;
    TRY(picture_read(path, p->exif, &e->scratch, &whole));
    sk_status status = preprocess_geometry(p, &whole, &e->scratch, &crop);
    if (status == SK_OK) status = picture_keep(arena, &crop, &e->picture);
    if (status != SK_OK) return status_prefix(status, "%s", path);
    struct normalise_table table;
    normalise_prepare(p, &table);
    normalise_picture(&table, &e->picture, e->input);
    return SK_OK;
}

/* The class of that name, or of that number. */
static sk_status find_class(const struct network *network, const char *word, int64_t *index) {
    int64_t classes = network->args.num_classes;
    for (int64_t k = 0; network->classes && k < classes; k++) {
        if (strcmp(network->classes[k], word) != 0) continue;
        *index = k;
        return SK_OK;
    }
    if (parse_i64(word, index) && *index >= 0 && *index < classes) return SK_OK;
    return status_fail(SK_EUSAGE, "the model has no class %s%s; its classes are numbered 0 to %lld%s", word,
                       near_hint(word, network->classes, network->classes ? (size_t)classes : 0, "").text,
                       (long long)(classes - 1), network->classes ? " or named as in its file" : "");
}

static double share_of(const float *logits, int64_t classes, int64_t class) {
    double sum = 0;
    for (int64_t k = 0; k < classes; k++) sum += exp((double)logits[k] - (double)logits[class]);
    return 1 / sum;
}

static sk_status draw(struct explain *e, const char *out, float largest) {
    struct arena *arena = &e->call->arena;
    struct picture overlay;
    int64_t count = e->cam.height * e->cam.width;
    float *scaled = arena_array(arena, (size_t)count, sizeof *scaled);
    if (!scaled) return SK_EMEMORY;
    for (int64_t i = 0; largest > 0 && i < count; i++) scaled[i] = e->cam.map[i] / largest;
    float *heat = heat_enlarge(arena, scaled, e->cam.height, e->cam.width, &e->picture);
    if (!heat) return SK_EMEMORY;
    TRY(heat_overlay(arena, heat, &e->picture, &overlay));
    return save_png(&overlay, out);
}

static sk_status answer(struct explain *e, const char *out, const char *raw) {
    struct json_writer *w = &e->call->json;
    const struct grad_cam *cam = &e->cam;
    int64_t classes = e->network->args.num_classes;
    double share = share_of(cam->logits, classes, cam->class);
    char text[32];
    const char *label = model_class_name(e->network, cam->class, text, sizeof text);
    float largest = 0;
    for (int64_t i = 0; i < cam->height * cam->width; i++) largest = cam->map[i] > largest ? cam->map[i] : largest;
    TRY(draw(e, out, largest));
    struct tensor map = {.name = "", .dtype = F32, .shape = {2, {cam->height, cam->width}}, .data = cam->map};
    if (raw) TRY(npy_save(raw, &map));
    jw_string(w, "out", out);
    if (raw) jw_string(w, "raw", raw);
    jw_integer(w, "index", cam->class);
    jw_string(w, "label", label);
    jw_number(w, "score", share);
    jw_string(w, "at", cam->layer);
    jw_array(w, "map");
    jw_integer(w, NULL, cam->height);
    jw_integer(w, NULL, cam->width);
    jw_end_array(w);
    jw_float(w, "largest", largest);
    call_result(e->call, "%s: %s (%.2f %%), %lld x %lld pixels of %s", out, label, 100 * share, (long long)cam->height,
                (long long)cam->width, cam->layer);
    if (!(largest > 0)) call_note(e->call, "no pixel of this layer speaks for %s: the picture is blue all over", label);
    return SK_OK;
}

static sk_status work(struct explain *e) {
    struct call *call = e->call;
    const char *out, *class = call_option(call, "class");
    struct grad_cam_request request = {.at = call_option(call, "at"), .class = -1};
    int threads;
    TRY(call_need(call, "out", &out));
    TRY(call_threads(call, &threads));
    TRY(model_open(call, call->arguments[0], true, &e->network));
    if (class) TRY(find_class(e->network, class, &request.class));
    TRY(read_picture(e, call->arguments[1]));
    TRY(team_new(&e->team, threads));
    request.image = e->input;
    TRY(grad_cam(&call->arena, e->network, e->team, &request, &e->cam));
    return answer(e, out, call_option(call, "raw"));
}

sk_status verb_explain(struct call *call) {
    struct explain e = {.call = call};
    sk_status status = work(&e);
    scratch_free(&e.scratch);
    team_free(e.team);
    network_free(e.network);
    return status;
}
