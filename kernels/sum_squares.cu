/* sum_squares.cu — sum of squares, accumulated in double. */
#include "cuda/parts.h"

SS_KERNEL(square_sums)(ss_view x, double *part)
{
    double s = 0;
    SS_EACH(i, x.count)
    {
        const double v = (double)ss_load(x.data, x.dtype, i);
        s += v * v;
    }
    s = ss_block_sum(s);
    if (threadIdx.x == 0) part[blockIdx.x] = s;
}

SS_KERNEL(square_join)(const double *part, int64_t parts, float *y)
{
    const double s = ss_join_parts(part, parts, 1);
    if (threadIdx.x == 0) *y = (float)s;
}

SS_TWIN(sum_squares)
{
    const int64_t parts = ss_parts_of(c->in[0].count);
    double *part = (double *)c->scratch;
    SS_LAUNCH(g, square_sums, (unsigned)parts, SS_BLOCK, 0, c->in[0], part);
    SS_LAUNCH(g, square_join, 1, SS_BLOCK, 0, part, parts, ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
