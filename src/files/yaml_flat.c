/* yaml_flat.c — libyaml's events turned into flat entries.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "files/yaml_flat.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

/* Where the reader stands: the dotted path of the key in hand, and how much of it each open map gave. */
struct reader {
    struct arena *arena;
    const char *name;
    struct yaml_flat *flat;
    char path[YAML_KEY_MAX + 1];
    size_t prefix[YAML_DEPTH_MAX + 1];
    int depth;
    bool have_key, in_list, in_row;
    int documents;
    char row[YAML_ROW_MAX + 1]; /* the inner list in hand: "[3, 16, RE" */
    size_t row_length;
    struct yaml_item row_start; /* its place */
};

static int line_of(const yaml_event_t *event) {
    return (int)event->start_mark.line + 1;
}

static int column_of(const yaml_event_t *event) {
    return (int)event->start_mark.column + 1;
}

static sk_status refuse(const struct reader *reader, const yaml_event_t *event, const char *what) {
    return status_fail(SK_EUSAGE, "%s:%d:%d: found %s; a recipe is a map of keys to texts, numbers and lists of them",
                       reader->name, line_of(event), column_of(event), what);
}

static sk_status copy_scalar(const struct reader *reader, const yaml_event_t *event, const char **text) {
    const char *bytes = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(bytes, 0, length)) return refuse(reader, event, "a NUL character in a text");
    *text = arena_strndup(reader->arena, bytes, length);
    return *text ? SK_OK : SK_EMEMORY;
}

/* A new entry for the key in hand; no key twice, whichever way its dots were written. */
static sk_status add_entry(struct reader *reader, const yaml_event_t *event, enum yaml_kind kind) {
    struct yaml_flat *flat = reader->flat;
    for (size_t i = 0; i < flat->count; i++) {
        const struct yaml_entry *other = &flat->entry[i];
        FAIL_IF(!strcmp(other->key, reader->path), SK_EUSAGE,
                "%s:%d:%d: the key '%s' stands here a second time (first at line %d); keep one", reader->name,
                line_of(event), column_of(event), reader->path, other->line);
    }
    FAIL_IF(flat->count >= YAML_ENTRIES_MAX, SK_EUSAGE, "%s:%d:%d: more than %d keys", reader->name, line_of(event),
            column_of(event), YAML_ENTRIES_MAX);
    struct yaml_entry *grown = arena_grow(reader->arena, flat->entry, &flat->capacity, flat->count + 1, sizeof *grown);
    if (!grown) return SK_EMEMORY;
    flat->entry = grown;
    const char *key = arena_strdup(reader->arena, reader->path);
    if (!key) return SK_EMEMORY;
    flat->entry[flat->count++] =
        (struct yaml_entry){.key = key, .kind = kind, .line = line_of(event), .column = column_of(event)};
    return SK_OK;
}

static sk_status add_text(struct reader *reader, struct yaml_item item) {
    struct yaml_entry *entry = &reader->flat->entry[reader->flat->count - 1];
    FAIL_IF(entry->count >= YAML_ENTRIES_MAX, SK_EUSAGE, "%s:%d:%d: a list of more than %d items", reader->name,
            item.line, item.column, YAML_ENTRIES_MAX);
    struct yaml_item *grown = arena_grow(reader->arena, entry->item, &entry->capacity, entry->count + 1, sizeof *grown);
    if (!grown) return SK_EMEMORY;
    entry->item = grown;
    entry->item[entry->count++] = item;
    return SK_OK;
}

static sk_status add_item(struct reader *reader, const yaml_event_t *event) {
    struct yaml_item item = {.line = line_of(event), .column = column_of(event)};
    TRY(copy_scalar(reader, event, &item.text));
    return add_text(reader, item);
}

/* ---- a list in a list becomes one text, "[3, 16, RE]" ---- */

static sk_status add_to_row(struct reader *reader, const yaml_event_t *event) {
    const char *text;
    TRY(copy_scalar(reader, event, &text));
    size_t length = strlen(text), before = reader->row_length > 1 ? 2 : 0;
    if (strpbrk(text, "[],")) return refuse(reader, event, "a bracket or comma in a text of an inner list");
    if (reader->row_length + before + length + 1 > YAML_ROW_MAX)
        return refuse(reader, event, "an inner list that is too long");
    memcpy(reader->row + reader->row_length, ", ", before);
    memcpy(reader->row + reader->row_length + before, text, length);
    reader->row_length += before + length;
    return SK_OK;
}

static sk_status end_row(struct reader *reader) {
    reader->in_row = false;
    reader->row[reader->row_length++] = ']';
    struct yaml_item item = reader->row_start;
    item.text = arena_strndup(reader->arena, reader->row, reader->row_length);
    return item.text ? add_text(reader, item) : SK_EMEMORY;
}

/* Append a map's key to the path. */
static sk_status take_key(struct reader *reader, const yaml_event_t *event) {
    const char *bytes = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length, at = reader->prefix[reader->depth];
    if (length == 0) return refuse(reader, event, "an empty key");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)bytes[i] <= ' ' || bytes[i] == 0x7f)
            return refuse(reader, event, "a blank or control character in a key");
    }
    size_t dot = at > 0;
    if (at + dot + length > YAML_KEY_MAX) return refuse(reader, event, "a key that is too long");
    if (dot) reader->path[at] = '.';
    memcpy(reader->path + at + dot, bytes, length);
    reader->path[at + dot + length] = 0;
    reader->have_key = true;
    return SK_OK;
}

