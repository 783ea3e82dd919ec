/* matmul.cu — matrix product of the last two axes; the leading axes broadcast. */
#include "cuda/cuda.h"
#include "cuda/product.h"

/* The operands are converted once, then every outer matrix is a product of its own. */
SS_TWIN(matmul)
{
    const ss_view *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    const void *x, *w;
    ss_batch t;
    ss_lay l = {(char *)c->scratch, 0};
    if (y->count == 0) return SS_OK;
    ss_batch_of(a, b, &t);
    const ss_product p = ss_product_matmul(c, &t);
    ss_status st = ss_operand(c, g, &l, a, p.q.type, &x);
    if (!st) st = ss_operand(c, g, &l, b, p.q.type, &w);
    const int64_t size = (int64_t)ss_dtype_bytes(p.q.type), outer = ss_batch_outer(&t);
    const int64_t one_a = p.q.k * a->shape[a->ndim - (p.q.x_transposed ? 1 : 2)] * size,
                  one_b = p.q.k * p.q.n * size,
                  one_y = y->count / outer * (int64_t)ss_dtype_bytes(y->dtype);
    for (int64_t i = 0; i < outer && !st; i++) {
        int64_t at_a, at_b;
        ss_batch_at(&t, i, &at_a, &at_b);
        st = ss_gemm_run(c, g, &p.q, (const char *)x + at_a * one_a, (const char *)w + at_b * one_b,
                         NULL, NULL, (char *)y->data + i * one_y, (char *)c->scratch + l.used);
    }
    return st;
}
