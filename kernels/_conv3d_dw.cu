/* _conv3d_dw.cu — gradients of conv3d's weight and bias. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(_conv3d_dw)
{
    return ss_conv_dw_twin(c, g, 3);
}
