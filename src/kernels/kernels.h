/* kernels.h — what the kernels compute, as plain job structs, and the table of functions per instruction set.
 *
 * A job describes one whole tensor operation; a kernel does one tile of it: kernel(job, tile, scratch).
 * Tiles of a job may run in any order on any thread. Every reduction over rows goes to partial sums
 * whose grid is a function of the shape alone (conv_blocks, conv_chunks, …), merged later in index order.
 *
 * Three kinds of code meet at a tile that stays in L1/L2: load (stored -> f32 tile, applies a view), core
 * (matrix, depthwise), store (tile -> stored: bias, activation, residual, statistics, gradient mask).
 *
 * Letters: N images, H,W input rows/columns, C input channels, P,Q output rows/columns, K output channels,
 * R,S kernel rows/columns. All tensors NHWC. Convolution weights are (R,S,C/groups,K). Tensors are f32; one that is a
 * void pointer holds bf16 where the flag beside it says so (set before the plan function is called). Statistics and
 * sums are of the numbers as they are stored.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SK_KERNELS_KERNELS_H
#define SK_KERNELS_KERNELS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Activations, in the order of acts.def. */
enum act {
#define ACT(id, name) ACT_##id,
#include "kernels/acts.def"
#undef ACT
    ACT_COUNT
};

struct conv_shape {
    int64_t n, h, w, c;            /* input */
    int64_t p, q, k;               /* output */
    int r, s;                      /* kernel */
    int stride_h, stride_w;
    int dilation_h, dilation_w;
    int pad_top, pad_left;         /* before; what lies after follows from p and q */
    int groups;
};

/* The view a consumer has of a stored tensor: act(scale[c]*x + shift[c]), in a convolution by matrix products times
 * gate[n,c]. Padding is zero of the viewed value. */
struct load_view {
    const void *x;              /* (N,H,W,C) stored */
    bool bf16;                  /* x */
    const float *scale, *shift; /* (C), or NULL: x itself */
    enum act act;
    const float *gate;          /* (N,C) or NULL: conv_forward alone */
};

/* The gradient of a stored tensor as a view of two: a[k]*g + b[k]*y + c[k]. */
struct grad_view {
    const void *g;            /* (N,P,Q,K) */
    const void *y;            /* (N,P,Q,K), or NULL: g itself */
    bool g_bf16, y_bf16;
    const float *a, *b, *c;   /* (K) */
};

/* ---- convolution by matrix products: any kernel, stride, padding, dilation, groups; 1x1 and linear are its fast case ---- */

/* Output rows (pixels of N*P*Q) in a block of partial statistics, and the number of blocks. */
enum { BLOCK_ROWS = 112 };
int64_t conv_blocks(int64_t rows);
/* Weight gradients are summed in this many chunks of whole blocks: clamp(rows/784, 2, 16), at most the blocks. */
int64_t conv_chunks(int64_t rows);

/* y = act(conv(view, w) + bias) + add; statistics are of the stored y. add_first: y = act(conv + bias + add), where act is
 * a clamp and y is f32. */
struct conv_forward {
    struct conv_shape s;
    struct load_view in;
    int winograd;        /* 0, or the side of Winograd's tiles, 2 or 4, where winograd_takes(s): x unviewed, y f32 without
                          * statistics, act a clamp */
    const float *packed; /* weights from pack_run, direction PACK_FORWARD */
    const float *bias;   /* (K) or NULL */
    enum act act;
    const float *add;    /* (N,P,Q,K) or NULL */
    bool add_first;
    void *y;             /* (N,P,Q,K) */
    bool y_bf16;
    float *stats;        /* (conv_blocks(N*P*Q), 2, K): sums of y and y*y per block; or NULL */
    int64_t row_tile, col_tile, tiles; /* by conv_forward_plan */
};

/* The gradient: one walk for data and weights where the convolution is pointwise (1x1, stride 1, one group).
 * dx = (dy (*) w + add) * act'(scale*x + shift); sums over blocks of BLOCK_ROWS of the N*H*W input rows, of dx and dx*x. */
