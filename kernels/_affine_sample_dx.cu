/* _affine_sample_dx.cu — adjoint of affine_sample. */
#include "cuda/spread.h"

SS_TWIN(_affine_sample_dx)
{
    return ss_spread(c, g, ss_affine_of(c, 1, &c->in[0], c->in[0].ndim == 5));
}
