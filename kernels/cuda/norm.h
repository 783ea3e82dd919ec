/* norm.h — what instance, group and batch normalisation and the Dice loss share on the device: sums
 * per channel of channels-last data in two launches, and the normalising pass. */
#ifndef SEMISAM_CUDA_NORM_H
#define SEMISAM_CUDA_NORM_H
#include "cuda.h"
#include "support/cuda_norm.h"

/* What a thread of a block takes: positions from, from + height, ... below `to` of channel j. */
struct ss_norm_spot {
    int64_t sample, chunk, j, at; /* `at`: element of position 0 of the sample */
    int64_t from, to;             /* nothing for threads beyond the tile */
    int line;
    bool active;
};
SS_DEVICE ss_norm_spot ss_norm_here(const ss_norm_tiles &t)
{
    ss_norm_spot p;
    const int64_t b = blockIdx.x / t.slabs, end = b % t.chunks * t.rows + t.rows;
    p.sample = b / t.chunks;
    p.chunk = b % t.chunks;
    p.line = (int)(threadIdx.x / t.width);
    p.j = blockIdx.x % t.slabs * t.width + threadIdx.x % t.width;
    p.active = p.line < t.height && p.j < t.c;
    p.at = p.sample * t.s * t.c + p.j;
    p.from = end - t.rows + p.line;
    p.to = !p.active ? 0 : end < t.s ? end : t.s;
    return p;
}
/* SS_EACH_LINE(r, p, t) — the positions of spot p. */
#define SS_EACH_LINE(r, p, t) for (int64_t r = (p).from; r < (p).to; r += (t).height)

/* Adds up x over the lines of each channel: the thread of line 0 gets the sum. */
SS_DEVICE float ss_norm_fold(const ss_norm_tiles &t, const ss_norm_spot &p, float x)
{
    SS_SHARED(float, all, [SS_NORM_THREADS]);
    __syncthreads();
    all[threadIdx.x] = x;
    __syncthreads();
    for (int h = (int)t.height; h > 1;) {
        const int half = (h + 1) / 2;
        if (p.line < h - half) all[threadIdx.x] += all[threadIdx.x + half * t.width];
        h = half;
        __syncthreads();
    }
    return all[threadIdx.x];
}
/* Where number k of a chunk's channel is kept. */
SS_DEVICE int64_t ss_norm_part(const ss_norm_tiles &t, int64_t sample, int64_t chunk, int k,
                               int64_t j)
{
    return ((sample * t.chunks + chunk) * 2 + k) * t.c + j;
}

/* ---- statistics -------------------------------------------------------------------- */

/* Mean and squared deviations of some values. */
struct ss_moments {
    float n, mean, m2;
};
/* A group of values at a time, each against the mean so far (the first value, at first): no digits
 * cancel. */
SS_DEVICE ss_moments ss_norm_column(const ss_norm_tiles &t, const ss_norm_spot &p, const ss_view &x)
{
    enum { GROUP = 16 };
    ss_moments a = {0, 0, 0};
    for (int64_t r = p.from; r < p.to;) {
        float s1 = 0, s2 = 0;
        if (a.n == 0) a.mean = ss_load(x.data, x.dtype, p.at + r * t.c);
        for (int k = 0; k < GROUP && r < p.to; k++, r += t.height) {
            const float d = ss_load(x.data, x.dtype, p.at + r * t.c) - a.mean;
            s1 += d;
            s2 += d * d;
            a.n += 1;
        }
        const float f = 1 / a.n;
        a.mean += s1 * f;
        a.m2 += s2 - s1 * s1 * f;
    }
    return a;
}
SS_DEVICE void ss_moments_join(ss_moments *a, const ss_moments &b)
{
    if (b.n == 0) return;
    const float n = a->n + b.n, d = b.mean - a->mean, f = b.n / n;
    a->mean += d * f;
    a->m2 += b.m2 + d * d * a->n * f;
    a->n = n;
}
/* part: mean and squared deviations of every chunk. */
template <int K> SS_KERNEL(ss_norm_stats)(ss_view x, ss_norm_tiles t, float *part)
{
    SS_SHARED(ss_moments, all, [SS_NORM_THREADS]);
    const ss_norm_spot p = ss_norm_here(t);
    all[threadIdx.x] = ss_norm_column(t, p, x);
    __syncthreads();
    for (int h = (int)t.height; h > 1;) {
        const int half = (h + 1) / 2;
        if (p.line < h - half)
            ss_moments_join(&all[threadIdx.x], all[threadIdx.x + half * t.width]);
        h = half;
        __syncthreads();
    }
    if (p.line || !p.active) return;
    part[ss_norm_part(t, p.sample, p.chunk, 0, p.j)] = all[threadIdx.x].mean;
    part[ss_norm_part(t, p.sample, p.chunk, 1, p.j)] = all[threadIdx.x].m2;
}

