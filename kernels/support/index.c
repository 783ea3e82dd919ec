/* index.c — see index.h. */
#include "index.h"
#include <stdio.h>

enum { COLS = 256 };

ss_axis ss_axis_of(const ss_view *x, int axis)
{
    ss_axis s = {1, x->shape[axis], 1};
    for (int a = 0; a < axis; a++) s.outer *= x->shape[a];
    for (int a = axis + 1; a < x->ndim; a++) s.inner *= x->shape[a];
    return s;
}

int64_t ss_index_at(const ss_view *index, int64_t i)
{
    switch (index->dtype) {
    case SS_I64:
        return ((const int64_t *)index->data)[i];
    case SS_I32:
        return ((const int32_t *)index->data)[i];
    default:
        return ((const uint8_t *)index->data)[i];
    }
}

ss_status ss_check_index(ss_call *c, const ss_view *index, int64_t n)
{
    for (int64_t i = 0; i < index->count; i++) {
        const int64_t v = ss_index_at(index, i);
        if (v >= 0 && v < n) continue;
        char where[160] = "";
        int64_t left = i, at[SS_MAX_DIM];
        for (int a = index->ndim - 1; a >= 0; a--) {
            at[a] = left % index->shape[a] + 1;
            left /= index->shape[a];
        }
        for (int a = 0, used = 0; a < index->ndim; a++)
            used += snprintf(where + used, sizeof where - (size_t)used, "%s%lld", a ? "," : "",
                             (long long)at[a]);
        return ss_fail(c, SS_E_ARG, "index %lld at place [%s] is outside 0 to %lld", (long long)v,
                       where, (long long)n - 1);
    }
    return SS_OK;
}

bool ss_same_but(const ss_view *a, int axis, int64_t n, const ss_view *b)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (b->shape[i] != (i == axis ? n : a->shape[i])) return false;
    return true;
}

/* d[k] += s[k], m elements of type t. */
static void add_run(char *d, const char *s, ss_dtype t, int64_t m)
{
    if (t == SS_F32) {
        for (int64_t k = 0; k < m; k++) ((float *)d)[k] += ((const float *)s)[k];
    } else if (ss_is_float(t)) {
        float a[COLS], b[COLS];
        ss_load_f32(a, d, t, m);
        ss_load_f32(b, s, t, m);
        for (int64_t k = 0; k < m; k++) a[k] += b[k];
        ss_store_f32(d, t, a, m);
    } else {
        int64_t a[COLS], b[COLS];
        ss_load_run(a, SS_AS_I64, d, t, 1, m);
        ss_load_run(b, SS_AS_I64, s, t, 1, m);
        for (int64_t k = 0; k < m; k++) a[k] = (int64_t)((uint64_t)a[k] + (uint64_t)b[k]);
        ss_store_run(d, t, 1, a, SS_AS_I64, m);
    }
}

void ss_scatter_add(const ss_view *y, const ss_view *index, const ss_view *src, int axis, bool rows)
{
    const ss_axis to = ss_axis_of(y, axis), from = ss_axis_of(src, axis);
    const int64_t size = (int64_t)ss_dtype_bytes(y->dtype), blocks = ss_ceil_div(to.inner, COLS);
    char *yd = (char *)y->data;
    const char *sd = (const char *)src->data;
    SS_PARALLEL_FOR (t, to.outer * blocks, from.n * COLS) {
        const int64_t o = t / blocks, k0 = t % blocks * COLS, m = ss_min64(COLS, to.inner - k0);
        for (int64_t i = 0; i < from.n; i++) {
            const int64_t s = (o * from.n + i) * from.inner + k0;
            if (rows) {
                const int64_t d = (o * to.n + ss_index_at(index, i)) * to.inner + k0;
                add_run(yd + d * size, sd + s * size, y->dtype, m);
                continue;
            }
            for (int64_t k = 0; k < m; k++) {
                const int64_t d = (o * to.n + ss_index_at(index, s + k)) * to.inner + k0 + k;
                add_run(yd + d * size, sd + (s + k) * size, y->dtype, 1);
            }
        }
    }
}
