/* _conv2d_dx.cu — gradient of conv2d's x. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(_conv2d_dx)
{
    return ss_conv_dx_twin(c, g, 2);
}
