/* tgc_tilt.cu — a gain that rises or falls with depth. */
#include "cuda/image.h"

struct tilt {
    enum { placed = 1 };
    double slope, step; /* step: 1 / (voxels along the beam - 1), 0 for a single one */
    int beam;
    float lo, hi;
    __device__ float at(float x, const ss_place &p) const
    {
        const int64_t depth = beam == 0 ? p.at[0] : beam == 1 ? p.at[1] : p.at[2];
        const double t = step > 0 ? ss_prod((double)depth, step) - 0.5 : 0;
        return ss_clip((float)exp(slope * t) * x, lo, hi);
    }
};

SS_TWIN(tgc_tilt)
{
    const int beam = (int)c->attr[1].v[0];
    const int64_t n = c->in[0].shape[beam + (c->in[0].ndim == 5)];
    const tilt f = {c->attr[0].num, n > 1 ? 1.0 / (double)(n - 1) : 0, beam, (float)c->attr[2].num,
                    (float)c->attr[3].num};
    return ss_image_run(c, g, f);
}