struct conv_backward {
    struct conv_shape s;
    struct grad_view dy;
    struct load_view in;    /* the forward input and its view */
    const float *packed;    /* PACK_BACKWARD weights; unused where dx is NULL */
    const void *add;        /* (N,H,W,C) or NULL: the gradient that reaches the input by another way */
    void *dx;               /* (N,H,W,C) or NULL: not wanted */
    bool add_bf16, dx_bf16;
    float *sums;            /* (conv_blocks(N*H*W), 2, C) or NULL */
    float *dw;              /* (R,S,C/groups,K) or NULL */
    float *dw_parts;        /* (conv_chunks(N*P*Q), R,S,C/groups,K) scratch, where dw is wanted */
    float *dbias;           /* (K) or NULL */
    float *dbias_parts;     /* (conv_chunks(N*P*Q), K) */
    int64_t tiles;          /* of the walk, by conv_backward_plan */
    int64_t reduce_tiles;   /* of the merge of the parts, run after all walk tiles */
    int64_t dx_tiles, dw_tiles, col_tile; /* by conv_backward_plan: how tiles split */
};

/* Whether Winograd's transforms can make it: 3x3, stride 1, one group. */
bool winograd_takes(const struct conv_shape *s);

/* What a norm with running statistics multiplies a channel by. */
static inline double norm_factor(double eps, double weight, double variance) {
    return weight / sqrt(variance + eps);
}

enum pack_direction { PACK_FORWARD, PACK_BACKWARD };
/* Weights (R,S,C/groups,K) to panels; tiles may run in parallel. PACK_FORWARD may read them as files hold them, and may
 * multiply filter k by norm_factor(eps, weight[k], variance[k]) on the way. */
struct pack_job {
    struct conv_shape s;
    enum pack_direction direction;
    const float *w;
    const float *file;              /* (K,C/groups,R,S), instead of w; or NULL */
    const float *weight, *variance; /* (K) of a norm that is folded in, or NULL; without a variance: a layer scale */
    double eps;
    float *packed;
    int64_t tiles; /* by pack_plan */
};

/* ---- depthwise convolution (groups = C = K), 3x3 and 5x5 fast, any other size correct ---- */

/* Partial sums are per strip: rows_per_strip(width) whole rows of one image; strips = N * ceil(height / that). */
int64_t strip_rows(int64_t width);                                 /* max(1, 112 / width) */
int64_t strip_count(int64_t n, int64_t height, int64_t width);
int64_t depthwise_chunks(const struct conv_shape *s);              /* parts of dw: a function of the shape alone */

struct depthwise_forward {
    struct conv_shape s;
    struct load_view in;
    const float *w;     /* (R,S,C) */
    const float *bias;  /* (C) or NULL */
    enum act act;
    void *y;            /* (N,P,Q,C) */
    bool y_bf16;
    float *stats;       /* (strip_count(N,P,Q), 2, C): sums of y and y*y; or NULL */
    int64_t band, group, tiles; /* by plan: a tile is `band` output rows, `group` channels */
};

struct depthwise_backward {
    struct conv_shape s;
    struct grad_view dy;   /* (N,P,Q,C) */
    struct load_view in;   /* (N,H,W,C) */
    const float *w;
    const void *add;       /* (N,H,W,C) or NULL */
    bool add_bf16, dx_bf16;
    void *dx;              /* (N,H,W,C) or NULL; dx = (dy (*) w + add) * act'(scale*x+shift) */
    float *sums;           /* (strip_count(N,H,W), 2, C) of dx and dx*x, or NULL */
    float *dw;             /* (R,S,C) or NULL */
    float *dw_parts;       /* (depthwise_chunks, R,S,C) */
    int64_t group, tiles, reduce_tiles; /* by plan: a tile is a chunk, `group` channels */
};

/* ---- inference: the inverted residual in one kernel; the expanded tensor never leaves L2 ---- */

/* Hidden pixels up to which a map goes by groups of channels; larger ones go by strips of rows. */
enum { BLOCK_SMALL_MAP = 200 };
/* Whether the block can take this dense convolution as its expansion: a large map of whole vectors. */
bool block_takes(const struct conv_shape *dense);

