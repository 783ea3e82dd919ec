/* _conv2d_dw.cu — gradients of conv2d's weight and bias. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(_conv2d_dw)
{
    return ss_conv_dw_twin(c, g, 2);
}
