/* inverted_residual.c — expand, depthwise, project as one kernel for inference (per-ISA: compiled once per level).
 *
 * The expanded tensor never leaves L2. Large maps go by strips of output rows: a ring keeps the expanded rows, so
 * that none is made twice within a tile. Small maps go by groups of hidden channels over the whole map; with too few
 * images for all threads the groups are tiles of a first phase and the projection is a second one, or, where each thread
 * has rows enough, small maps go by strips, too.
 * A block without a projection (a squeeze-excite comes before it) is that first phase, or the strips without their last step.
 * Every element has the same chain of additions as in the three convolutions apart: equal bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/conv_rows.h"
#include "kernels/depthwise_core.h"
#include "kernels/strips.h"
#include "kernels/variants.h"

enum {
    GROUP = 96,        /* hidden channels of a group, a multiple of every MM_COLS */
    HEAD_GROUP = 64,   /* the same where groups are shared out among threads: smaller, to even out */
    PANEL = 32,        /* what a group is a multiple of */
    HEAD_MAP = 784,    /* hidden pixels up to which a block without projection goes by groups */
    PROJECT_ROWS = 28, /* rows of a tile of the second phase */
    STRIP_PIXELS = 112,
    BAND_ROWS = 6, /* input rows of a thread's band from which on its edges, expanded twice, cost less than groups */
};

