/* gamma.cu — intensity curve x^gamma on [0, 1]. */
#include "cuda/image.h"

struct curve {
    enum { placed = 0 };
    float gamma;
    __device__ float at(float x, const ss_place &) const
    {
        return powf(ss_clip(x, 0.0f, 1.0f), gamma);
    }
};

SS_TWIN(gamma)
{
    const curve f = {(float)c->attr[0].num};
    return ss_image_run(c, g, f);
}
