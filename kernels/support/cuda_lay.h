/* cuda_lay.h — how a twin divides its scratch: the same code counts the bytes for plan_cuda and
 * hands out the pieces when the op runs. */
#ifndef SEMISAM_CUDA_LAY_H
#define SEMISAM_CUDA_LAY_H
#include "../op.h"

enum { SS_LAY_ALIGN = 256 };

typedef struct ss_lay {
    char *base; /* NULL while counting */
    size_t used;
} ss_lay;

/* The next `bytes` bytes; NULL while counting and for nothing. */
static inline void *ss_take(ss_lay *l, size_t bytes)
{
    void *p = l->base && bytes ? l->base + l->used : NULL;
    l->used += (bytes + SS_LAY_ALIGN - 1) / SS_LAY_ALIGN * SS_LAY_ALIGN;
    return p;
}

/* Whether a changed copy of v is kept with v (ss_env.pack) instead of made in scratch each time. */
static inline bool ss_lay_keeps(const ss_call *c, const ss_view *v)
{
    return v->constant && c->env && c->env->pack;
}

/* While planning: room for a copy of v with `bytes`, which `key` tells from v's other copies. A
 * device that only counts hears of a kept one here. */
static inline void ss_lay_copy(ss_call *c, ss_lay *l, const ss_view *v, uint64_t key, size_t bytes)
{
    bool fresh;
    if (ss_lay_keeps(c, v))
        c->env->pack(c->env, v, key, bytes, &fresh);
    else
        ss_take(l, bytes);
}
#endif
