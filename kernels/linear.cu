/* linear.cu — y = act(x W^T + b) + residual. */
#include "cuda/cuda.h"
#include "cuda/product.h"

SS_TWIN(linear)
{
    const ss_product p = ss_product_linear(c);
    return ss_product_run(c, g, &p, c->out[0].data);
}
