/* summary.c — what a person wants to know of a tensor at a glance: a pass over its elements where
 * they lie, and single elements. Used by lua/semisam/print.lua. */
#include "half.h"
#include "op.h"
#include "ssl.h"
#include <math.h>
#include <string.h>

enum { CLASSES = 256 };

typedef struct stats {
    double min, max, sum, squares; /* of the finite elements; squares: around `shift` */
    double shift;
    int64_t finite, nan, inf;
    int64_t count[CLASSES]; /* integers 0..255 */
    bool other;             /* an integer outside */
} stats;

static void add(stats *s, double x)
{
    if (!isfinite(x)) {
        if (isnan(x))
            s->nan++;
        else
            s->inf++;
        return;
    }
    if (s->finite++ == 0) s->shift = s->min = s->max = x;
    if (x < s->min) s->min = x;
    if (x > s->max) s->max = x;
    double d = x - s->shift;
    s->sum += d;
    s->squares += d * d;
}

static void add_whole(stats *s, int64_t x)
{
    if (x >= 0 && x < CLASSES)
        s->count[x]++;
    else
        s->other = true;
    add(s, (double)x);
}

/* n elements that lie `step` elements apart. */
static void add_row(stats *s, ss_dtype t, const void *p, int64_t n, int64_t step)
{
    for (int64_t i = 0; i < n; i++) {
        switch (t) {
        case SS_F32:
            add(s, (double)((const float *)p)[i * step]);
            break;
        case SS_F16:
            add(s, (double)ss_f16_to_f32(((const uint16_t *)p)[i * step]));
            break;
        case SS_BF16:
            add(s, (double)ss_bf16_to_f32(((const uint16_t *)p)[i * step]));
            break;
        case SS_I64:
            add_whole(s, ((const int64_t *)p)[i * step]);
            break;
        case SS_I32:
            add_whole(s, ((const int32_t *)p)[i * step]);
            break;
        default:
            add_whole(s, ((const uint8_t *)p)[i * step]);
        }
    }
}

static void gather(stats *s, const ss_view *v)
{
    int64_t at[SS_MAX_DIM] = {0};
    int last = v->ndim - 1;
    int64_t n = v->ndim ? v->shape[last] : 1, step = v->ndim ? v->stride[last] : 1;
    for (int64_t row = 0, rows = n ? v->count / n : 0; row < rows; row++) {
        int64_t offset = 0;
        for (int a = 0; a < last; a++) offset += at[a] * v->stride[a];
        const char *p = (const char *)v->data + offset * (int64_t)ss_dtype_bytes(v->dtype);
        add_row(s, v->dtype, p, n, step);
        for (int a = last - 1; a >= 0 && ++at[a] == v->shape[a]; a--) at[a] = 0;
    }
}

static void set(lua_State *L, const char *key, double x)
{
    lua_pushnumber(L, x);
    lua_setfield(L, -2, key);
}

/* _stats(x) — {min, max, mean, std, nan, inf, finite, counts} or nil when there are no values to
 * look at. std divides by the number of elements. counts (integers within 0..255): {[value] = n}.
 */
static int tensor_stats(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    const ss_view *v = ss_tensor_view(x);
    if (!v->data || strcmp(ss_tensor_device(x), "cpu") != 0) return 0;
    stats s = {0};
    gather(&s, v);
    lua_createtable(L, 0, 8);
    if (s.finite) {
        double n = (double)s.finite, mean = s.sum / n, var = s.squares / n - mean * mean;
        set(L, "min", s.min);
        set(L, "max", s.max);
        set(L, "mean", s.shift + mean);
        set(L, "std", sqrt(var > 0 ? var : 0));
    }
    lua_pushinteger(L, s.nan), lua_setfield(L, -2, "nan");
    lua_pushinteger(L, s.inf), lua_setfield(L, -2, "inf");
    lua_pushinteger(L, s.finite), lua_setfield(L, -2, "finite");
    if (!ss_is_float(v->dtype) && !s.other) {
        lua_newtable(L);
        for (int i = 0; i < CLASSES; i++) {
            if (!s.count[i]) continue;
            lua_pushinteger(L, s.count[i]);
            lua_rawseti(L, -2, i);
        }
        lua_setfield(L, -2, "counts");
    }
    return 1;
}

/* _peek(x, i, j, ...) — one element; 1-based, one index per axis. */
static int tensor_peek(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    const ss_view *v = ss_tensor_view(x);
    if (lua_gettop(L) != v->ndim + 1)
        return ssL_fail(L, "_peek: expected %d indices, got %d", v->ndim, lua_gettop(L) - 1);
    if (!v->data || strcmp(ss_tensor_device(x), "cpu") != 0) return 0;
    int64_t offset = 0;
    for (int a = 0; a < v->ndim; a++) {
        lua_Integer i = luaL_checkinteger(L, a + 2);
        if (i < 1 || i > v->shape[a]) return ssL_fail(L, "_peek: index %I is out of range", i);
        offset += (i - 1) * v->stride[a];
    }
    ssL_pushelement(L, v->data, v->dtype, offset);
    return 1;
}

void ssL_open_summary(lua_State *L)
{
    lua_pushcfunction(L, tensor_stats);
    lua_setfield(L, -2, "_stats");
    lua_pushcfunction(L, tensor_peek);
    lua_setfield(L, -2, "_peek");
}
