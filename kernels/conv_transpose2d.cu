/* conv_transpose2d.cu — transposed convolution, channels last. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(conv_transpose2d)
{
    return ss_conv_transpose_twin(c, g, 2);
}