/* y = project(act(depthwise(expand_act(expand(x))))) [+ x]. Expand may be absent (hidden = c), or a dense convolution:
 * that is a network's first one, whose output is then never stored. With k = 0 there is no projection: y is what the
 * depthwise part makes, and sums are of it, for a squeeze-excite. */
struct inverted_residual {
    int64_t n, h, w, c, hidden, p, q, k;
    int r, stride, pad_top, pad_left; /* square depthwise kernel */
    enum act act, expand_act;
    struct conv_shape dense;                     /* of an expansion that is not 1x1: its output is n, h, w, hidden; else k = 0 */
    const float *x;                              /* (N,H,W,C), or the dense convolution's input */
    const float *expand, *expand_bias;           /* PACK_FORWARD (1,1,C,hidden), (hidden); NULL: none */
    const float *depthwise, *depthwise_bias;     /* (R,R,hidden), (hidden) */
    const float *project, *project_bias;         /* PACK_FORWARD (1,1,hidden,K), (K) */
    bool add;                                    /* the residual: + x, or + what the dense convolution makes */
    float *y;                                    /* (N,P,Q,K), or where k = 0: (N,P,Q,hidden) */
    float *sums;                                 /* k = 0: (strip_count(N,P,Q), 2, hidden) of y and y*y; or NULL */
    float *shared;                               /* shared_floats that all tiles share, where phases > 1 */
    int64_t shared_floats;                       /* by plan */
    int64_t strip, tiles;                        /* by plan */
    int64_t band, group, images;                 /* by plan: output rows, hidden channels, images of a tile */
    int64_t phases;                              /* 1, or more where small maps split by channels (tiles per phase the same) */
};

/* y[n] = gate_act(w2·act(w1·mean[n] + b1) + b2): the gate of a squeeze-excite, from the sums that the block's first half
 * formed. Small ones are one tile, larger ones two phases of columns. */
struct squeeze_job {
    int64_t n, strips, c, squeezed; /* strips of an image */
    float scale;                    /* 1 / pixels of an image */
    const float *sums;              /* (n * strips, 2, C), of which the first are added up */
    const float *w1, *b1, *w2, *b2; /* PACK_FORWARD (1,1,C,squeezed), (squeezed), (1,1,squeezed,C), (C) */
    enum act act, gate_act;
    float *y;                       /* (N,C) */
    float *shared;                  /* shared_floats, where phases > 1 */
    int64_t phases, tiles[2], panels[2], shared_floats; /* by plan; panels of a tile */
};

/* y = down(act(up(norm(x)))) [+ add], pixel by pixel: layer norm over C channels, 1x1 to hidden, 1x1 to K. The wide
 * tensor is never stored. Whole vectors only: pixel_mlp_takes. */
enum { PIXEL_MLP_ALIGN = 32 };
struct pixel_mlp {
    int64_t rows, c, hidden, k;
    float eps;
    enum act act;
    const float *x, *add;                  /* (rows,C); (rows,K) or NULL */
    const float *norm_weight, *norm_bias;  /* (C) */
    const float *up, *up_bias;             /* PACK_FORWARD (1,1,C,hidden), (hidden) */
    const float *down, *down_bias;         /* PACK_FORWARD (1,1,hidden,K), (K) */
    float *y;                              /* (rows,K) */
    int64_t row_tile, group, tiles;        /* by plan: pixels of a tile, hidden channels at hand at once */
};
/* Whether these sizes gain by it: pixels enough for tiles, whole vectors, and rows of L1 that do not meet in one set. */
bool pixel_mlp_takes(int64_t rows, int64_t c, int64_t hidden);

/* ---- elementwise and pooling ---- */

/* z = act(scale*x + shift) + add, rows x C; add_first: act(scale*x + shift + add), of clamps alone. */
struct affine_job {
    int64_t rows, c;
    struct load_view in;
    const void *add; /* (rows,C) or NULL */
    void *z;
    bool add_first, add_bf16, z_bf16;
    int64_t tiles;
};

/* g = (dz + add) * act'(scale*x + shift); sums over BLOCK_ROWS blocks of g and g*x. g may be NULL (sums only; then act must be none).
 * made: what a clamp gave, which tells where its slope is 0 in place of scale*x + shift; then there is no add. */
