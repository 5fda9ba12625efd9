/* start.c — one engine through its C interface, from the program's first line to an answer: what a product that starts pays.
 *
 *     start ENGINE LIBRARY MODEL SIZE THREADS
 *
 * ENGINE is siskin (linked in, LIBRARY is not looked at), onnxruntime or openvino (the shared library in its wheel, opened
 * while the clock runs, as a program linked with it would). Prints one JSON line as soon as the first picture is answered, then, after
 * five more, a second one with the memory held: start.py, which starts this, holds the clock. ONNX Runtime's functions are
 * a table whose order its interface promises (OrtApi, version 1); OpenVINO's are names of libopenvino_c.
 *   cc -std=c17 -O2 -Iinclude bench/start.c build/release/libsiskin-run.a -lm -lpthread -ldl -o start
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <siskin.h>

enum { CLASSES = 1000, AFTER = 5 };

struct job {
    const char *library, *model;
    int size, threads;
    float *x, *y; /* one picture in the engine's own order, its logits */
    void *state;
};

static void die(const char *what, const char *why) {
    fprintf(stderr, "start: %s: %s\n", what, why ? why : "failed");
    exit(1);
}

static void *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) die(path, dlerror());
    return library;
}

/* C has no cast from an object's pointer to a function's; POSIX promises that the bits are the same. */
static void function(void *library, const char *name, void *pointer) {
    void *found = dlsym(library, name);
    if (!found) die(name, dlerror());
    memcpy(pointer, &found, sizeof found);
}

/* --- siskin --- */

static void siskin_load(struct job *job) {
    struct sk_load_options options = {.threads = job->threads};
    sk_model *model;
    if (sk_load_file(job->model, &options, &model) != SK_OK) die(job->model, sk_error());
    job->state = model;
}

static void siskin_run(struct job *job) {
    if (sk_run(job->state, 1, job->x, job->y) != SK_OK) die("sk_run", sk_error());
}

/* --- ONNX Runtime --- */

typedef void (*ort_slot)(void);

/* Places in OrtApi's table that are used here, counted from 0; version 1, which never changes. */
enum {
    ORT_GET_ERROR_MESSAGE = 2,
    ORT_CREATE_ENV = 3,
    ORT_CREATE_SESSION = 7,
    ORT_RUN = 9,
    ORT_CREATE_SESSION_OPTIONS = 10,
    ORT_SET_GRAPH_OPTIMIZATION_LEVEL = 23,
    ORT_SET_INTRA_OP_NUM_THREADS = 24,
    ORT_CREATE_TENSOR_WITH_DATA = 49,
    ORT_CREATE_CPU_MEMORY_INFO = 69,
};

struct ort {
    const ort_slot *api;
    void *session, *x, *y;
};

static void ort_check(const struct ort *ort, const char *what, void *status) {
    if (!status) return;
    const char *(*message)(const void *) = (const char *(*)(const void *))ort->api[ORT_GET_ERROR_MESSAGE];
    die(what, message(status));
}

static void *ort_tensor(const struct ort *ort, float *data, size_t count, const int64_t *shape, size_t rank) {
    void *memory, *tensor;
    void *(*cpu)(int, int, void **) = (void *(*)(int, int, void **))ort->api[ORT_CREATE_CPU_MEMORY_INFO];
    void *(*create)(const void *, void *, size_t, const int64_t *, size_t, int, void **) =
        (void *(*)(const void *, void *, size_t, const int64_t *, size_t, int, void **))ort->api[ORT_CREATE_TENSOR_WITH_DATA];
    ort_check(ort, "CreateCpuMemoryInfo", cpu(0, 0, &memory));
    ort_check(ort, "CreateTensorWithDataAsOrtValue", create(memory, data, count * sizeof *data, shape, rank, 1, &tensor));
    return tensor;
}

/* A name that ends in .optimized.onnx was optimised when it was written. */
static void ort_load(struct job *job) {
    struct ort *ort = calloc(1, sizeof *ort);
    if (!ort) die("memory", NULL);
    const struct ort_base {
        const ort_slot *(*api)(uint32_t);
        const char *(*version)(void);
    } *(*base)(void);
    function(open_library(job->library), "OrtGetApiBase", &base);
    ort->api = base()->api(1);
    if (!ort->api) die(job->library, "has no version 1 of its interface");
    void *env, *options;
    void *(*create_env)(int, const char *, void **) = (void *(*)(int, const char *, void **))ort->api[ORT_CREATE_ENV];
    void *(*create_options)(void **) = (void *(*)(void **))ort->api[ORT_CREATE_SESSION_OPTIONS];
    void *(*set)(void *, int);
    void *(*create)(void *, const char *, const void *, void **) =
        (void *(*)(void *, const char *, const void *, void **))ort->api[ORT_CREATE_SESSION];
    ort_check(ort, "CreateEnv", create_env(3, "start", &env));
    ort_check(ort, "CreateSessionOptions", create_options(&options));
    set = (void *(*)(void *, int))ort->api[ORT_SET_INTRA_OP_NUM_THREADS];
    ort_check(ort, "SetIntraOpNumThreads", set(options, job->threads));
    set = (void *(*)(void *, int))ort->api[ORT_SET_GRAPH_OPTIMIZATION_LEVEL];
    ort_check(ort, "SetSessionGraphOptimizationLevel", set(options, strstr(job->model, ".optimized.onnx") ? 0 : 99));
    ort_check(ort, "CreateSession", create(env, job->model, options, &ort->session));
    size_t count = (size_t)3 * (size_t)job->size * (size_t)job->size;
    ort->x = ort_tensor(ort, job->x, count, (const int64_t[]){1, 3, job->size, job->size}, 4);
    ort->y = ort_tensor(ort, job->y, CLASSES, (const int64_t[]){1, CLASSES}, 2);
    job->state = ort;
}

