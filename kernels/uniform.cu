/* uniform.cu — uniform random numbers, the CPU's bit for bit. */
#include "cuda/draw.h"

struct uniform_draw {
    float lo, hi, last;
    __device__ void four(uint64_t key, uint64_t block, float v[4]) const
    {
        uint32_t u[4];
        ss_philox(key, block, u);
        for (int k = 0; k < 4; k++) v[k] = ss_uniform(u[k], lo, hi, last);
    }
    __device__ float put(float, float v) const
    {
        return v;
    }
};

SS_TWIN(uniform)
{
    const float lo = (float)c->attr[2].num, hi = (float)c->attr[3].num;
    const uniform_draw f = {lo, hi, nextafterf(hi, lo)};
    return ss_draw(c, g, f, c->attr[1].v[0], nullptr);
}
