/* import_read.c — a command line's words, or a YAML file's entries, as values of a source's table.
 *
 * A command line is read as argparse reads it: "--lr 0.5", "--lr=0.5", "-b 128", "-b128", a beginning of a name that
 * is no other's. A text file is cut into words as a shell would. SPDX-License-Identifier: Apache-2.0 */
#include "train/import_read.h"

#include <string.h>

#include "base/file.h"
#include "files/yaml_flat.h"

static const struct import_source *const sources[] = {&import_torchvision, &import_timm, &import_model_garden};
enum { SOURCES = sizeof sources / sizeof *sources, IMAGENET_TRAIN = 1281167, WORDS_MAX = 4096 };

/* ---- names ---- */

/* "weight-decay" is "weight_decay". */
static bool same_name(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];
        if (x != y) return false;
    }
    return true;
}

static bool in_list(const char *list, const char *name, size_t length) {
    for (const char *at = list; *at;) {
        size_t word = strcspn(at, " ");
        if (word == length && same_name(at, name, length)) return true;
        at += word;
        at += *at == ' ';
    }
    return false;
}

/* The row of a name, or of the only name that begins so; -1: none. */
static int find_name(const struct import_source *source, const char *name, size_t length, bool beginnings) {
    int found = -1, count = 0;
    for (size_t i = 0; i < source->count; i++) {
        const struct import_row *row = &source->rows[i];
        if (row->key[0] == '(') continue;
        if (strlen(row->key) == length && same_name(row->key, name, length)) return (int)i;
        if (in_list(row->aliases, name, length)) return (int)i;
        if (length >= 2 && strlen(row->key) > length && same_name(row->key, name, length)) found = (int)i, count++;
    }
    return beginnings && count == 1 ? found : -1;
}

static sk_status begin(struct importing *im, struct recipe_import *import, struct arena *arena,
                       const struct import_source *source, const struct import_options *options) {
    *import = (struct recipe_import){0};
    *im = (struct importing){.import = import, .arena = arena, .source = source};
    im->world = options->world ? options->world : 1;
    im->images = options->images ? options->images : IMAGENET_TRAIN;
    im->values = arena_array(arena, source->count, sizeof *im->values);
    im->presets = arena_array(arena, source->count, sizeof *im->presets);
    if (!im->values || !im->presets) return SK_EMEMORY;
    for (size_t i = 0; i < source->count; i++) {
        im->values[i] = (struct import_value){0};
        im->presets[i] = source->rows[i].preset;
    }
    return SK_OK;
}

/* ---- a command line ---- */

/* A word that begins an option: "-b", "--lr", not "-1e-5". */
static bool is_option(const char *word) {
    return word[0] == '-' &&
           (word[1] == '-' || (word[1] >= 'a' && word[1] <= 'z') || (word[1] >= 'A' && word[1] <= 'Z'));
}

static bool ends_in(const char *word, const char *end) {
    size_t length = strlen(word), tail = strlen(end);
    return length >= tail && !strcmp(word + length - tail, end);
}

struct words {
    const char *const *word;
    size_t count, at;
};

/* torchrun and its like: how many processes; the first word behind the script's name. */
static size_t find_script(const struct words *w, int64_t *world) {
    size_t script = 0;
    int64_t processes = 1, nodes = 1, number;
    for (size_t i = 0; i < w->count && !script; i++) {
        const char *word = w->word[i], *equals = strchr(word, '=');
        const char *value = equals ? equals + 1 : i + 1 < w->count ? w->word[i + 1] : "";
        if (strstr(word, "nproc") && parse_i64(value, &number) && number > 0 && number < 65536) processes = number;
        if (strstr(word, "nnodes") && parse_i64(value, &number) && number > 0 && number < 65536) nodes = number;
        if (ends_in(word, "distributed_train.sh") && parse_i64(value, &number) && number > 0 && number < 65536) {
            processes = number;
            script = i + 2;
        } else if (ends_in(word, ".py") && !strstr(word, "run_with_submitit")) {
            script = i + 1;
        }
    }
    *world = processes * nodes;
    return script;
}