struct affine_backward {
    int64_t rows, c;
    const void *dz, *add, *made;
    struct load_view in;
    void *g;
    bool dz_bf16, add_bf16, made_bf16, g_bf16;
    float *sums; /* (conv_blocks(rows), 2, C) or NULL */
    int64_t tiles;
};

/* out = a[c]*g + b[c]*y + c[c]: a gradient view written out; a = 1 where there is none, and
 * without y only the first term. */
struct combine_job {
    int64_t rows, c;
    struct grad_view dy;
    void *out;
    bool out_bf16;
    int64_t tiles;
};

/* Sums over BLOCK_ROWS blocks of x and x*x, where no producer could form them. */
struct stats_job {
    int64_t rows, c;
    const void *x;
    bool x_bf16;
    float *stats;
    int64_t tiles;
};

/* y[n,c] = mean over H*W of the viewed x; backward: g = (dy[n,c]/(H*W) + dz*factor[n,c]) *
 * act'(scale*x+shift), and sums per image-block grid of conv_blocks(N*H*W). */
struct gap_forward {
    int64_t n, hw, c;
    struct load_view in;
    float *y; /* (N,C) */
    int64_t tiles;
};
struct gap_backward {
    int64_t n, hw, c;
    const float *dy;          /* (N,C) */
    const void *dz;           /* (N,HW,C): what a gate adds, dz*factor; or NULL */
    const float *factor;      /* (N,C) or NULL */
    struct load_view in;
    void *g;                  /* (N,HW,C) */
    bool dz_bf16, g_bf16;
    float *sums;     /* (conv_blocks(N*HW), 2, C) or NULL */
    int64_t tiles;
};

/* y = the mean of each window, times 1/(numbers in it): kernel*kernel, or those inside the picture (exclude_padding).
 * Backward: y is dy, x is dx; each input pixel adds up the outputs that saw it, in row order. */
struct avg_pool_job {
    int64_t n, h, w, c, p, q; /* as in conv_shape */
    int kernel, stride, padding;
    bool exclude_padding;
    const void *x;  /* (N,H,W,C); backward: dy (N,P,Q,C) */
    void *y;        /* (N,P,Q,C); backward: dx (N,H,W,C) */
    bool x_bf16, y_bf16;
    int64_t tiles;
};

/* y = the maximum of each window cut to the picture, and where it lay: (row in the cut window)*kernel + column, the first
 * of equals. A NaN is larger than all. Backward: x is dy, y is dx. */
struct max_pool_job {
    int64_t n, h, w, c, p, q; /* as in conv_shape */
    int kernel, stride;
    int64_t top, left; /* by how much the first window begins before the picture */
    const void *x;     /* (N,H,W,C); backward: dy (N,P,Q,C) */
    void *y;           /* (N,P,Q,C); backward: dx (N,H,W,C) */
    void *where;       /* (N,P,Q,C); forward NULL: not wanted. bf16 holds places of windows up to 16 x 16 */
    bool x_bf16, y_bf16, where_bf16;
    int64_t tiles;
};

/* y[n,i,c] = view(x)[n,i,c] * gate[n,c], i < hw. */
struct gate_forward {
    int64_t n, hw, c;
    struct load_view in;
    const float *gate; /* (N,C) */
    void *y;
    bool y_bf16;
    int64_t tiles;
};
/* dx = dy * gate, dgate[n,c] = sum over pixels of dy*view(x), BLOCK_ROWS at a time. */
struct gate_backward {
    int64_t n, hw, c;
    const void *dy;
    const float *gate;
    struct load_view in;
    void *dx; /* or NULL: not wanted */
    bool dy_bf16, dx_bf16;
    float *dgate;
    int64_t tiles;
};

/* y = (x - mean)/sqrt(variance + eps)*weight + bias, mean and variance over each row's c channels. A row's sums have
 * 32 lanes at every level, channel j in lane j % 32, which a fixed tree adds up. */
