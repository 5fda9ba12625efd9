/* siskin.h — the public interface: load a model, run it, free it; or call a verb and read its JSON answer.
 *
 * Handles are opaque. Every call that can fail returns an sk_status; the sentence that explains a
 * failure is sk_error(), which belongs to the calling thread and lives until its next failing call.
 * The library never prints, exits or aborts.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SISKIN_H
#define SISKIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SK_API __attribute__((visibility("default")))
#else
#define SK_API
#endif

/* What a call answers. The program's exit codes follow from these (see sk_exit_code). */
enum sk_status {
    SK_OK = 0,
    SK_EUSAGE,       /* a wrong option, recipe key or value: exit 2 */
    SK_EIO,          /* a file could not be read or written */
    SK_EFORMAT,      /* a file's content is not what its format says */
    SK_ESHAPE,       /* shapes or types that do not fit together */
    SK_EMEMORY,      /* memory that could not be had */
    SK_EDATA,        /* data that cannot be used: an empty class, no pictures */
    SK_EDIVERGED,    /* training met a value that is not a number: exit 3 */
    SK_EGATE,        /* a check or an accuracy gate was not met: exit 4 */
    SK_EINTERRUPTED, /* stopped by the user after saving: exit 130 */
    SK_EINTERNAL,    /* our own mistake */
};
typedef enum sk_status sk_status;

/* The last failure of this thread as one sentence; "" if there was none. */
SK_API const char *sk_error(void);

/* The program's exit code for a status: 0, 1, 2, 3, 4 or 130. */
SK_API int sk_exit_code(sk_status status);

/* The library's version, "0.1.0". */
SK_API const char *sk_version(void);

/* ---- running a model (libsiskin-run) ------------------------------------------------------- */

typedef struct sk_model sk_model;

/* How to load: zeros mean the defaults. */
struct sk_load_options {
    int threads; /* compute threads; 0 = as many as the machine has cores */
    int batch;   /* the largest batch that sk_run will be given; 0 = 1 */
    int height, width; /* input size in pixels; 0 = the model file's own */
};

/* Load a model file (.safetensors as siskin writes them) from memory. The bytes are not kept.
 * Everything that will ever be needed is allocated here; sk_run allocates nothing. */
SK_API sk_status sk_load(const void *bytes, size_t size, const struct sk_load_options *options, sk_model **model);

/* The same from a file. */
SK_API sk_status sk_load_file(const char *path, const struct sk_load_options *options, sk_model **model);

/* What the model takes and gives. */
SK_API void sk_input_shape(const sk_model *model, int64_t nhwc[4]);
SK_API int64_t sk_class_count(const sk_model *model);
SK_API const char *sk_class_name(const sk_model *model, int64_t index); /* NULL where the file names none */

/* Run n pictures (n <= batch): input (n,H,W,C) f32, already preprocessed; logits (n,classes) f32. */
SK_API sk_status sk_run(sk_model *model, int n, const float *input, float *logits);

/* Preprocess one decoded 8-bit picture (height,width,channels), as the model file says (resize, crop,
 * normalise), into input (H,W,C) f32. */
SK_API sk_status sk_preprocess(sk_model *model, const uint8_t *pixels, int height, int width, int channels,
                               float *input);

SK_API void sk_free(sk_model *model);

/* ---- calling a verb (libsiskin) ------------------------------------------------------------ */

/* One event while a verb works: kind is "progress", "note", "warning" or "result line"; text is one line. */
typedef void sk_on_event(void *user, const char *kind, const char *text);

/* Call a verb as the program does: argv without the program's name ("train", "recipe.yaml", "epochs=2").
 * The answer is one JSON object (free it with sk_free_text), also where the verb failed after it began. */
SK_API sk_status sk_call(int argc, const char *const argv[], sk_on_event *on_event, void *user, char **json);
SK_API void sk_free_text(char *text);

/* Ask a running sk_call to stop at the next safe point, saving its work. Safe in a signal handler. */
SK_API void sk_interrupt(void);

#ifdef __cplusplus
}
#endif
#endif