static sk_status on_scalar(struct reader *reader, const yaml_event_t *event) {
    if (event->data.scalar.anchor) return refuse(reader, event, "an anchor (&name)");
    if (event->data.scalar.tag) return refuse(reader, event, "a tag (!name)");
    if (reader->in_row) return add_to_row(reader, event);
    if (reader->in_list) return add_item(reader, event);
    if (reader->depth == 0) {
        if (event->data.scalar.length == 0) return SK_OK; /* an empty document */
        return refuse(reader, event, "a text where the first key should stand");
    }
    if (!reader->have_key) return take_key(reader, event);
    reader->have_key = false;
    TRY(add_entry(reader, event, YAML_TEXT));
    return add_item(reader, event);
}

static sk_status on_list(struct reader *reader, const yaml_event_t *event) {
    if (event->data.sequence_start.anchor) return refuse(reader, event, "an anchor (&name)");
    if (event->data.sequence_start.tag) return refuse(reader, event, "a tag (!name)");
    if (reader->in_row) return refuse(reader, event, "a list inside a list of a list");
    if (reader->in_list) {
        reader->in_row = true;
        reader->row[0] = '[', reader->row_length = 1;
        reader->row_start = (struct yaml_item){.line = line_of(event), .column = column_of(event)};
        return SK_OK;
    }
    if (!reader->have_key) return refuse(reader, event, "a list where a key should stand");
    reader->have_key = false;
    reader->in_list = true;
    return add_entry(reader, event, YAML_LIST);
}

static sk_status on_map(struct reader *reader, const yaml_event_t *event) {
    if (event->data.mapping_start.anchor) return refuse(reader, event, "an anchor (&name)");
    if (event->data.mapping_start.tag) return refuse(reader, event, "a tag (!name)");
    if (reader->in_list) return refuse(reader, event, "a map inside a list");
    if (reader->depth > 0) {
        if (!reader->have_key) return refuse(reader, event, "a map where a key should stand");
        TRY(add_entry(reader, event, YAML_GROUP));
        reader->have_key = false;
    }
    if (reader->depth == YAML_DEPTH_MAX) return refuse(reader, event, "maps nested too deeply");
    reader->depth++;
    reader->prefix[reader->depth] = strlen(reader->path);
    return SK_OK;
}

static sk_status on_event(struct reader *reader, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return reader->documents++ ? refuse(reader, event, "a second document (---)") : SK_OK;
    case YAML_ALIAS_EVENT: return refuse(reader, event, "an alias (*name)");
    case YAML_SCALAR_EVENT: return on_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT: return on_list(reader, event);
    case YAML_SEQUENCE_END_EVENT:
        if (reader->in_row) return end_row(reader);
        reader->in_list = false;
        return SK_OK;
    case YAML_MAPPING_START_EVENT: return on_map(reader, event);
    case YAML_MAPPING_END_EVENT:
        reader->path[reader->prefix[reader->depth]] = 0; /* the enclosing map's own key again */
        reader->depth--;
        return SK_OK;
    default: return SK_OK;
    }
}

static sk_status parser_failed(const struct reader *reader, const yaml_parser_t *parser) {
    FAIL_IF(parser->error == YAML_MEMORY_ERROR, SK_EMEMORY, "%s: no memory to parse it", reader->name);
    const char *problem = parser->problem ? parser->problem : "unknown";
    FAIL_IF(parser->error == YAML_READER_ERROR, SK_EUSAGE, "%s: not YAML in UTF-8: %s at byte %zu", reader->name,
            problem, parser->problem_offset);
    return status_fail(SK_EUSAGE, "%s:%zu:%zu: not YAML: %s%s%s", reader->name, parser->problem_mark.line + 1,
                       parser->problem_mark.column + 1, parser->context ? parser->context : "",
                       parser->context ? ", " : "", problem);
}

static sk_status read_events(struct reader *reader, yaml_parser_t *parser) {
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return parser_failed(reader, parser);
        more = event.type != YAML_STREAM_END_EVENT;
        sk_status status = on_event(reader, &event);
        yaml_event_delete(&event);
        TRY(status);
    }
    return SK_OK;
}

sk_status yaml_flatten(struct arena *arena, const char *bytes, size_t size, const char *name, struct yaml_flat *flat) {
    *flat = (struct yaml_flat){0};
    FAIL_IF(size > YAML_BYTES_MAX, SK_EUSAGE, "%s: %zu bytes; a recipe has at most %d", name, size, YAML_BYTES_MAX);
    struct reader reader = {.arena = arena, .name = name, .flat = flat};
    yaml_parser_t parser;
    FAIL_IF(!yaml_parser_initialize(&parser), SK_EMEMORY, "%s: no memory to parse it", name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    sk_status status = read_events(&reader, &parser);
    yaml_parser_delete(&parser);
    return status;
}
