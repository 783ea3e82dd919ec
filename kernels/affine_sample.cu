/* affine_sample.cu — resample a volume under an affine map of voxel coordinates. */
#include "cuda/sample.h"

SS_TWIN(affine_sample)
{
    return ss_sample(c, g, ss_affine_of(c, 1, &c->out[0], c->in[0].ndim == 5), 1);
}
