/* normal.cu — normally distributed random numbers, the CPU's bit for bit. */
#include "cuda/draw.h"

struct normal_draw {
    float mean, std;
    __device__ void four(uint64_t key, uint64_t block, float v[4]) const
    {
        ss_normal4(key, block, v);
    }
    __device__ float put(float, float v) const
    {
        return mean + ss_prodf(std, v);
    }
};

SS_TWIN(normal)
{
    const normal_draw f = {(float)c->attr[2].num, (float)c->attr[3].num};
    return ss_draw(c, g, f, c->attr[1].v[0], nullptr);
}
