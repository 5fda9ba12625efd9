/* data_pack.c — siskin data pack: a source's pictures into tar shards.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "verbs/data_pack.h"

#include <string.h>

#include "data/shards_pack.h"
#include "train/from_recipe.h"

enum { SHARD_MEGABYTES = 500, SHARDS_MOST = 100000 };

static bool progress(void *user, uint32_t done, uint32_t total) {
    if (done > 0) call_progress(user, "%u of %u pictures", done, total);
    return !atomic_load(&call_stop);
}

static sk_status options_of(struct call *call, const char *spec, struct pack_options *options) {
    int64_t megabytes, shards;
    const char *folder, *order = call_option(call, "order");
    struct recipe recipe;
    TRY(call_need(call, "out", &folder));
    TRY(recipe_default(&recipe, &call->arena));
    TRY(call_overrides(call, &recipe)); /* the seed */
    TRY(call_integer(call, "size", 1, 1 << 20, SHARD_MEGABYTES, &megabytes));
    TRY(call_integer(call, "shards", 1, SHARDS_MOST, 0, &shards));
    FAIL_IF(call_option(call, "size") && shards, SK_EUSAGE, "--size and --shards: one of them says where a shard ends");
    FAIL_IF(order && strcmp(order, "source") != 0 && strcmp(order, "shuffled") != 0, SK_EUSAGE,
            "--order %s: expected shuffled or source", order);
    *options = (struct pack_options){.folder = folder,
                                     .spec = spec,
                                     .shard_bytes = (uint64_t)megabytes * 1000000,
                                     .shards = (uint32_t)shards,
                                     .seed = (uint64_t)recipe.seed,
                                     .in_order = order && strcmp(order, "source") == 0,
                                     .progress = progress,
                                     .user = call};
    return SK_OK;
}

sk_status data_pack_verb(struct call *call, const char *spec, struct team *team) {
    (void)team; /* the disk is what waits */
    struct pack_options options;
    struct pack_result result;
    struct dataset *dataset;
    struct data_options data = {.share = {1, 0, 0}}; /* the source's own parts, none divided */
    TRY(options_of(call, spec, &options));
    TRY(dataset_open(&dataset, spec, &data));
    sk_status status = data_pack(dataset, &options, &result);
    dataset_free(dataset);
    TRY(status);
    struct json_writer *w = &call->json;
    jw_string(w, "out", options.folder);
    jw_integer(w, "pictures", result.pictures);
    jw_integer(w, "shards", result.shards);
    jw_integer(w, "found", result.found);
    jw_integer(w, "bytes", (int64_t)result.bytes);
    call_result(call, "%s: %u pictures (%.1f MB) in %u shards%s, with SHA256SUMS and an index; data.spec=tar:%s",
                options.folder, result.pictures, (double)result.bytes / 1e6, result.shards,
                result.found ? ", some of them found whole" : "", options.folder);
    return SK_OK;
}