/* ---- chunks joined ------------------------------------------------------------------- */

enum { SS_NORM_BESIDE = 8 }; /* channels of a block that joins chunks */

/* Sum over the threads of one channel, for each of them. */
SS_DEVICE double ss_norm_total(double x)
{
    SS_SHARED(double, all, [SS_NORM_THREADS]);
    __syncthreads();
    all[threadIdx.x] = x;
    for (int d = SS_NORM_THREADS / 2; d >= SS_NORM_BESIDE; d /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < d) all[threadIdx.x] += all[threadIdx.x + d];
    }
    __syncthreads();
    return all[threadIdx.x % SS_NORM_BESIDE];
}
/* total[n, 2, c]: sums of the chunks' pairs; with MOMENTS their common mean and squared
 * deviations. */
template <bool MOMENTS> SS_KERNEL(ss_norm_join)(const float *part, ss_norm_tiles t, double *total)
{
    const int64_t groups = (t.c + SS_NORM_BESIDE - 1) / SS_NORM_BESIDE;
    const int64_t sample = blockIdx.x / groups, first = threadIdx.x / SS_NORM_BESIDE;
    const int64_t j = blockIdx.x % groups * SS_NORM_BESIDE + threadIdx.x % SS_NORM_BESIDE;
    const int64_t chunks = j < t.c ? t.chunks : 0, step = SS_NORM_THREADS / SS_NORM_BESIDE;
    double a = 0, b = 0;
    for (int64_t k = first; k < chunks; k += step) {
        const int64_t left = t.s - k * t.rows, rows = left < t.rows ? left : t.rows;
        const double w = MOMENTS ? (double)rows / (double)t.s : 1;
        a += w * (double)part[ss_norm_part(t, sample, k, 0, j)];
    }
    a = ss_norm_total(a);
    for (int64_t k = first; k < chunks; k += step) {
        const int64_t left = t.s - k * t.rows, rows = left < t.rows ? left : t.rows;
        const double d = (double)part[ss_norm_part(t, sample, k, 0, j)] - a;
        b += (double)part[ss_norm_part(t, sample, k, 1, j)] + (MOMENTS ? (double)rows * d * d : 0);
    }
    b = ss_norm_total(b);
    if (first || j >= t.c) return;
    total[2 * sample * t.c + j] = a;
    total[(2 * sample + 1) * t.c + j] = b;
}
static inline unsigned ss_norm_join_grid(const ss_norm_tiles &t)
{
    return (unsigned)(t.n * ((t.c + SS_NORM_BESIDE - 1) / SS_NORM_BESIDE));
}

/* Mean and squared deviations of samples [i, i + samples), channels [j, j + m) together. */
SS_DEVICE void ss_norm_set(const double *total, const ss_norm_tiles &t, int64_t i, int64_t samples,
                           int64_t j, int64_t m, double *mean, double *m2)
{
    const double parts = (double)(samples * m);
    double a = 0, b = 0;
    for (int64_t q = i; q < i + samples; q++)
        for (int64_t l = j; l < j + m; l++) a += total[2 * q * t.c + l] / parts;
    for (int64_t q = i; q < i + samples; q++)
        for (int64_t l = j; l < j + m; l++) {
            const double d = total[2 * q * t.c + l] - a;
            b += total[(2 * q + 1) * t.c + l] + (double)t.s * d * d;
        }
    *mean = a;
    *m2 = b;
}

