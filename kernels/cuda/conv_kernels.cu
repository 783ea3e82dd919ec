/* conv_kernels.cu — moves elements between tensors and the rows that products of convolutions read:
 * packs weights, gathers and spreads rows. */
#include "conv_rows.h"
#include "sums.h"

/* Elements are copied as bits of their size. */
#define BITS(t, T, ...)                                                                            \
    if (ss_dtype_bytes(t) == 4) {                                                                  \
        typedef uint32_t T;                                                                        \
        __VA_ARGS__                                                                                \
    } else {                                                                                       \
        typedef uint16_t T;                                                                        \
        __VA_ARGS__                                                                                \
    }

extern "C" ss_status ss_conv_bias_sum(ss_call *c, ss_gpu *g, const ss_view *db, const ss_view *dy)
{
    const ss_attr dims = ss_leading_axes(dy);
    return ss_fold_add(c, g, db, dy, &dims, 1);
}

/* ---- weights -------------------------------------------------------------------------------- */

/* [out, in, taps] to [out, taps, in], or back. */
SS_KERNEL(pack_weight)
(const void *from, ss_dtype from_type, void *to, ss_dtype to_type, int64_t in, int64_t taps,
 int64_t n)
{
    SS_EACH (i, n) /* i counts in `to`'s order: [out, a, b] with a of `taps` */
    {
        const int64_t b = i % in, a = i / in % taps, o = i / (in * taps);
        ss_store(to, to_type, i, ss_load(from, from_type, (o * in + b) * taps + a));
    }
}

extern "C" void ss_conv_pack(ss_gpu *g, const ss_conv *q, const void *w, ss_dtype wt, void *to,
                             ss_dtype t)
{
    const int64_t n = (int64_t)ss_conv_weights(q);
    SS_LAUNCH(g, pack_weight, ss_grid(g, n), SS_BLOCK, 0, w, wt, to, t, q->c / q->groups,
              ss_conv_taps(q), n);
}

extern "C" void ss_conv_unpack(ss_gpu *g, const ss_conv *q, const void *w, ss_dtype t, float *to)
{
    const int64_t n = (int64_t)ss_conv_weights(q);
    SS_LAUNCH(g, pack_weight, ss_grid(g, n), SS_BLOCK, 0, w, t, to, SS_F32, ss_conv_taps(q),
              q->c / q->groups, n);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* `lanes` threads copy the channels of one (row, tap). */
template <class T>
SS_KERNEL(gather_x)
(ss_conv q, const T *x, int64_t first, int64_t pairs, int lanes, T *out)
{
    const int64_t taps = q.k[0] * q.k[1] * q.k[2];
    SS_EACH (i, pairs * lanes) {
        const int64_t pair = i / lanes, from = ss_source(q, first + pair / taps, pair % taps);
        for (int64_t c = i % lanes; c < q.c; c += lanes)
            out[pair * q.c + c] = from < 0 ? 0 : x[from * q.c + c];
    }
}

template <class T>
SS_KERNEL(gather_y)
(ss_conv q, const T *y, int64_t first, int64_t pairs, int lanes, T *out)
{
    const int64_t taps = q.k[0] * q.k[1] * q.k[2];
    SS_EACH (i, pairs * lanes) {
        const int64_t pair = i / lanes, row = pair / taps, tap = pair % taps,
                      from = ss_target(q, first + row, tap);
        for (int64_t o = i % lanes; o < q.o; o += lanes)
            out[(row * q.o + o) * taps + tap] = from < 0 ? 0 : y[from * q.o + o];
    }
}

static int lanes_for(int64_t channels)
{
    int n = 1;
    while (n < SS_WARP && n < channels) n *= 2;
    return n;
}

extern "C" void ss_conv_gather_x(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *x,
                                 int64_t first, int64_t rows, void *out)
{
    const int64_t pairs = rows * ss_conv_taps(q);
    const int lanes = lanes_for(q->c);
    BITS(t, T, {
        SS_LAUNCH(g, gather_x<T>, ss_grid(g, pairs * lanes), SS_BLOCK, 0, *q, (const T *)x, first,
                  pairs, lanes, (T *)out);
    })
}

extern "C" void ss_conv_gather_y(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *y,
                                 int64_t first, int64_t rows, void *out)
{
    const int64_t pairs = rows * ss_conv_taps(q);
    const int lanes = lanes_for(q->o);
    BITS(t, T, {
        SS_LAUNCH(g, gather_y<T>, ss_grid(g, pairs * lanes), SS_BLOCK, 0, *q, (const T *)y, first,
                  pairs, lanes, (T *)out);
    })
}

SS_KERNEL(spread)
(ss_conv q, ss_dtype t, const void *from, int64_t first, int64_t pairs, int lanes, const void *b,
 ss_dtype bt, void *x)
{
    const int64_t taps = q.k[0] * q.k[1] * q.k[2];
    SS_EACH (i, pairs * lanes) {
        const int64_t pair = i / lanes, to = ss_source(q, first + pair / taps, pair % taps);
        for (int64_t c = i % lanes; c < q.c; c += lanes) {
            const float v = ss_load(from, t, pair * q.c + c);
            ss_store(x, t, to * q.c + c, b ? v + ss_load(b, bt, c) : v);
        }
    }
}

extern "C" void ss_conv_spread(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *from,
                               int64_t first, int64_t rows, const void *b, ss_dtype bt, void *x)
{
    const int64_t pairs = rows * ss_conv_taps(q);
    const int lanes = lanes_for(q->c);
    SS_LAUNCH(g, spread, ss_grid(g, pairs * lanes), SS_BLOCK, 0, *q, t, from, first, pairs, lanes,
              b, bt, x);
}
