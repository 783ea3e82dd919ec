/* conv_grouped.cu — convolutions with groups (depthwise among them), directly: a thread an element,
 * neighbouring threads neighbouring channels. */
#include "conv_rows.h"

struct grouped {
    ss_conv q;
    ss_dtype t;
    const void *x, *w, *y; /* w packed: [o, taps, c / groups] */
};

SS_KERNEL(grouped_y)(grouped r, const void *b, ss_dtype bt, void *out, int64_t n)
{
    const ss_conv &q = r.q;
    const int64_t taps = q.k[0] * q.k[1] * q.k[2], gc = q.c / q.groups, go = q.o / q.groups;
    SS_EACH (i, n) {
        const int64_t row = i / q.o, o = i % q.o, base = o / go * gc;
        float sum = 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t from = ss_source(q, row, tap);
            if (from < 0) continue;
            for (int64_t c = 0; c < gc; c++)
                sum = fmaf(ss_load(r.x, r.t, from * q.c + base + c),
                           ss_load(r.w, r.t, (o * taps + tap) * gc + c), sum);
        }
        ss_store(out, r.t, i, b ? sum + ss_load(b, bt, o) : sum);
    }
}

SS_KERNEL(grouped_x)(grouped r, const void *b, ss_dtype bt, void *out, int64_t n)
{
    const ss_conv &q = r.q;
    const int64_t taps = q.k[0] * q.k[1] * q.k[2], gc = q.c / q.groups, go = q.o / q.groups;
    SS_EACH (i, n) {
        const int64_t row = i / q.c, c = i % q.c, base = c / gc * go;
        float sum = 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t from = ss_target(q, row, tap);
            if (from < 0) continue;
            for (int64_t o = base; o < base + go; o++)
                sum = fmaf(ss_load(r.y, r.t, from * q.o + o),
                           ss_load(r.w, r.t, (o * taps + tap) * gc + c % gc), sum);
        }
        ss_store(out, r.t, i, b ? sum + ss_load(b, bt, c) : sum);
    }
}

enum { WIDE = 32, HIGH = 8 }; /* neighbouring channels of y, rows at a time */

/* A block adds up its part of the rows for WIDE channels and one of the weights of each:
 * out[part, o, tap, c]. */
SS_KERNEL(grouped_w_part)(grouped r, int64_t each, int64_t weights, float *out)
{
    SS_SHARED(float, sums, [HIGH][WIDE]);
    const ss_conv &q = r.q;
    const int64_t taps = q.k[0] * q.k[1] * q.k[2], gc = q.c / q.groups, go = q.o / q.groups;
    const int64_t rows = q.n * q.y[0] * q.y[1] * q.y[2], blocks = (q.o + WIDE - 1) / WIDE;
    const int lane = (int)threadIdx.x % WIDE, high = (int)threadIdx.x / WIDE;
    const int64_t o = blockIdx.x % blocks * WIDE + lane, which = blockIdx.x / blocks,
                  tap = which / gc, c = which % gc;
    const int64_t first = blockIdx.y * each, last = first + each < rows ? first + each : rows;
    float sum = 0;
    for (int64_t row = first + high; row < last && o < q.o; row += HIGH) {
        const int64_t from = ss_source(q, row, tap);
        if (from >= 0)
            sum = fmaf(ss_load(r.x, r.t, from * q.c + o / go * gc + c),
                       ss_load(r.y, r.t, row * q.o + o), sum);
    }
    sums[high][lane] = sum;
    __syncthreads();
    if (high > 0 || o >= q.o) return;
    for (int k = 1; k < HIGH; k++) sum += sums[k][lane];
    out[blockIdx.y * weights + (o * taps + tap) * gc + c] = sum;
}

SS_KERNEL(grouped_w_end)(const float *part, int64_t parts, int64_t weights, float *out)
{
    SS_EACH (i, weights) {
        float sum = 0;
        for (int64_t p = 0; p < parts; p++) sum += part[p * weights + i];
        out[i] = sum;
    }
}

static grouped of(const ss_conv_job *r)
{
    return {*r->q, r->t, r->x, r->w, r->y};
}

extern "C" void ss_conv_grouped_y(ss_gpu *g, const ss_conv_job *r, const void *b, ss_dtype bt)
{
    const int64_t n = ss_conv_rows(r->q, SS_CONV_Y) * r->q->o;
    SS_LAUNCH(g, grouped_y, ss_grid(g, n), SS_BLOCK, 0, of(r), b, bt, r->y, n);
}

extern "C" void ss_conv_grouped_x(ss_gpu *g, const ss_conv_job *r, const void *b, ss_dtype bt)
{
    const int64_t n = ss_conv_rows(r->q, SS_CONV_X) * r->q->c;
    SS_LAUNCH(g, grouped_x, ss_grid(g, n), SS_BLOCK, 0, of(r), b, bt, r->x, n);
}

extern "C" void ss_conv_grouped_w(ss_gpu *g, const ss_conv_job *r)
{
    const ss_conv *q = r->q;
    const int64_t parts = ss_conv_grouped_parts(q), rows = ss_conv_rows(q, SS_CONV_Y),
                  each = (rows + parts - 1) / parts, weights = (int64_t)ss_conv_weights(q);
    const int64_t blocks = (q->o + WIDE - 1) / WIDE * ss_conv_taps(q) * (q->c / q->groups);
    const dim3 grid((unsigned)blocks, (unsigned)parts);
    SS_LAUNCH(g, grouped_w_part, grid, WIDE * HIGH, 0, of(r), each, weights, (float *)r->work);
    SS_LAUNCH(g, grouped_w_end, ss_grid(g, weights), SS_BLOCK, 0, (const float *)r->work, parts,
              weights, (float *)r->w);
}
