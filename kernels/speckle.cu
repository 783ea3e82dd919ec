/* speckle.cu — multiplicative Rayleigh noise of mean 1, counted by key. */
#include "cuda/draw.h"
#include "support/image.h"
#include "support/rayleigh.h"

struct factor {
    float part, lo, hi;
    __device__ void four(uint64_t key, uint64_t block, float v[4]) const
    {
        uint32_t u[4];
        ss_philox(key, block, u);
        for (int k = 0; k < 4; k++) v[k] = ss_speckle(u[k], part);
    }
    __device__ float put(float x, float v) const
    {
        return ss_clip(x * v, lo, hi);
    }
};

SS_TWIN(speckle)
{
    const ss_attr *p = c->attr;
    const factor f = {(float)p[1].num / SS_RAYLEIGH_STD, (float)p[2].num, (float)p[3].num};
    return ss_draw(c, g, f, p[0].v[0], ss_in_ptr<float>(c, 0));
}