struct layer_norm_forward {
    int64_t rows, c;
    float eps;
    const void *x;
    const float *weight, *bias;
    void *y;
    bool x_bf16, y_bf16;
    int64_t tiles;
};
/* dx, and sums over BLOCK_ROWS blocks of dy and dy*(x - mean)/sqrt(variance + eps). */
struct layer_norm_backward {
    int64_t rows, c;
    float eps;
    const void *x, *dy;
    const float *weight;
    void *dx;
    bool x_bf16, dy_bf16, dx_bf16;
    float *sums; /* (conv_blocks(rows), 2, C) */
    int64_t tiles;
};

/* sum[j] = parts[0][j] + parts[1][j] + … in index order, in double; count parts of `size`. */
struct merge_job {
    int64_t count, size;
    const float *parts;
    double *sum;
    int64_t tiles;
};

/* Pictures of bytes, rows of pixels of `channels` bytes (1, 3 or 4). Along one side, output o is the sum of `taps` inputs
 * from first[o] on, times weights[o * stride + k], which have RESAMPLE_BITS below the point; rounded to bytes. All inputs
 * are there, first never falls. Integers: levels cannot differ. */
enum { RESAMPLE_BITS = 22 };
struct resample_job {
    int64_t out, taps, stride;
    const int32_t *first, *weights;
    const uint8_t *from; /* (rows,in,channels), or down: (in,row_bytes); rows at from_stride bytes */
    size_t from_stride;
    uint8_t *to; /* (rows,out,channels), or down: (out,row_bytes) without gaps */
    int64_t rows, in, channels; /* across */
    int64_t row_bytes;          /* down */
};

/* Bytes to numbers: (x / divisor - mean) / std, channels side by side. A quotient is a product with the reciprocal, mended
 * by its remainder: nearly always the bits of the division, which it takes a fifth of; whoever wants them compares. */
struct normalise_job {
    int64_t count, channels; /* bytes; 1 or 3 */
    const uint8_t *from;
    float *to;
    float divisor, mean[3], std[3];
};

/* One row of a JPEG's picture from its planes, with libjpeg's bits: fancy upsampling, then YCbCr to RGB. Columns are
 * those of the whole picture; near and far are the rows of a colour whose 3 to 1 mix is the row's (the same where colours
 * have all rows). */
enum { JPEG_SUM_MAX = 5000 };
struct jpeg_row {
    int64_t first, count;          /* columns wanted */
    int64_t across;                /* pixels to a colour sample: 1 or 2 */
    bool down;                     /* two rows to a colour sample */
    int64_t samples;               /* colour samples in a row of the whole picture */
    int64_t y_first, colour_first; /* column of the planes' first byte */
    const uint8_t *y, *near[2], *far[2]; /* readable for 64 bytes behind the row */
    uint8_t *to;   /* (count,3) */
    void *scratch; /* jpeg_row_scratch(count) bytes */
};
static inline size_t jpeg_row_scratch(int64_t count) { return (size_t)(count + 128) * 7; }

/* A plan function fills `tiles` (and the other fields "by plan") from the shape and the number of threads, and
 * returns the bytes of scratch each thread needs, 64-byte aligned. Reductions never depend on threads. */
struct kernels {
    enum isa isa;
    int panel; /* columns of a packed panel */

    size_t (*packed_bytes)(const struct conv_shape *s, enum pack_direction direction);
    void (*pack_plan)(struct pack_job *job);
    void (*pack_run)(const struct pack_job *job, int64_t tile);

    size_t (*conv_forward_plan)(struct conv_forward *job, int threads);
    void (*conv_forward_run)(const struct conv_forward *job, int64_t tile, void *scratch);
    size_t (*conv_backward_plan)(struct conv_backward *job, int threads);
    void (*conv_backward_run)(const struct conv_backward *job, int64_t tile, void *scratch);
    void (*conv_backward_reduce)(const struct conv_backward *job, int64_t tile);

    size_t (*depthwise_forward_plan)(struct depthwise_forward *job, int threads);
    void (*depthwise_forward_run)(const struct depthwise_forward *job, int64_t tile, void *scratch);
    size_t (*depthwise_backward_plan)(struct depthwise_backward *job, int threads);
    void (*depthwise_backward_run)(const struct depthwise_backward *job, int64_t tile, void *scratch);
    void (*depthwise_backward_reduce)(const struct depthwise_backward *job, int64_t tile);

