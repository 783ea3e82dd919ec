/* _channel_norm_dx.cu — gradients of instance, group and batch normalisation (see the .c file). */
#include "cuda/norm.h"

enum { DY, X, MEAN, RSTD, WEIGHT, BIAS, RESIDUAL };
enum { OVER, GROUP, SLOPE };
enum { OVER_SAMPLE, OVER_BATCH, OVER_FIXED };

/* The inputs, as kernels take them. */
struct inputs {
    ss_view dy, x, weight, bias, residual;
    const float *mean, *rstd;
    int64_t stride; /* between the statistics of samples */
    float slope;
};
/* xhat and the gradient before the leaky ReLU, of one element. */
struct point {
    float h, g;
};
SS_DEVICE ss_norm_channel channel_at(const inputs &in, const ss_norm_spot &p)
{
    return ss_norm_channel_at(in.mean, in.rstd, p.sample * in.stride + p.j, in.weight, in.bias,
                              p.j);
}
SS_DEVICE point point_at(const inputs &in, const ss_norm_channel &k, int64_t i)
{
    const float h = (ss_load(in.x.data, in.x.dtype, i) - k.mean) * k.rstd;
    const float dy = ss_load(in.dy.data, in.dy.dtype, i);
    float u = h * k.weight + k.bias;
    if (in.residual.present) u += ss_load(in.residual.data, in.residual.dtype, i);
    const point q = {h, u > 0 ? dy : in.slope * dy};
    return q;
}

/* Sums of g and g xhat of every chunk. */
SS_KERNEL(grad_sums)(inputs in, ss_norm_tiles t, float *part)
{
    const ss_norm_spot p = ss_norm_here(t);
    float s1 = 0, s2 = 0;
    if (p.active) {
        const ss_norm_channel k = channel_at(in, p);
        SS_EACH_LINE(r, p, t)
        {
            const point q = point_at(in, k, p.at + r * t.c);
            s1 += q.g;
            s2 += q.g * q.h;
        }
    }
    s1 = ss_norm_fold(t, p, s1);
    s2 = ss_norm_fold(t, p, s2);
    if (p.line || !p.active) return;
    part[ss_norm_part(t, p.sample, p.chunk, 0, p.j)] = s1;
    part[ss_norm_part(t, p.sample, p.chunk, 1, p.j)] = s2;
}

SS_KERNEL(param_grads)(const double *total, ss_norm_tiles t, float *dweight, float *dbias)
{
    SS_EACH (j, t.c) {
        double w = 0, b = 0;
        for (int64_t i = 0; i < t.n; i++) {
            b += total[2 * i * t.c + j];
            w += total[(2 * i + 1) * t.c + j];
        }
        dweight[j] = (float)w;
        dbias[j] = (float)b;
    }
}

/* Means of weight g and weight g xhat over every set of `samples` samples and m channels, for each
 * of its members: mean[n, 2, c]. */
SS_KERNEL(share)
(const double *total, ss_view weight, ss_norm_tiles t, int64_t samples, int64_t m, bool fixed,
 float *mean)
{
    SS_EACH (k, t.n / samples * (t.c / m)) {
        const int64_t per = t.c / m, i = k / per * samples, j = k % per * m;
        const double count = (double)(samples * m * t.s);
        double u1 = 0, u2 = 0;
        for (int64_t q = i; q < i + samples && !fixed; q++)
            for (int64_t l = j; l < j + m; l++) {
                const double f = weight.present ? (double)ss_load(weight.data, weight.dtype, l) : 1;
                u1 += f * total[2 * q * t.c + l];
                u2 += f * total[(2 * q + 1) * t.c + l];
            }
        for (int64_t q = i; q < i + samples; q++)
            for (int64_t l = j; l < j + m; l++) {
                mean[2 * q * t.c + l] = (float)(u1 / count);
                mean[(2 * q + 1) * t.c + l] = (float)(u2 / count);
            }
    }
}

SS_KERNEL(input_grads)(inputs in, ss_norm_tiles t, const float *mean, ss_view dx, ss_view dr)
{
    const ss_norm_spot p = ss_norm_here(t);
    if (!p.active) return;
    const ss_norm_channel k = channel_at(in, p);
    const float m1 = mean[2 * p.sample * t.c + p.j], m2 = mean[(2 * p.sample + 1) * t.c + p.j];
    SS_EACH_LINE(r, p, t)
    {
        const int64_t i = p.at + r * t.c;
        const point q = point_at(in, k, i);
        ss_store(dx.data, dx.dtype, i, k.rstd * (k.weight * q.g - m1 - q.h * m2));
        if (in.residual.present) ss_store(dr.data, dr.dtype, i, q.g);
    }
}

SS_TWIN(_channel_norm_dx)
{
    const ss_norm_tiles t = ss_norm_tiles_of(&c->in[X]);
    const int64_t over = c->attr[OVER].v[0], m = c->attr[GROUP].v[0] > 1 ? c->attr[GROUP].v[0] : 1;
    const int64_t samples = over == OVER_BATCH ? t.n : 1;
    const inputs in = {c->in[DY],
                       c->in[X],
                       c->in[WEIGHT],
                       c->in[BIAS],
                       c->in[RESIDUAL],
                       ss_in_ptr<float>(c, MEAN),
                       ss_in_ptr<float>(c, RSTD),
                       over == OVER_SAMPLE ? t.c : 0,
                       (float)c->attr[SLOPE].num};
    double *total = (double *)c->scratch;
    float *mean = (float *)(total + 2 * t.n * t.c), *part = mean + 2 * t.n * t.c;
    const unsigned blocks = (unsigned)ss_norm_blocks(&t);
    if (blocks) SS_LAUNCH(g, grad_sums, blocks, SS_NORM_THREADS, 0, in, t, part);
    if (t.n > 0 && t.c > 0)
        SS_LAUNCH(g, ss_norm_join<false>, ss_norm_join_grid(t), SS_NORM_THREADS, 0, part, t, total);
    if (t.c)
        SS_LAUNCH(g, param_grads, ss_grid(g, t.c), SS_BLOCK, 0, total, t, ss_out_ptr<float>(c, 1),
                  ss_out_ptr<float>(c, 2));
    if (!blocks) return ss_launched(c, g);
    SS_LAUNCH(g, share, ss_grid(g, t.n / samples * (t.c / m)), SS_BLOCK, 0, total, c->in[WEIGHT], t,
              samples, m, over == OVER_FIXED, mean);
    SS_LAUNCH(g, input_grads, blocks, SS_NORM_THREADS, 0, in, t, mean, c->out[0], c->out[3]);
    return ss_launched(c, g);
}