static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}
static int64_t aligned(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Columns of a padded row, the first of which are pad_left zeros, then those input columns that are read. */
static int64_t padded_columns(const struct inverted_residual *job) {
    return (job->q - 1) * job->stride + job->r;
}
static int64_t read_columns(const struct inverted_residual *job) {
    return dw_max(0, dw_min(job->w, padded_columns(job) - job->pad_left));
}
static int64_t ring_slots(const struct inverted_residual *job) {
    return (job->strip - 1) * job->stride + job->r;
}

static int64_t project_tiles(const struct inverted_residual *job) {
    return pieces(job->n * job->p * job->q, PROJECT_ROWS) * pieces(job->k, MM_COLS);
}

/* Groups that are shared out among threads: some for each, so that the last even out. */
static int64_t head_group(const struct inverted_residual *job, int threads) {
    int64_t share = pieces(job->hidden, 4 * threads);
    return threads > 1 ? dw_min(HEAD_GROUP, pieces(share, PANEL) * PANEL) : GROUP;
}

static size_t plan_small(struct inverted_residual *job, int threads) {
    bool head = !job->k;
    int64_t groups = pieces(job->hidden, GROUP);
    job->group = dw_min(head ? head_group(job, threads) : GROUP, dw_step(job->hidden));
    job->strip = job->band = job->p;
    /* two images of 7x7 are seven register tiles of 14 rows */
    job->images = job->h * job->w % 2 && job->n >= (threads > 1 ? 4 * threads : 2) ? 2 : 1;
    job->tiles = pieces(job->n, job->images);
    if (head) {
        job->tiles *= pieces(job->hidden, job->group);
    } else if (threads > 1 && job->n < 2 * threads) {
        job->images = 1, job->phases = 2;
        job->tiles = dw_max(job->n * groups, project_tiles(job));
        job->shared_floats = job->n * job->p * job->q * job->hidden;
    }
    int64_t compact = job->images * (job->h * job->w + job->p * job->q);
    int64_t padded = (job->h + 1) * padded_columns(job) + job->r * job->r;
    return (size_t)aligned(job->r * (int64_t)sizeof(float *)) +
           (size_t)((compact + padded) * job->group) * sizeof(float);
}

static size_t plan_rows(struct inverted_residual *job, int threads) {
    int64_t step = dw_step(job->hidden), bands = job->n >= 2 * threads ? 1 : threads;
    job->strip = dw_min(job->p, dw_max(1, STRIP_PIXELS / job->q));
    job->band = dw_max(1, pieces(job->p, bands));
    if (job->k) /* bands of nearly equal strips; without projection, strips are those of the sums */
        job->strip = pieces(job->band, pieces(job->band, job->strip));
    else
        job->band = pieces(job->band, job->strip) * job->strip;
    job->tiles = job->n * pieces(job->p, job->band);
    int64_t ring = (ring_slots(job) + 1) * padded_columns(job) + job->strip * job->q + job->r * job->r;
    size_t dense = job->dense.k ? KERNEL_NAME(conv_rows_scratch)(&job->dense) : 0;
    return (size_t)aligned(job->r * (int64_t)sizeof(float *)) + (size_t)(ring * step) * sizeof(float) + dense;
}

size_t KERNEL_NAME(inverted_residual_plan)(struct inverted_residual *job, int threads) {
    job->phases = 1, job->shared_floats = 0, job->group = 0, job->images = 1;
    /* The channels of a map without projection are shared out where its strips of sums would not go round. */
    bool strips = job->n * pieces(job->p, strip_rows(job->q)) >= threads;
    bool shared = !job->k && !strips && threads > 1 && pieces(job->hidden, PANEL) >= 2 * threads;
    int64_t small = shared ? HEAD_MAP : BLOCK_SMALL_MAP;
    /* Groups of one image hand the whole hidden tensor from core to core; bands of rows, only their edges. */
    bool bands = job->k && threads > 1 && job->n < 2 * threads && pieces(job->h, threads) >= BAND_ROWS;
    if (bands) small = 0;
    return !job->dense.k && job->h * job->w <= small ? plan_small(job, threads) : plan_rows(job, threads);
}

/* ---- parts that both ways share ---- */

/* A product whose weights are not at hand: while a panel is used, the next one comes, and behind the last one `next`
 * (`floats` of it). gap: floats left out in C behind every `width` rows, a multiple of MM_ROWS; or 0. */
static void product(const struct matmul *m, const float *next, int64_t floats, int64_t width, int64_t gap) {
    int64_t blocks = pieces(m->rows, MM_ROWS), panel = m->panel_depth * MM_COLS;
    for (int64_t col = 0; col < m->cols; col += MM_COLS) {
        bool more = col + MM_COLS < m->cols;
        const float *coming = more ? m->b + (col / MM_COLS + 1) * panel : next;
        int64_t share = coming ? pieces(more ? m->depth * MM_COLS : floats, blocks * 16) * 16 : 0;
        struct matmul part = *m;
        part.cols = dw_min(MM_COLS, m->cols - col);
        part.b = m->b + col / MM_COLS * panel;
        part.bias = m->bias ? m->bias + col : NULL;
        for (int64_t block = 0; block < blocks; block++) {
            int64_t row = block * MM_ROWS;
            if (coming) dw_prefetch(coming + block * share, share);
            part.rows = dw_min(MM_ROWS, m->rows - row);
            part.a = m->a + row * m->lda;
            part.c = (float *)m->c + row * m->ldc + row / width * gap + col;
            part.add = stored_at(m->add, false, row * m->ldadd + col);
            KERNEL_NAME(matmul)(&part);
        }
    }
}

/* Hidden channels from … from + count of `rows` pixels of x, expanded or, without expansion, x itself. */
struct expansion {
    int64_t from, count, rows;
    const float *x; /* (rows, C) */
    float *out;     /* rows out_step apart */
    int64_t out_step;
    const float *next; /* what is multiplied with after this */
    int64_t gap;       /* by groups: floats left out behind every row of the map */
};

/* A row of the hidden map by a dense convolution. */
static void expand_dense(const struct inverted_residual *job, int64_t row, int64_t columns, float *out, float *tile) {
    struct conv_forward f = {.s = job->dense, .in = {.x = job->x}, .packed = job->expand, .act = job->expand_act};
    f.bias = job->expand_bias;
    f.y = out - row * job->w * job->hidden; /* where row 0 would lie */
    KERNEL_NAME(conv_rows)(&f, row * job->w, columns, tile);
}

static void expand(const struct inverted_residual *job, const struct expansion *e) {
    if (!job->expand) {
        struct dw_load_row l = {.columns = e->rows, .channels = e->count, .in_step = job->c, .x = e->x + e->from};
        l.out = e->out, l.out_step = e->out_step;
        KERNEL_NAME(depthwise_load)(&l);
        return;
    }
    struct matmul m = {
        .rows = e->rows, .depth = job->c, .cols = e->count, .a = e->x, .lda = job->c, .act = job->expand_act};
    m.b = job->expand + matmul_panel(job->c, e->from), m.panel_depth = job->c;
    m.bias = job->expand_bias ? job->expand_bias + e->from : NULL;
    m.c = e->out, m.ldc = e->out_step;
    if (job->group)
        product(&m, e->next, GROUP * MM_COLS, job->w, e->gap);
    else
        KERNEL_NAME(matmul)(&m);
}

/* The projection of `rows` pixels from `row` on, by hidden channels from … from + count. */
struct projection {
    int64_t row, rows, from, count, col, cols;
    const float *hidden; /* (rows, count), rows hidden_step apart */
    int64_t hidden_step;
    const float *next; /* as an expansion's */
    const float *add;  /* what is added instead of x, rows add_step apart */
    int64_t add_step;
};
static void project(const struct inverted_residual *job, const struct projection *e) {
    struct matmul m = {.rows = e->rows, .depth = e->count, .cols = e->cols, .a = e->hidden, .lda = e->hidden_step};
    m.b = job->project + matmul_panel(job->hidden, e->col) + e->from * MM_COLS, m.panel_depth = job->hidden;
    m.c = job->y + e->row * job->k + e->col, m.ldc = job->k, m.accumulate = e->from > 0;
    if (e->from + e->count == job->hidden) {
        m.bias = job->project_bias ? job->project_bias + e->col : NULL;
        m.add = e->add ? e->add : job->add ? job->x + e->row * job->c + e->col : NULL;
        m.ldadd = e->add ? e->add_step : job->c;
    }
    if (job->group)
        product(&m, e->next, job->c * MM_COLS, m.rows, 0);
    else
        KERNEL_NAME(matmul)(&m);
}

static struct dw_row depthwise_job(const struct inverted_residual *job, int64_t from, int64_t count) {
    struct dw_row d = {.taps_r = job->r, .taps_s = job->r, .stride = job->stride, .dilation = 1, .act = job->act};
    d.count = job->q, d.channels = count;
    d.bias = job->depthwise_bias ? job->depthwise_bias + from : NULL;
    return d;
}

/* Where output row p of an image adds its sums: channels from … from + count. */
static void sums_of_row(const struct inverted_residual *job, struct dw_row *d, int64_t image, int64_t p, int64_t from) {
    if (!job->sums) return;
    int64_t strip = strip_rows(job->q);
    d->sums = job->sums + (image * pieces(job->p, strip) + p / strip) * 2 * job->hidden + from;
    d->sums_step = job->hidden;
    if (p % strip) return;
    dw_zero(d->sums, d->channels);
    dw_zero(d->sums + job->hidden, d->channels);
}

/* ---- large maps: strips of rows ---- */

/* What the next strip reads and writes, spread over the depthwise rows of this one. */
static void look_ahead(const struct inverted_residual *job, struct dw_ahead *ahead, int64_t image, int64_t h,
                       int64_t p) {
    int64_t rows = dw_min(job->strip * job->stride, job->h - h), outputs = dw_min(job->strip, job->p - p);
    ahead->ranges = 0;
    dw_ahead_add(ahead, job->x, false, (image * job->h + h) * job->w * job->c, rows * job->w * job->c);
    dw_ahead_add(ahead, job->y, false, (image * job->p + p) * job->q * job->k, outputs * job->q * job->k);
    dw_ahead_spread(ahead, job->strip * dw_row_tiles(job->q, job->hidden));
}

/* Output rows p … last of an image, from the depthwise part's `hidden`. What a dense convolution made lies in the ring, a
 * row apart from the next. */
static void project_strip(const struct inverted_residual *job, const struct dw_ring *ring, int64_t image,
                          const int64_t strip[2], const float *hidden) {
    bool ringed = job->add && job->dense.k;
    int64_t p = strip[0], step = ring->load.out_step, rows = ringed ? 1 : strip[1] - p;
    for (; p < strip[1]; p += rows, hidden += rows * job->q * step) {
        struct projection e = {.row = (image * job->p + p) * job->q, .rows = rows * job->q, .hidden = hidden};
        e.hidden_step = step, e.count = job->hidden, e.cols = job->k;
        if (ringed) e.add = dw_ring_row(ring, p) + ring->left, e.add_step = step;
        project(job, &e);
    }
}

static void run_rows(const struct inverted_residual *job, int64_t tile, void *scratch) {
    int64_t bands = pieces(job->p, job->band), image = tile / bands, first = tile % bands * job->band;
    int64_t end = dw_min(job->p, first + job->band), step = dw_step(job->hidden), columns = padded_columns(job);
    const float **rows = scratch, *x = job->x + image * job->h * job->w * job->c;
    struct dw_ring ring = {.slots = ring_slots(job), .row_floats = columns * step, .height = job->h};
    ring.left = dw_min(job->pad_left, columns) * step;
    ring.load.columns = read_columns(job), ring.load.channels = job->hidden, ring.load.out_step = step;
    float *d = dw_ring_open(&ring, (float *)((char *)scratch + aligned(job->r * (int64_t)sizeof(float *))));
    float *w = d + job->strip * job->q * step, *dense = w + job->r * job->r * step;
    struct dw_row row = depthwise_job(job, 0, job->hidden);
    dw_copy_taps(w, job->depthwise, (int64_t)job->r * job->r, job->hidden, job->hidden);
    struct dw_ahead ahead = {0};
    row.w = w, row.rows = rows, row.step = row.y_step = step, row.ahead = &ahead;
    int64_t next = dw_max(0, first * job->stride - job->pad_top);
    for (int64_t p = first; p < end; p += job->strip) {
        int64_t last = dw_min(end, p + job->strip), bottom = (last - 1) * job->stride - job->pad_top + job->r;
        for (next = dw_max(next, p * job->stride - job->pad_top); next < dw_min(bottom, job->h); next++) {
            float *to = ring.rows + next % ring.slots * ring.row_floats + ring.left;
            if (job->dense.k) {
                expand_dense(job, image * job->h + next, ring.load.columns, to, dense);
                continue;
            }
            struct expansion e = {.count = job->hidden, .rows = ring.load.columns, .x = x + next * job->w * job->c};
            e.out = to, e.out_step = step;
            expand(job, &e);
        }
        if (!job->dense.k) look_ahead(job, &ahead, image, next, last);
        for (int64_t i = p; i < last; i++) {
            int64_t top = i * job->stride - job->pad_top;
            for (int r = 0; r < job->r; r++) rows[r] = dw_ring_row(&ring, top + r);
            row.y = d + (i - p) * job->q * step;
            if (!job->k) row.y = job->y + (image * job->p + i) * job->q * job->hidden, row.y_step = job->hidden;
            sums_of_row(job, &row, image, i, 0);
            KERNEL_NAME(depthwise_row)(&row);
        }
        if (job->k) project_strip(job, &ring, image, (int64_t[]){p, last}, d);
    }
}

/* ---- small maps: groups of hidden channels ---- */

/* The memory of a group: the expanded maps, compact; one map with padded rows and a row of zeros; taps. */
struct group_memory {
    const float **rows;
    float *compact, *padded, *zero, *taps, *hidden;
};
static struct group_memory group_memory(const struct inverted_residual *job, void *scratch) {
    struct group_memory m = {.rows = scratch};
    m.compact = (float *)((char *)scratch + aligned(job->r * (int64_t)sizeof(float *)));
    m.padded = m.compact + job->images * job->h * job->w * job->group;
    m.zero = m.padded + job->h * padded_columns(job) * job->group;
    m.taps = m.zero + padded_columns(job) * job->group;
    m.hidden = m.taps + (int64_t)job->r * job->r * job->group;
    return m;
}

/* Where register tiles do not cross the rows of a map, which is alone, it is expanded right into padded rows. */
static bool expands_padded(const struct inverted_residual *job) {
    return job->images == 1 && job->expand && job->w % MM_ROWS == 0 && read_columns(job) == job->w;
}

/* One map, from compact to padded rows; or only their zeros, where `compact` is NULL. */
static void pad_map(const struct inverted_residual *job, const float *compact, const struct group_memory *m) {
    int64_t columns = padded_columns(job), step = job->group, left = dw_min(job->pad_left, columns) * step;
    int64_t used = read_columns(job) * step;
    for (int64_t h = 0; h < job->h; h++) {
        float *row = m->padded + h * columns * step;
        dw_zero(row, left);
        if (compact) memcpy(row + left, compact + h * job->w * step, (size_t)used * sizeof *row);
        dw_zero(row + left + used, columns * step - left - used);
    }
}

/* Hidden channels from … from + count of some images after the depthwise part, to rows of out_step. */
static void run_group(const struct inverted_residual *job, int64_t image, int64_t images, int64_t from,
                      const struct group_memory *m, float *out, int64_t out_step) {
    int64_t count = dw_min(job->group, job->hidden - from), columns = padded_columns(job), step = job->group;
    struct expansion e = {.from = from, .count = count, .rows = images * job->h * job->w};
    bool padded = images == 1 && expands_padded(job);
    e.x = job->x + image * job->h * job->w * job->c, e.out = m->compact, e.out_step = step;
    if (padded) e.out = m->padded + job->pad_left * step, e.gap = (columns - job->w) * step;
    e.next = job->phases == 1 && job->k ? job->project + from * MM_COLS : NULL;
    expand(job, &e);
    struct dw_row d = depthwise_job(job, from, count);
    for (int64_t i = 0; i < (int64_t)job->r * job->r; i++) {
        memcpy(m->taps + i * step, job->depthwise + i * job->hidden + from, (size_t)count * sizeof(float));
    }
    d.w = m->taps, d.step = step, d.rows = m->rows, d.y_step = out_step;
    for (int64_t i = 0; i < images; i++) {
        pad_map(job, padded ? NULL : m->compact + i * job->h * job->w * step, m);
        for (int64_t p = 0; p < job->p; p++) {
            for (int r = 0; r < job->r; r++) {
                int64_t h = p * job->stride - job->pad_top + r;
                m->rows[r] = h < 0 || h >= job->h ? m->zero : m->padded + h * columns * step;
            }
            d.y = out + (i * job->p + p) * job->q * out_step;
            sums_of_row(job, &d, image + i, p, from);
            KERNEL_NAME(depthwise_row)(&d);
        }
    }
}

/* Some images by one group of hidden channels, which the next step reads. */
static void run_head(const struct inverted_residual *job, int64_t tile, void *scratch) {
    struct group_memory m = group_memory(job, scratch);
    int64_t groups = pieces(job->hidden, job->group), from = tile % groups * job->group;
    int64_t image = tile / groups * job->images, images = dw_min(job->images, job->n - image);
    dw_zero(m.zero, padded_columns(job) * job->group);
    run_group(job, image, images, from, &m, job->y + image * job->p * job->q * job->hidden + from, job->hidden);
}

static void run_small(const struct inverted_residual *job, int64_t tile, void *scratch) {
    struct group_memory m = group_memory(job, scratch);
    int64_t image = tile * job->images, images = dw_min(job->images, job->n - image), pixels = job->p * job->q;
    dw_zero(m.zero, padded_columns(job) * job->group);
    for (int64_t from = 0; from < job->hidden; from += job->group) {
        run_group(job, image, images, from, &m, m.hidden, job->group);
        struct projection e = {.row = image * pixels, .rows = images * pixels, .from = from, .cols = job->k};
        e.count = dw_min(job->group, job->hidden - from), e.hidden = m.hidden, e.hidden_step = job->group;
        if (job->expand && from + job->group < job->hidden)
            e.next = job->expand + matmul_panel(job->c, from + job->group);
        project(job, &e);
    }
}

static void run_shared(const struct inverted_residual *job, int64_t phase, int64_t tile, void *scratch) {
    int64_t groups = pieces(job->hidden, job->group), pixels = job->p * job->q;
    if (phase == 0 && tile < job->n * groups) {
        struct group_memory m = group_memory(job, scratch);
        int64_t image = tile / groups, from = tile % groups * job->group;
        dw_zero(m.zero, padded_columns(job) * job->group);
        run_group(job, image, 1, from, &m, job->shared + image * pixels * job->hidden + from, job->hidden);
    } else if (phase == 1 && tile < project_tiles(job)) {
        /* neighbouring tiles use the same panel */
        int64_t blocks = pieces(job->n * pixels, PROJECT_ROWS);
        struct projection e = {.row = tile % blocks * PROJECT_ROWS, .col = tile / blocks * MM_COLS};
        e.rows = dw_min(PROJECT_ROWS, job->n * pixels - e.row), e.cols = dw_min(MM_COLS, job->k - e.col);
        e.count = e.hidden_step = job->hidden, e.hidden = job->shared + e.row * job->hidden;
        project(job, &e);
    }
}

void KERNEL_NAME(inverted_residual_run)(const struct inverted_residual *job, int64_t phase, int64_t tile,
                                        void *scratch) {
    if (job->phases > 1)
        run_shared(job, phase, tile, scratch);
    else if (job->group && !job->k)
        run_head(job, tile, scratch);
    else if (job->group)
        run_small(job, tile, scratch);
    else
        run_rows(job, tile, scratch);
}
