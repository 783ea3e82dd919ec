/* _linear_dx.cu — gradient of linear's x: dy W. */
#include "cuda/cuda.h"
#include "cuda/product.h"

SS_TWIN(_linear_dx)
{
    const ss_product p = ss_product_linear_dx(c);
    return ss_product_run(c, g, &p, c->out[0].data);
}
