/* product.h — runs the ops that are one matrix product (support/cuda_product.h). */
#ifndef SEMISAM_CUDA_PRODUCT_H
#define SEMISAM_CUDA_PRODUCT_H
#include "gemm.h"
#include "support/cuda_product.h"

#ifdef __cplusplus
extern "C" {
#endif
/* ss_product_run() — queues it on c's scratch. y is the output. */
ss_status ss_product_run(ss_call *c, ss_gpu *g, const ss_product *p, void *y);
/* ss_operand() — v in type t, converted into its kept copy or into a piece of l. */
ss_status ss_operand(ss_call *c, ss_gpu *g, ss_lay *l, const ss_view *v, ss_dtype t,
                     const void **data);
#ifdef __cplusplus
}
#endif
#endif
