/* largest_component.cu — everything outside the largest connected region becomes 0. */
#include "cuda/components.h"

template <class T>
SS_KERNEL(keep)
(const T *x, int64_t count, const uint32_t *parent, const uint64_t *best, T *y)
{
    const uint32_t root = ss_largest_root(best);
    SS_EACH (i, count) y[i] = parent[i] != SS_NONE && parent[i] == root ? x[i] : 0;
}

template <class T>
static void keep_largest(ss_call *c, ss_gpu *g, int64_t at, int64_t count, const ss_regions &r)
{
    SS_LAUNCH(g, keep<T>, ss_grid(g, count), SS_BLOCK, 0, ss_in_ptr<T>(c, 0) + at, count, r.parent,
              r.best, ss_out_ptr<T>(c, 0) + at);
}

SS_TWIN(largest_component)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const size_t bytes = ss_dtype_bytes(c->in[0].dtype);
    ss_arena a = {(char *)c->scratch, 0};
    const ss_regions r = ss_regions_of(&a, m.count);
    for (int64_t k = 0; k < m.n && m.count > 0; k++) {
        const int64_t at = k * m.count;
        ss_regions_largest(g, ss_source_of(&c->in[0], m, k, SS_POSITIVE), m, (int)c->attr[0].v[0],
                           r);
        if (bytes == 1)
            keep_largest<uint8_t>(c, g, at, m.count, r);
        else if (bytes == 2)
            keep_largest<uint16_t>(c, g, at, m.count, r);
        else if (bytes == 4)
            keep_largest<uint32_t>(c, g, at, m.count, r);
        else
            keep_largest<uint64_t>(c, g, at, m.count, r);
    }
    return ss_launched(c, g);
}