/* Mean and 1/sqrt(var + eps) of every set of `samples` samples and m channels. */
template <int K>
SS_KERNEL(ss_norm_finish)
(const double *total, ss_norm_tiles t, int64_t samples, int64_t m, int64_t sets, double eps,
 float *mean, float *rstd)
{
    SS_EACH (k, sets) {
        const int64_t per = t.c / m, i = k / per, j = k % per * m;
        const double count = (double)(samples * t.s * m);
        double a, b;
        ss_norm_set(total, t, i * samples, samples, j, m, &a, &b);
        const float r = (float)(1 / sqrt((count > 0 ? b / count : 0) + eps));
        for (int64_t l = j; l < j + m; l++) mean[i * t.c + l] = (float)a, rstd[i * t.c + l] = r;
    }
}

/* ---- normalising ----------------------------------------------------------------------- */

/* Constants of one channel. */
struct ss_norm_channel {
    float mean, rstd, weight, bias;
};
SS_DEVICE ss_norm_channel ss_norm_channel_at(const float *mean, const float *rstd, int64_t at,
                                             const ss_view &weight, const ss_view &bias, int64_t j)
{
    const ss_norm_channel k = {mean[at], rstd[at],
                               weight.present ? ss_load(weight.data, weight.dtype, j) : 1,
                               bias.present ? ss_load(bias.data, bias.dtype, j) : 0};
    return k;
}
/* y = leaky((x - mean) / sd * weight + bias + residual); `stride`: c with statistics per sample,
 * 0 with one set for all. */
template <int K>
SS_KERNEL(ss_norm_apply)
(ss_view x, ss_view weight, ss_view bias, ss_view residual, ss_view y, ss_norm_tiles t,
 const float *mean, const float *rstd, int64_t stride, float slope)
{
    const ss_norm_spot p = ss_norm_here(t);
    if (!p.active) return;
    const ss_norm_channel k =
        ss_norm_channel_at(mean, rstd, p.sample * stride + p.j, weight, bias, p.j);
    const float f = k.weight * k.rstd;
    SS_EACH_LINE(r, p, t)
    {
        const int64_t i = p.at + r * t.c;
        float u = (ss_load(x.data, x.dtype, i) - k.mean) * f + k.bias;
        if (residual.present) u += ss_load(residual.data, residual.dtype, i);
        ss_store(y.data, y.dtype, i, u > 0 ? u : slope * u);
    }
}

/* ---- launches -------------------------------------------------------------------------- */

/* Totals of x in scratch: [n, 2, c], mean and squared deviations. */
static inline double *ss_norm_totals(ss_call *c, ss_gpu *g, const ss_view *x,
                                     const ss_norm_tiles &t)
{
    double *total = (double *)c->scratch;
    float *part = (float *)(total + 2 * t.n * t.c);
    if (x->count)
        SS_LAUNCH(g, ss_norm_stats<0>, (unsigned)ss_norm_blocks(&t), SS_NORM_THREADS, 0, *x, t,
                  part);
    if (t.n > 0 && t.c > 0)
        SS_LAUNCH(g, ss_norm_join<true>, ss_norm_join_grid(t), SS_NORM_THREADS, 0, part, t, total);
    return total;
}

/* The whole forward pass: statistics over sets of `samples` samples and m channels into out[1],
 * out[2], then out[0]. */
static inline ss_status ss_norm_run(ss_call *c, ss_gpu *g, int64_t samples, int64_t m, double eps,
                                    const ss_view &residual, float slope)
{
    const ss_norm_tiles t = ss_norm_tiles_of(&c->in[0]);
    const double *total = ss_norm_totals(c, g, &c->in[0], t);
    float *mean = ss_out_ptr<float>(c, 1), *rstd = ss_out_ptr<float>(c, 2);
    const int64_t stride = c->out[1].ndim == 2 ? t.c : 0, sets = m > 0 ? c->out[1].count / m : 0;
    if (sets)
        SS_LAUNCH(g, ss_norm_finish<0>, ss_grid(g, sets), SS_BLOCK, 0, total, t, samples, m, sets,
                  eps, mean, rstd);
    if (c->in[0].count)
        SS_LAUNCH(g, ss_norm_apply<0>, (unsigned)ss_norm_blocks(&t), SS_NORM_THREADS, 0, c->in[0],
                  c->in[1], c->in[2], residual, c->out[0], t, mean, rstd, stride, slope);
    return ss_launched(c, g);
}
#endif
