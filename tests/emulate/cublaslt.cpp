/* cublaslt.cpp — the stand-in for cuBLASLt: the rules of its descriptors, and the product itself in
 * plain loops, by columns as the library thinks.
 *
 * There is no code for bf16 before sm_80, and none for a bias on an odd number of f16 rows, so
 * that the way without it is taken too. An algorithm is good for the descriptors, the workspace and
 * the alignment it was asked for alone. */
#include "emulate_libs.h"
#include "emulate_parts.h"
#include "half.h"
#include <stdlib.h>
#include <string.h>

struct emu_lt {
    int open;
};
struct emu_lt_op {
    int32_t transposed[2], epilogue;
    const void *bias;
};
struct emu_lt_layout {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t ld, step;
    int32_t batch;
};
struct emu_lt_pref {
    uint64_t work;
    uint32_t align[4];
};

namespace
{
/* What an algorithm remembers. */
struct chosen {
    uint64_t magic, problem, work;
    uint32_t align[4];
};
const uint64_t MAGIC = 0x6c746d756c746d75u;

uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x9E3779B97F4A7C15u + (h >> 29);
}
uint64_t problem(const emu_lt_op *d, const emu_lt_layout *const l[4])
{
    uint64_t h = mix(mix(mix(1, (uint64_t)d->transposed[0]), (uint64_t)d->transposed[1]),
                     (uint64_t)d->epilogue);
    for (int i = 0; i < 4; i++)
        h = mix(mix(mix(mix(mix(mix(h, (uint64_t)l[i]->type), l[i]->rows), l[i]->cols),
                        (uint64_t)l[i]->ld),
                    (uint64_t)l[i]->step),
                (uint64_t)l[i]->batch);
    return h;
}

/* Sizes of a, b, c and the result, and that they belong together. */
bool fits(const emu_lt_op *d, const emu_lt_layout *const l[4])
{
    const uint64_t m = d->transposed[0] ? l[0]->cols : l[0]->rows,
                   k = d->transposed[0] ? l[0]->rows : l[0]->cols,
                   k2 = d->transposed[1] ? l[1]->cols : l[1]->rows,
                   n = d->transposed[1] ? l[1]->rows : l[1]->cols;
    bool ok = m && n && k && k == k2;
    for (int i = 0; i < 4; i++) ok = ok && l[i]->batch == l[0]->batch && l[i]->batch >= 1;
    for (int i = 2; i < 4; i++) ok = ok && l[i]->rows == m && l[i]->cols == n;
    return ok && (l[3]->batch == 1 || (uint64_t)l[3]->step >= m * n);
}

bool has_code(const emu_lt_op *d, const emu_lt_layout *const l[4])
{
    const bool half = l[0]->type == CUDA_R_16F;
    if (l[0]->type != l[1]->type || l[2]->type != l[3]->type) return false;
    if (l[0]->type == CUDA_R_16BF && !emu::at_least(80)) return false;
    if (l[3]->type != l[0]->type && l[3]->type != CUDA_R_32F) return false;
    return !(half && d->epilogue == CUBLASLT_EPILOGUE_BIAS && l[3]->rows % 2);
}

float get(const void *p, cudaDataType_t t, int64_t i)
{
    return t == CUDA_R_16F    ? ss_f16_to_f32(((const uint16_t *)p)[i])
           : t == CUDA_R_16BF ? ss_bf16_to_f32(((const uint16_t *)p)[i])
                              : ((const float *)p)[i];
}
void put(void *p, cudaDataType_t t, int64_t i, float x)
{
    if (t == CUDA_R_16F)
        ((uint16_t *)p)[i] = ss_f32_to_f16(x);
    else if (t == CUDA_R_16BF)
        ((uint16_t *)p)[i] = ss_f32_to_bf16(x);
    else
        ((float *)p)[i] = x;
}

struct job {
    emu_lt_op d;
    emu_lt_layout l[4];
    const void *data[3];
    void *out, *work;
    size_t work_bytes;
    float alpha, beta;
};

void element(const job &j, int64_t batch, int64_t row, int64_t col)
{
    const emu_lt_layout &a = j.l[0], &b = j.l[1], &c = j.l[2], &y = j.l[3];
    const int64_t depth = (int64_t)(j.d.transposed[0] ? a.rows : a.cols);
    double sum = 0;
    for (int64_t k = 0; k < depth; k++)
        sum += (double)get(j.data[0], a.type,
                           batch * a.step + (j.d.transposed[0] ? k + row * a.ld : row + k * a.ld)) *
               (double)get(j.data[1], b.type,
                           batch * b.step + (j.d.transposed[1] ? col + k * b.ld : k + col * b.ld));
    float v = j.alpha * (float)sum;
    if (j.beta != 0) v += j.beta * get(j.data[2], c.type, batch * c.step + row + col * c.ld);
    if (j.d.epilogue == CUBLASLT_EPILOGUE_BIAS) v += get(j.d.bias, y.type, row);
    put(j.out, y.type, batch * y.step + row + col * y.ld, v);
}

