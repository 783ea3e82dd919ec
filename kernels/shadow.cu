/* shadow.cu — an acoustic shadow: behind an obstacle the echoes fade. */
#include "cuda/image.h"
#include "support/shadow.h"

struct fade {
    enum { placed = 1 };
    ss_shadow shadow;
    int beam;
    __device__ float at(float x, const ss_place &p) const
    {
        const int64_t depth = beam == 0 ? p.at[0] : beam == 1 ? p.at[1] : p.at[2];
        const int64_t a = beam == 0 ? p.at[1] : p.at[0], b = beam == 2 ? p.at[1] : p.at[2];
        return ss_shadow_left(&shadow, (double)depth, (double)a, (double)b) * x;
    }
};

SS_TWIN(shadow)
{
    const ss_attr *p = c->attr;
    const fade f = {
        {p[0].num, p[1].num, p[2].num, p[3].num, p[4].num, p[5].num, p[6].num, p[7].num, p[8].num},
        (int)p[9].v[0]};
    return ss_image_run(c, g, f);
}
