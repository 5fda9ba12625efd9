/* layer_name.c — layers by name.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "models/layer_name.h"

#include <string.h>

#include "base/text.h"

static bool is_part_of(const char *name, const char *group) {
    size_t length = strlen(group);
    return strncmp(name, group, length) == 0 && (name[length] == '.' || !name[length]);
}

/* The last node of that name or group, or NULL. */
static const struct node *last_node(const struct graph *graph, const char *name) {
    for (size_t i = graph->node_count; name[0] && i-- > 0;)
        if (is_part_of(graph->nodes[i].name, name)) return &graph->nodes[i];
    return NULL;
}

/* The groups and the node itself that begin with this node: those that the node before is not part of. */
static sk_status add_names(struct arena *arena, const struct graph *graph, size_t node, const char ***names,
                           size_t *count, size_t *capacity) {
    const char *name = graph->nodes[node].name, *before = node ? graph->nodes[node - 1].name : "";
    for (size_t end = strcspn(name, ".");; end += 1 + strcspn(name + end + 1, ".")) {
        char *part = arena_strndup(arena, name, end);
        if (!part) return SK_EMEMORY;
        if (!is_part_of(before, part)) {
            const char **grown = arena_grow(arena, *names, capacity, *count + 1, sizeof *grown);
            if (!grown) return SK_EMEMORY;
            *names = grown;
            grown[(*count)++] = part;
        }
        if (!name[end]) return SK_OK;
    }
}

sk_status layer_names(struct arena *arena, const struct graph *graph, const char ***names, size_t *count) {
    size_t capacity = 0;
    *names = NULL, *count = 0;
    for (size_t i = 0; i < graph->node_count; i++) TRY(add_names(arena, graph, i, names, count, &capacity));
    return SK_OK;
}

sk_status layer_find(const struct graph *graph, const char *name, int *value) {
    const struct node *node = last_node(graph, name);
    if (node) {
        *value = node->out[0];
        return SK_OK;
    }
    struct arena arena = {0};
    const char **names = NULL;
    size_t count = 0;
    if (layer_names(&arena, graph, &names, &count) != SK_OK) count = 0;
    sk_status status =
        status_fail(SK_EUSAGE, "the network has no layer called %s%s; `siskin run MODEL --list` lists them", name,
                    near_hint(name, names, count, "").text);
    arena_free(&arena);
    return status;
}
