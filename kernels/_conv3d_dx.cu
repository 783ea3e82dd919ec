/* _conv3d_dx.cu — gradient of conv3d's x. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(_conv3d_dx)
{
    return ss_conv_dx_twin(c, g, 3);
}
