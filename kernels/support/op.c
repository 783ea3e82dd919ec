/* op.c — shape and error helpers that every op's infer uses. */
#include "../op.h"
#include <stdio.h>

ss_status ss_fail(ss_call *c, ss_status s, const char *fmt, ...)
{
    if (c->env && c->env->msg) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(c->env->msg, c->env->msg_bytes, fmt, ap);
        va_end(ap);
    }
    return s;
}

size_t ss_dtype_bytes(ss_dtype t)
{
    static const size_t bytes[] = {
#define X(name, text, size) size,
        SS_DTYPE_MAP(X)
#undef X
    };
    return bytes[t];
}

const char *ss_dtype_name(ss_dtype t)
{
    static const char *const names[] = {
#define X(name, text, size) text,
        SS_DTYPE_MAP(X)
#undef X
    };
    return names[t];
}

ss_status ss_out(ss_call *c, int k, ss_dtype t, int ndim, const int64_t *shape)
{
    ss_view *o = &c->out[k];
    if (ndim > SS_MAX_DIM)
        return ss_fail(c, SS_E_SHAPE, "result would have %d axes, at most %d are supported", ndim,
                       SS_MAX_DIM);
    *o = (ss_view){.dtype = t, .ndim = ndim, .count = 1, .present = true};
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return ss_fail(c, SS_E_SHAPE, "result axis %d would have size %lld", i + 1,
                           (long long)shape[i]);
        o->shape[i] = shape[i];
        if (__builtin_mul_overflow(o->count, shape[i], &o->count) || o->count > INT64_MAX / 8)
            return ss_fail(c, SS_E_SHAPE, "result would have more than 2^60 elements");
    }
    return SS_OK;
}

ss_status ss_out_like(ss_call *c, int k, const ss_view *v)
{
    return ss_out(c, k, v->dtype, v->ndim, v->shape);
}

ss_status ss_out_broadcast(ss_call *c, int k, ss_dtype t, int n)
{
    int64_t shape[SS_MAX_DIM];
    int ndim = 0;
    for (int i = 0; i < n; i++)
        if (c->in[i].ndim > ndim) ndim = c->in[i].ndim;
    for (int a = 0; a < ndim; a++) {
        shape[a] = 1;
        for (int i = 0; i < n; i++) {
            int b = a - (ndim - c->in[i].ndim);
            int64_t s = b < 0 ? 1 : c->in[i].shape[b];
            if (s == 1 || s == shape[a]) continue;
            if (shape[a] != 1)
                return ss_fail(c, SS_E_SHAPE,
                               "shapes do not broadcast: sizes %lld and %lld at "
                               "axis %d",
                               (long long)shape[a], (long long)s, a + 1);
            shape[a] = s;
        }
    }
    return ss_out(c, k, t, ndim, shape);
}

static int kind_of(ss_dtype t)
{
    return t == SS_BOOL ? 0 : ss_is_float(t) ? 2 : 1;
}

ss_dtype ss_promote(const ss_view *a, const ss_view *b)
{
    int ka = kind_of(a->dtype), kb = kind_of(b->dtype);
    if (ka != kb) {
        ss_dtype hi = ka > kb ? a->dtype : b->dtype;
        return hi;
    }
    if (a->ndim == 0 && b->ndim > 0) return b->dtype;
    if (b->ndim == 0 && a->ndim > 0) return a->dtype;
    if (a->dtype != b->dtype && ka == 2 && a->dtype != SS_F32 && b->dtype != SS_F32) return SS_F32;
    return a->dtype > b->dtype ? a->dtype : b->dtype;
}