    size_t (*inverted_residual_plan)(struct inverted_residual *job, int threads);
    void (*inverted_residual_run)(const struct inverted_residual *job, int64_t phase, int64_t tile, void *scratch);
    size_t (*squeeze_plan)(struct squeeze_job *job, int threads);
    void (*squeeze_run)(const struct squeeze_job *job, int64_t phase, int64_t tile, void *scratch);

    size_t (*pixel_mlp_plan)(struct pixel_mlp *job, int threads);
    void (*pixel_mlp_run)(const struct pixel_mlp *job, int64_t tile, void *scratch);

    void (*affine_plan)(struct affine_job *job);
    void (*affine_run)(const struct affine_job *job, int64_t tile);
    void (*affine_backward_plan)(struct affine_backward *job);
    void (*affine_backward_run)(const struct affine_backward *job, int64_t tile);
    void (*combine_plan)(struct combine_job *job);
    void (*combine_run)(const struct combine_job *job, int64_t tile);
    void (*stats_plan)(struct stats_job *job);
    void (*stats_run)(const struct stats_job *job, int64_t tile);
    void (*gap_forward_plan)(struct gap_forward *job);
    void (*gap_forward_run)(const struct gap_forward *job, int64_t tile);
    void (*gap_backward_plan)(struct gap_backward *job);
    void (*gap_backward_run)(const struct gap_backward *job, int64_t tile);
    void (*avg_pool_plan)(struct avg_pool_job *job);
    void (*avg_pool_run)(const struct avg_pool_job *job, int64_t tile);
    void (*avg_pool_backward_plan)(struct avg_pool_job *job);
    void (*avg_pool_backward_run)(const struct avg_pool_job *job, int64_t tile);
    void (*max_pool_plan)(struct max_pool_job *job);
    void (*max_pool_run)(const struct max_pool_job *job, int64_t tile);
    void (*max_pool_backward_plan)(struct max_pool_job *job);
    void (*max_pool_backward_run)(const struct max_pool_job *job, int64_t tile);
    void (*gate_forward_plan)(struct gate_forward *job);
    void (*gate_forward_run)(const struct gate_forward *job, int64_t tile);
    void (*gate_backward_plan)(struct gate_backward *job);
    void (*gate_backward_run)(const struct gate_backward *job, int64_t tile);
    void (*layer_norm_forward_plan)(struct layer_norm_forward *job);
    void (*layer_norm_forward_run)(const struct layer_norm_forward *job, int64_t tile);
    void (*layer_norm_backward_plan)(struct layer_norm_backward *job);
    void (*layer_norm_backward_run)(const struct layer_norm_backward *job, int64_t tile);
    void (*merge_plan)(struct merge_job *job);
    void (*merge_run)(const struct merge_job *job, int64_t tile);

    /* The inverse DCT of 64 dequantised coefficients to 8 rows of 8 bytes; false where they are so large (JPEG_SUM_MAX in
     * all) that libjpeg-turbo's 16-bit vectors might overflow, which our 32 bits do not. The coefficients are
     * zeros afterwards, for the next block. */
    bool (*jpeg_block)(int32_t *coefficients, uint8_t *to, int64_t stride);
    void (*jpeg_row)(const struct jpeg_row *row);
    void (*normalise_bytes)(const struct normalise_job *job);
    void (*resample_across)(const struct resample_job *job);
    void (*resample_down)(const struct resample_job *job);
    /* Rows of `width` pixels of 1, 3 or 4 bytes from right to left. */
    void (*mirror_rows)(const uint8_t *from, uint8_t *to, int64_t rows, int64_t width, int64_t channels);

    /* For benchmarks: multiply-adds on registers (returns the floating-point operations made), and a plain copy. */
    double (*peak_fma)(int64_t rounds, float *sink);
    void (*peak_copy)(float *to, const float *from, int64_t n);
};

/* The table of a level, or NULL where this build has none. libsiskin-run has the kernels of inference alone: in the tables
 * of kernels_run_of the others, FULL_KERNEL in kernels.def, are NULL, and kernels_of is libsiskin's. */
const struct kernels *kernels_of(enum isa isa);
const struct kernels *kernels_run_of(enum isa isa);

#endif
