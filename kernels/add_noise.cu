/* add_noise.cu — additive Gaussian noise, limited, counted by key. */
#include "cuda/draw.h"
#include "support/image.h"

struct noise {
    float std, clip, lo, hi;
    __device__ void four(uint64_t key, uint64_t block, float v[4]) const
    {
        ss_normal4(key, block, v);
    }
    __device__ float put(float x, float v) const
    {
        return ss_clip(x + ss_prodf(std, ss_clip(v, -clip, clip)), lo, hi);
    }
};

SS_TWIN(add_noise)
{
    const ss_attr *p = c->attr;
    const noise f = {(float)p[1].num, (float)p[2].num, (float)p[3].num, (float)p[4].num};
    return ss_draw(c, g, f, p[0].v[0], ss_in_ptr<float>(c, 0));
}