static void ort_run(struct job *job) {
    struct ort *ort = job->state;
    void *(*run)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **) =
        (void *(*)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t,
                   void **))ort->api[ORT_RUN];
    ort_check(ort, "Run",
              run(ort->session, NULL, (const char *[]){"x"}, (const void *[]){ort->x}, 1, (const char *[]){"y"}, 1, &ort->y));
}

/* --- OpenVINO --- */

struct openvino {
    void *request;
    int (*infer)(void *);
};

/* As ov_shape_t. */
struct openvino_shape {
    int64_t rank, *sizes;
};

static void openvino_check(const char *what, int status) {
    if (status != 0) die(what, "OpenVINO says no");
}

static void openvino_load(struct job *job) {
    struct openvino *ov = calloc(1, sizeof *ov);
    if (!ov) die("memory", NULL);
    void *library = open_library(job->library), *core, *compiled, *x;
    int (*create)(void **), (*request)(void *, void **), (*input)(void *, void *);
    int (*compile)(const void *, const char *, const char *, size_t, void **, ...);
    int (*tensor)(int, struct openvino_shape, void *, void **);
    function(library, "ov_core_create", &create);
    function(library, "ov_core_compile_model_from_file", &compile);
    function(library, "ov_compiled_model_create_infer_request", &request);
    function(library, "ov_tensor_create_from_host_ptr", &tensor);
    function(library, "ov_infer_request_set_input_tensor", &input);
    function(library, "ov_infer_request_infer", &ov->infer);
    char threads[16];
    snprintf(threads, sizeof threads, "%d", job->threads);
    openvino_check("ov_core_create", create(&core));
    openvino_check("ov_core_compile_model_from_file",
                   compile(core, job->model, "CPU", 8, &compiled, "PERFORMANCE_HINT", "LATENCY", "NUM_STREAMS", "1",
                           "INFERENCE_NUM_THREADS", threads, "INFERENCE_PRECISION_HINT", "f32"));
    openvino_check("ov_compiled_model_create_infer_request", request(compiled, &ov->request));
    struct openvino_shape shape = {4, (int64_t[]){1, 3, job->size, job->size}};
    enum { OPENVINO_F32 = 4 }; /* ov_element_type_e */
    openvino_check("ov_tensor_create_from_host_ptr", tensor(OPENVINO_F32, shape, job->x, &x));
    openvino_check("ov_infer_request_set_input_tensor", input(ov->request, x));
    job->state = ov;
}

static void openvino_run(struct job *job) {
    struct openvino *ov = job->state;
    openvino_check("ov_infer_request_infer", ov->infer(ov->request));
}

/* --- what all have in common --- */

static const struct engine {
    const char *name;
    void (*load)(struct job *job), (*run)(struct job *job);
} engines[] = {
    {"siskin", siskin_load, siskin_run},
    {"onnxruntime", ort_load, ort_run},
    {"openvino", openvino_load, openvino_run},
};

static double megabytes(const char *field) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double found = 0;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0) found = strtod(line + strlen(field) + 1, NULL) / 1024;
    if (file) fclose(file);
    return found;
}

int main(int argc, char *argv[]) {
    if (argc != 6) die("usage", "start siskin|onnxruntime|openvino LIBRARY MODEL SIZE THREADS");
    struct job job = {.library = argv[2], .model = argv[3], .size = atoi(argv[4]), .threads = atoi(argv[5])};
    const struct engine *engine = NULL;
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (strcmp(engines[i].name, argv[1]) == 0) engine = &engines[i];
    if (!engine) die(argv[1], "no such engine");
    job.x = calloc((size_t)3 * (size_t)job.size * (size_t)job.size, sizeof *job.x);
    job.y = calloc(CLASSES, sizeof *job.y);
    if (!job.x || !job.y) die("memory", NULL);
    engine->load(&job);
    engine->run(&job);
    printf("{\"logit\": %.6f}\n", (double)job.y[0]);
    fflush(stdout);
    for (int i = 0; i < AFTER; i++) engine->run(&job);
    printf("{\"resident_mb\": %.1f, \"peak_mb\": %.1f}\n", megabytes("VmRSS"), megabytes("VmHWM"));
    return 0;
}
