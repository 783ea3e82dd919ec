/* gain_offset.cu — brightness and contrast within the display range. */
#include "cuda/image.h"

struct linear {
    enum { placed = 0 };
    float gain, offset, lo, hi;
    __device__ float at(float x, const ss_place &) const
    {
        return ss_clip(ss_prodf(gain, x) + offset, lo, hi);
    }
};

SS_TWIN(gain_offset)
{
    const ss_attr *p = c->attr;
    const linear f = {(float)p[0].num, (float)p[1].num, (float)p[2].num, (float)p[3].num};
    return ss_image_run(c, g, f);
}
