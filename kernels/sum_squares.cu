/* sum_squares.cu — sum of squares, accumulated in double; for gradient norms. */
#include "cuda/sums.h"

struct squares : ss_fold_sum {
    __device__ void add(A &a, T x, int64_t) const
    {
        a += (double)x * (double)x;
    }
};

SS_TWIN(sum_squares)
{
    const ss_attr all = {-1, 0, {0}, nullptr};
    squares how = {};
    how.y = c->out[0].data, how.type = SS_F32, how.scale = 1;
    return ss_fold_run(c, g, &c->in[0], &all, how, c->scratch);
}