/* Values of the option at w->at, behind its name; inline_value: "--lr=0.5", "-b128". */
static sk_status take_values(struct importing *im, const struct import_row *row, struct words *w,
                             const char *inline_value) {
    struct import_value *value = &im->values[row - im->source->rows];
    const char **texts = arena_array(im->arena, w->count, sizeof *texts);
    if (!texts) return SK_EMEMORY;
    size_t count = 0;
    if (inline_value) texts[count++] = inline_value;
    size_t most = row->arity == IMPORT_MANY ? w->count : row->arity == IMPORT_ONE ? 1 : 0;
    while (!inline_value && count < most && w->at < w->count && !is_option(w->word[w->at]))
        texts[count++] = w->word[w->at++];
    FAIL_IF(count == 0 && row->arity == IMPORT_ONE, SK_EUSAGE, "%s: --%s has no value", im->source->name, row->key);
    if (row->arity == IMPORT_FLAG && count == 0) texts[count++] = "true";
    *value = (struct import_value){texts, count, true};
    return SK_OK;
}

static sk_status take_option(struct importing *im, struct words *w) {
    const char *word = w->word[w->at++], *inline_value = NULL;
    int row = -1;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        inline_value = word[2 + length] ? word + 2 + length + 1 : NULL;
        row = find_name(im->source, word + 2, length, true);
        if (row < 0 && length > 3 && !strncmp(word + 2, "no-", 3))
            row = find_name(im->source, word + 5, length - 3, false);
        if (row >= 0 && !strncmp(word + 2, "no-", 3) && !same_name(im->source->rows[row].key, "no_", 3))
            inline_value = "false";
    } else {
        size_t length = strlen(word + 1);
        row = find_name(im->source, word + 1, length, false);
        if (row < 0 && length > 1 && (row = find_name(im->source, word + 1, 1, false)) >= 0) inline_value = word + 2;
    }
    if (row >= 0) return take_values(im, &im->source->rows[row], w, inline_value);
    const char *value = inline_value ? inline_value : "";
    if (!inline_value && w->at < w->count && !is_option(w->word[w->at])) value = w->word[w->at++];
    char *name = arena_strndup(im->arena, word, strcspn(word, "="));
    return name ? import_unknown(im, name, value) : SK_EMEMORY;
}

/* How many options of the line a source knows. */
static size_t count_known(const struct import_source *source, const struct words *w, size_t from) {
    size_t known = 0;
    for (size_t i = from; i < w->count; i++) {
        const char *word = w->word[i];
        if (!is_option(word) || source->dotted) continue;
        word += word[1] == '-' ? 2 : 1;
        known += find_name(source, word, strcspn(word, "="), false) >= 0;
    }
    return known;
}

static sk_status choose(const struct import_options *options, const size_t known[SOURCES],
                        const struct import_source **source) {
    int best = 0, ties = 0;
    for (int i = 0; i < SOURCES; i++) {
        if (options->source && !strcmp(options->source, sources[i]->name)) {
            *source = sources[i];
            return SK_OK;
        }
        if (known[i] > known[best]) best = i;
    }
    FAIL_IF(options->source, SK_EUSAGE, "--from %s: expected torchvision, timm or model_garden", options->source);
    for (int i = 0; i < SOURCES; i++) ties += known[i] == known[best];
    FAIL_IF(known[best] == 0 || ties > 1, SK_EUSAGE,
            "the settings do not say whose they are; add --from torchvision, timm or model_garden");
    *source = sources[best];
    return SK_OK;
}

sk_status recipe_import_words(struct recipe_import *import, struct arena *arena, const char *const words[],
                              size_t count, const struct import_options *options) {
    struct words w = {words, count, 0};
    struct importing im;
    const struct import_source *source;
    size_t known[SOURCES];
    int64_t world = 1;
    FAIL_IF(count > WORDS_MAX, SK_EUSAGE, "a command line of %zu words; at most %d are read", count, WORDS_MAX);
    w.at = find_script(&w, &world);
    for (int i = 0; i < SOURCES; i++) known[i] = count_known(sources[i], &w, w.at);
    TRY(choose(options, known, &source));
    TRY(begin(&im, import, arena, source, options));
    if (!options->world) im.world = world;
    for (int positionals = 0; w.at < w.count;) {
        if (is_option(w.word[w.at]))
            TRY(take_option(&im, &w));
        else if (positionals++ < source->positionals)
            w.at++;
        else
            TRY(import_unknown(&im, w.word[w.at++], ""));
    }
    return import_take(&im);
}

/* ---- files ---- */

/* Words of a text as a shell cuts them, into one block. */
struct cutting {
    const char *at, *end;
    char *out;
    const char **words;
    size_t count;
    char quote;
    bool inside; /* a word is begun */
};

static void put(struct cutting *c, char character) {
    if (!c->inside) c->words[c->count++] = c->out;
    c->inside = true;
    *c->out++ = character;
}

