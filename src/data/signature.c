/* signature.c — the table of what picture files begin with.
 *
 * To add a decoder: a row with its function (data/decoder.h). The first row that
 * fits counts. SPDX-License-Identifier: Apache-2.0 */
#include "data/signature.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"

#define READ(name, at, bytes, extensions, decode)                                                                      \
    { name, at, sizeof(bytes) - 1, bytes, extensions, decode, NULL, NULL, NULL }
#define OTHER(name, at, bytes, extensions, command, choose, result)                                                    \
    { name, at, sizeof(bytes) - 1, bytes, extensions, NULL, command, choose, result }
#define HEIC(brand) OTHER("HEIC", 4, "ftyp" brand, ".heic .heif .hif", "heif-convert", "", ".jpg")

/* `convert` is ImageMagick's, `heif-convert` libheif's, `djxl` libjxl's. */
static const struct signature table[] = {
    READ("JPEG", 0, "\xff\xd8\xff", ".jpg .jpeg .jpe .jfif", decode_jpeg),
    READ("PNG", 0, "\x89PNG\r\n\x1a\n", ".png", decode_png),
    READ("WebP", 8, "WEBP", ".webp", decode_webp),
    OTHER("GIF", 0, "GIF8", ".gif", "convert", "[0]", ".png"), /* [0]: the first frame */
    OTHER("BMP", 0, "BM", ".bmp .dib", "convert", "", ".png"),
    OTHER("TIFF", 0, "II*\0", ".tif .tiff", "convert", "[0]", ".png"),
    OTHER("TIFF", 0, "MM\0*", ".tif .tiff", "convert", "[0]", ".png"),
    OTHER("TIFF", 0, "II+\0", ".tif .tiff", "convert", "[0]", ".png"), /* the one for files beyond 4 GB */
    OTHER("PNM", 0, "P4", ".pnm .pbm", "convert", "", ".png"),
    OTHER("PNM", 0, "P5", ".pnm .pgm", "convert", "", ".png"),
    OTHER("PNM", 0, "P6", ".pnm .ppm", "convert", "", ".png"),
    HEIC("heic"),
    HEIC("heix"),
    HEIC("heim"),
    HEIC("heis"),
    HEIC("hevc"),
    HEIC("mif1"),
    HEIC("msf1"),
    OTHER("AVIF", 4, "ftypavif", ".avif", "heif-convert", "", ".jpg"),
    OTHER("AVIF", 4, "ftypavis", ".avif", "heif-convert", "", ".jpg"),
    OTHER("JPEG 2000", 4, "jP  ", ".jp2 .j2k .jpx", "convert", "", ".png"),
    OTHER("JPEG XL", 4, "JXL ", ".jxl", "djxl", "", ".png"),
    OTHER("JPEG XL", 0, "\xff\x0a", ".jxl", "djxl", "", ".png"),
};

#undef HEIC
#undef OTHER
#undef READ

const struct signature *signature_of(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct signature *s = &table[i];
        if (size >= s->at + s->length && memcmp(bytes + s->at, s->bytes, s->length) == 0) return s;
    }
    return NULL;
}

const struct signature *signature_by_name(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

bool signature_named(const struct signature *signature, const char *path) {
    const char *extension = path_extension(path), *at = signature->extensions;
    size_t length = strlen(extension);
    while (*at) {
        size_t word = strcspn(at, " ");
        if (word == length && strncasecmp(at, extension, length) == 0) return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

/* A word that a shell takes as it is, or in quotes. */
static void add_quoted(struct text *text, const char *word, size_t length, const char *end) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@%";
    bool quote = strspn(word, plain) < length || end[strspn(end, plain)] != '\0' || word[0] == '-';
    if (quote) text_add(text, "'");
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '\'')
            text_add(text, "'\\''");
        else
            text_add_n(text, word + i, 1);
    }
    text_add(text, end);
    if (quote) text_add(text, "'");
}

void signature_convert(const struct signature *signature, const char *path, struct text *text) {
    text_addf(text, "%s ", signature->command);
    add_quoted(text, path, strlen(path), signature->choose);
    text_add(text, " ");
    add_quoted(text, path, strlen(path) - strlen(path_extension(path)), signature->result);
}

const struct signature *signature_unread(const char *path) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!table[i].decode && signature_named(&table[i], path)) return &table[i];
    return NULL;
}

sk_status signature_refuse(const struct signature *signature, const char *path) {
    struct text command = {0};
    signature_convert(signature, path, &command);
    sk_status status = text_check(&command);
    if (status == SK_OK)
        status =
            status_fail(SK_EFORMAT, "%s: this is a %s picture; only JPEG, PNG and WebP are read: convert it by `%s`",
                        path, signature->name, command.data);
    text_free(&command);
    return status;
}
