/* conv3d.cu — convolution, channels last. */
#include "cuda/conv.h"
#include "cuda/cuda.h"
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW1(gelu, float, float, ss_geluf(a))

SS_TWIN(conv3d)
{
    const ss_status s = ss_conv_twin(c, g, 3);
    if (s || c->attr[4].v[0] == 0) return s;
    return ss_ew_run<gelu, 1, float>(c, g, &c->out[0], &c->out[0], NULL);
}
