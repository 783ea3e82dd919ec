/* _keep.cu — x where cond equals `keep`, 0 elsewhere. */
#include "cuda/elementwise.h"

SS_EW_IF(block, float, (a != 0) == (p[0] != 0) ? b : 0.0f)

SS_TWIN(_keep)
{
    const float p[2] = {c->attr[0].v[0] != 0 ? 1.0f : 0.0f, 0};
    const ss_view in[] = {c->in[1], c->in[0]};
    return ss_ew_run<block, 2>(c, g, &c->out[0], in, p);
}
