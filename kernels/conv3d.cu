/* conv3d.cu — convolution, channels last. */
#include "cuda/conv.h"
#include "cuda/cuda.h"

SS_TWIN(conv3d)
{
    return ss_conv_twin(c, g, 3);
}
