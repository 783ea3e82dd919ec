/* clamp.cu — x kept within limits. */
#include "cuda/elementwise.h"
#include "support/limits.h"

SS_EW1(floats, float, float, a<p[0] ? p[0] : a> p[1] ? p[1] : a)
SS_DEVICE int64_t between(int64_t a, int64_t lo, int64_t hi)
{
    return a < lo ? lo : a > hi ? hi : a;
}
SS_EW1(ints, int64_t, int64_t, between(a, ss_ew_whole(p, 0), ss_ew_whole(p, 1)))

SS_TWIN(clamp)
{
    float f[2];
    int64_t i[2];
    ss_limits(f, c->attr);
    ss_whole_limits(i, c->attr);
    return ss_is_float(c->in[0].dtype) ? ss_ew_f32<1, floats>(c, g, f)
                                       : ss_ew_run<ints, 1>(c, g, &c->out[0], c->in, i);
}