/* A backslash: the next character as it is, or a line that goes on. */
static void cut_backslash(struct cutting *c) {
    const char *next = c->at + 1;
    if (next < c->end && *next == '\r' && next + 1 < c->end && next[1] == '\n') next++;
    if (next < c->end && *next != '\n') put(c, *next);
    c->at = next + 1;
}

/* One character; false where the first command ends. */
static bool cut_one(struct cutting *c) {
    char now = *c->at;
    if (now == '\\' && c->quote != '\'') {
        cut_backslash(c);
        return true;
    }
    if (now == '#' && !c->quote && !c->inside) {
        while (c->at < c->end && *c->at != '\n') c->at++;
        return true;
    }
    c->at++;
    if (!c->quote && (now == ' ' || now == '\t' || now == '\n' || now == '\r')) {
        if (c->inside) *c->out++ = '\0';
        c->inside = false;
        return now != '\n' || c->count == 0;
    }
    if ((now == '"' || now == '\'') && (!c->quote || c->quote == now)) {
        if (!c->inside) c->words[c->count++] = c->out;
        c->inside = true;
        c->quote = c->quote ? 0 : now;
    } else {
        put(c, now);
    }
    return true;
}

/* The first command of a text that is no comment. */
static sk_status cut_words(struct arena *arena, const char *bytes, size_t size, const char ***words, size_t *count) {
    struct cutting c = {.at = bytes, .end = bytes + size};
    c.out = arena_alloc(arena, size + 2);
    c.words = arena_array(arena, WORDS_MAX + 1, sizeof *c.words);
    if (!c.out || !c.words) return SK_EMEMORY;
    while (c.at < c.end && cut_one(&c)) FAIL_IF(c.count >= WORDS_MAX, SK_EUSAGE, "more than %d words", WORDS_MAX);
    FAIL_IF(c.quote, SK_EUSAGE, "a %c is never closed", c.quote);
    *c.out = '\0';
    *words = c.words;
    *count = c.count;
    return SK_OK;
}

static sk_status take_flat(struct importing *im, const struct yaml_flat *flat) {
    for (size_t i = 0; i < flat->count; i++) {
        const struct yaml_entry *entry = &flat->entry[i];
        if (entry->kind == YAML_GROUP) continue;
        int row = find_name(im->source, entry->key, strlen(entry->key), false);
        const char **texts = arena_array(im->arena, entry->count, sizeof *texts);
        if (!texts) return SK_EMEMORY;
        for (size_t t = 0; t < entry->count; t++) texts[t] = entry->item[t].text;
        if (row >= 0)
            im->values[row] = (struct import_value){texts, entry->count, true};
        else
            TRY(import_unknown(im, entry->key, entry->count ? texts[0] : ""));
    }
    return import_take(im);
}

static sk_status take_yaml(struct recipe_import *import, struct arena *arena, const struct yaml_flat *flat,
                           const struct import_options *options) {
    struct importing im;
    const struct import_source *source;
    size_t known[SOURCES] = {0};
    for (int s = 0; s < SOURCES; s++)
        for (size_t i = 0; i < flat->count; i++)
            known[s] += find_name(sources[s], flat->entry[i].key, strlen(flat->entry[i].key), false) >= 0;
    TRY(choose(options, known, &source));
    TRY(begin(&im, import, arena, source, options));
    im.whole = true;
    return take_flat(&im, flat);
}

static sk_status import_bytes(struct recipe_import *import, struct arena *arena, const char *bytes, size_t size,
                              const char *name, bool yaml, const struct import_options *options) {
    struct yaml_flat flat;
    size_t count = 0;
    const char **words = NULL;
    if (yaml) {
        TRY(yaml_flatten(arena, bytes, size, name, &flat));
        return take_yaml(import, arena, &flat, options);
    }
    TRY(cut_words(arena, bytes, size, &words, &count));
    return recipe_import_words(import, arena, words, count, options);
}

sk_status recipe_import_text(struct recipe_import *import, struct arena *arena, const char *bytes, size_t size,
                             const char *name, bool yaml, const struct import_options *options) {
    sk_status status = import_bytes(import, arena, bytes, size, name, yaml, options);
    return status == SK_OK ? status : status_prefix(status, "%s", name);
}

sk_status recipe_import_file(struct recipe_import *import, struct arena *arena, const char *path,
                             const struct import_options *options) {
    uint8_t *bytes;
    size_t size;
    const char *extension = path_extension(path);
    bool yaml = !strcmp(extension, ".yaml") || !strcmp(extension, ".yml");
    TRY(file_read(arena, path, YAML_BYTES_MAX, &bytes, &size));
    return recipe_import_text(import, arena, (const char *)bytes, size, path, yaml, options);
}
