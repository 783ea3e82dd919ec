/* anomaly.c — where a value that is not finite came from (see ss_ctx_check_finite). */
#include "core.h"
#include <stdlib.h>
#include <string.h>

void ss_ctx_check_finite(ss_ctx *ctx, bool on)
{
    ctx->check_finite = on;
}

/* A float type's bits are those of NaN or an infinity when the exponent is all ones. */
static bool element_is_finite(const ss_view *v, int64_t at)
{
    uint32_t wide;
    uint16_t half;
    switch (v->dtype) {
    case SS_F32:
        memcpy(&wide, (const char *)v->data + 4 * at, sizeof wide);
        return (wide & 0x7f800000u) != 0x7f800000u;
    case SS_BF16:
        memcpy(&half, (const char *)v->data + 2 * at, sizeof half);
        return (half & 0x7f80u) != 0x7f80u;
    case SS_F16:
        memcpy(&half, (const char *)v->data + 2 * at, sizeof half);
        return (half & 0x7c00u) != 0x7c00u;
    default:
        return true;
    }
}

static int64_t count(const ss_view *v)
{
    int64_t bad = 0, index[SS_MAX_DIM] = {0}, at = 0;
    for (int64_t k = 0; k < v->count; k++) {
        bad += !element_is_finite(v, at);
        for (int d = v->ndim - 1; d >= 0; d--) { /* the next element in row-major order */
            at += v->stride[d];
            if (++index[d] < v->shape[d]) break;
            at -= v->stride[d] * v->shape[d];
            index[d] = 0;
        }
    }
    return bad;
}

/* The bytes from the first to the last element of a view, in elements before and after data. */
static void span(const ss_view *v, int64_t *before, int64_t *after)
{
    *before = *after = 0;
    for (int a = 0; a < v->ndim; a++) {
        const int64_t reach = (v->shape[a] - 1) * v->stride[a];
        *(reach < 0 ? before : after) += reach;
    }
}

int64_t ss__not_finite(ss_device *d, const ss_view *v)
{
    if (!ss_is_float(v->dtype) || !v->data || v->count == 0) return 0;
    if (!d->gpu) return count(v);
    int64_t before, after;
    span(v, &before, &after);
    const int64_t size = (int64_t)ss_dtype_bytes(v->dtype);
    const size_t n = (size_t)((after - before + 1) * size);
    char *host = malloc(n);
    ss_view h = *v;
    int64_t bad = v->count; /* what cannot be looked at is not called finite */
    if (host && ss__to_host(d, host, (char *)v->data + before * size, n) == SS_OK) {
        h.data = host - before * size;
        bad = count(&h);
    }
    free(host);
    return bad;
}
