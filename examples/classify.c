/* classify.c — names what a picture shows, with libsiskin-run alone: an example of a product that ships a model.
 *
 *     classify MODEL.safetensors PICTURE.ppm [THREADS]
 *
 * Both files are read into memory first, as a product that carries them inside would have them. The picture is a
 * binary PPM (P6) or PGM (P5); with -DCLASSIFY_JPEG (and -ljpeg) a JPEG too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <siskin.h>

#ifdef CLASSIFY_JPEG
#include <jpeglib.h>
#endif

struct image {
    unsigned char *pixels; /* (height,width,channels) */
    int height, width, channels;
};

static unsigned char *read_all(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    size_t capacity = 0;
    *size = 0;
    if (!file) return NULL;
    for (;;) {
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            unsigned char *grown = realloc(bytes, capacity);
            if (!grown) break;
            bytes = grown;
        }
        size_t got = fread(bytes + *size, 1, capacity - *size, file);
        *size += got;
        if (got == 0) break;
    }
    fclose(file);
    return bytes;
}

/* "P6 width height 255 " and the pixels. */
static int decode_ppm(const unsigned char *bytes, size_t size, struct image *image) {
    size_t at = 2;
    long number[3];
    if (size < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6')) return 0;
    for (int i = 0; i < 3; i++) {
        while (at < size &&
               (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t' || bytes[at] == '#')) {
            if (bytes[at] == '#')
                while (at < size && bytes[at] != '\n') at++;
            else
                at++;
        }
        for (number[i] = 0; at < size && bytes[at] >= '0' && bytes[at] <= '9' && number[i] < 100000; at++)
            number[i] = 10 * number[i] + bytes[at] - '0';
    }
    at++;
    image->channels = bytes[1] == '6' ? 3 : 1;
    image->width = (int)number[0];
    image->height = (int)number[1];
    size_t need = (size_t)number[0] * (size_t)number[1] * (size_t)image->channels;
    if (need == 0 || number[2] != 255 || at > size || size - at < need) return 0;
    image->pixels = malloc(need);
    if (image->pixels) memcpy(image->pixels, bytes + at, need);
    return image->pixels != NULL;
}

#ifdef CLASSIFY_JPEG
static int decode_jpeg(const unsigned char *bytes, size_t size, struct image *image) {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors); /* which ends the program on a broken file: good enough here */
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, bytes, size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg);
    *image = (struct image){.height = (int)jpeg.output_height, .width = (int)jpeg.output_width, .channels = 3};
    size_t row = (size_t)image->width * 3;
    image->pixels = malloc(row * (size_t)image->height);
    while (image->pixels && jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW rows[1] = {image->pixels + row * jpeg.output_scanline};
        jpeg_read_scanlines(&jpeg, rows, 1);
    }
    jpeg_destroy_decompress(&jpeg);
    return image->pixels != NULL;
}
#endif

static int decode(const unsigned char *bytes, size_t size, struct image *image) {
#ifdef CLASSIFY_JPEG
    if (size > 2 && bytes[0] == 0xff && bytes[1] == 0xd8) return decode_jpeg(bytes, size, image);
#endif
    return decode_ppm(bytes, size, image);
}

static int fail(const char *what) {
    fprintf(stderr, "classify: %s\n", what);
    return 1;
}

/* The likeliest five, by repeatedly taking the largest logit. */
static void print_top(const sk_model *model, float *logits) {
    int64_t classes = sk_class_count(model);
    for (int k = 0; k < 5 && k < classes; k++) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (logits[c] > logits[best]) best = c;
        const char *name = sk_class_name(model, best);
        printf("%d. class %lld%s%s, logit %.4f\n", k + 1, (long long)best, name ? " " : "", name ? name : "",
               (double)logits[best]);
        logits[best] = -1e30f;
    }
}

int main(int argc, char *argv[]) {
    if (argc < 3) return fail("usage: classify MODEL.safetensors PICTURE.ppm [THREADS]");
    size_t model_size, picture_size;
    unsigned char *model_bytes = read_all(argv[1], &model_size);
    unsigned char *picture_bytes = read_all(argv[2], &picture_size);
    if (!model_bytes || !picture_bytes) return fail("a file cannot be read");

    struct sk_load_options options = {.threads = argc > 3 ? atoi(argv[3]) : 0};
    sk_model *model;
    if (sk_load(model_bytes, model_size, &options, &model) != SK_OK) return fail(sk_error());
    struct image image;
    if (!decode(picture_bytes, picture_size, &image)) return fail("the picture is no PPM, or a broken one");

    int64_t shape[4];
    sk_input_shape(model, shape);
    float *input = malloc((size_t)(shape[1] * shape[2] * shape[3]) * sizeof *input);
    float *logits = malloc((size_t)sk_class_count(model) * sizeof *logits);
    if (!input || !logits) return fail("no memory");
    if (sk_preprocess(model, image.pixels, image.height, image.width, image.channels, input) != SK_OK)
        return fail(sk_error());
    if (sk_run(model, 1, input, logits) != SK_OK) return fail(sk_error());
    print_top(model, logits);

    sk_free(model);
    free(input);
    free(logits);
    free(image.pixels);
    free(model_bytes);
    free(picture_bytes);
    return 0;
}