void run(void *arg)
{
    const job &j = *(const job *)arg;
    memset(j.work, 0xFF, j.work_bytes); /* the library may write all of it */
    for (int64_t batch = 0; batch < j.l[3].batch; batch++)
        for (int64_t col = 0; col < (int64_t)j.l[3].cols; col++)
            for (int64_t row = 0; row < (int64_t)j.l[3].rows; row++) element(j, batch, row, col);
}

bool aligned(const void *p, uint64_t n)
{
    return n && (uintptr_t)p % n == 0;
}
} // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t *h)
{
    *h = (cublasLtHandle_t)calloc(1, sizeof **h);
    return *h ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t h)
{
    return free(h), CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion(void)
{
    return 130100;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
    *d = (cublasLtMatmulDesc_t)calloc(1, sizeof **d);
    if (*d) (*d)->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    return *d ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d)
{
    return free(d), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t a, const void *value,
                                              size_t bytes)
{
    void *to = a == CUBLASLT_MATMUL_DESC_TRANSA         ? (void *)&d->transposed[0]
               : a == CUBLASLT_MATMUL_DESC_TRANSB       ? (void *)&d->transposed[1]
               : a == CUBLASLT_MATMUL_DESC_EPILOGUE     ? (void *)&d->epilogue
               : a == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? (void *)&d->bias
                                                        : NULL;
    const size_t want = a == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? sizeof d->bias : sizeof(int32_t);
    if (!to || bytes != want) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    if (ld < (int64_t)rows) return CUBLAS_STATUS_INVALID_VALUE;
    *l = (cublasLtMatrixLayout_t)calloc(1, sizeof **l);
    if (!*l) return CUBLAS_STATUS_ALLOC_FAILED;
    (*l)->type = type, (*l)->rows = rows, (*l)->cols = cols, (*l)->ld = ld, (*l)->batch = 1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    return free(l), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l,
                                                cublasLtMatrixLayoutAttribute_t a,
                                                const void *value, size_t bytes)
{
    const bool batch = a == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT;
    if (!batch && a != CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (bytes != (batch ? sizeof l->batch : sizeof l->step)) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(batch ? (void *)&l->batch : (void *)&l->step, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    *p = (cublasLtMatmulPreference_t)calloc(1, sizeof **p);
    for (int i = 0; *p && i < 4; i++) (*p)->align[i] = 256;
    return *p ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    return free(p), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t a,
                                                    const void *value, size_t bytes)
{
    const bool work = a == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    const int which = (int)a - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
    if (!work && (which < 0 || which > 3)) return CUBLAS_STATUS_INVALID_VALUE;
    if (bytes != (work ? sizeof p->work : sizeof p->align[0])) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(work ? (void *)&p->work : (void *)&p->align[which], value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t h, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t y,
                                              cublasLtMatmulPreference_t pref, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int *found)
{
    const emu_lt_layout *const l[4] = {a, b, c, y};
    *found = 0;
    if (!h || wanted < 1 || !fits(d, l)) return CUBLAS_STATUS_INVALID_VALUE;
    if (!has_code(d, l)) return CUBLAS_STATUS_NOT_SUPPORTED;
    chosen k = {MAGIC, problem(d, l), pref->work < 4096 ? pref->work : 4096, {}};
    memcpy(k.align, pref->align, sizeof k.align);
    results[0] = {};
    static_assert(sizeof k <= sizeof results[0].algo, "an algorithm has room for it");
    memcpy(&results[0].algo, &k, sizeof k);
    results[0].workspaceSize = (size_t)k.work;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void *alpha,
                              const void *A, cublasLtMatrixLayout_t a, const void *B,
                              cublasLtMatrixLayout_t b, const void *beta, const void *C,
                              cublasLtMatrixLayout_t c, void *Y, cublasLtMatrixLayout_t y,
                              const cublasLtMatmulAlgo_t *algo, void *work, size_t work_bytes,
                              cudaStream_t stream)
{
    const emu_lt_layout *const l[4] = {a, b, c, y};
    chosen k;
    memcpy(&k, algo, sizeof k);
    if (!h || k.magic != MAGIC || k.problem != problem(d, l) || work_bytes < k.work ||
        (k.work && !work))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!aligned(A, k.align[0]) || !aligned(B, k.align[1]) || !aligned(C, k.align[2]) ||
        !aligned(Y, k.align[3]) || !aligned(work, 16))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (d->epilogue == CUBLASLT_EPILOGUE_BIAS && !d->bias) return CUBLAS_STATUS_INVALID_VALUE;
    job *j = (job *)malloc(sizeof *j);
    if (!j) return CUBLAS_STATUS_ALLOC_FAILED;
    *j = {*d,
          {*a, *b, *c, *y},
          {A, B, C},
          Y,
          work,
          (size_t)k.work,
          *(const float *)alpha,
          *(const float *)beta};
    emu_host_task(stream, run, j);
    return CUBLAS_STATUS_SUCCESS;
}

} // extern "C"
