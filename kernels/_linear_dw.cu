/* _linear_dw.cu — gradients of linear's weight and bias: dy^T x and the sum of dy over rows. */
#include "cuda/product.h"
#include "cuda/sums.h"

/* The sum is queued first: the product then takes the same scratch. */
SS_TWIN(_linear_dw)
{
    const ss_product p = ss_product_linear_dw(c);
    const ss_attr dims = ss_leading_axes(&c->in[1]);
    ss_status st = SS_OK;
    if (c->attr[0].v[0]) st = ss_fold_add(c, g, &c->out[1], &c->in[1], &dims, 1);
    return st ? st : ss_product_run(c, g, &p, c->out[0].data);
}
