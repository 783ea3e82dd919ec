/* plans.c — NVIDIA's own libraries, without a GPU, against the descriptors that the module builds.
 *
 *   cuda_plans SHAPES      (a file written by tests/cuda/shapes.lua; -v: a line per convolution)
 *
 * cuDNN plans every convolution of the file, its two gradients too, for the GPUs of devices.h, in
 * f16, bf16 and f32, and within the scratch that plan_cuda asks for. cuBLASLt has to take the
 * descriptors of a list of products. What is not installed is skipped. */
#include "cudnn_graph.h"
#include "devices.h"
#include "gemm_lt.h"
#include "libs_load.h"
#include "support/cuda_conv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static bool verbose;

static void check(bool ok, const char *what)
{
    if (ok)
        passed++;
    else
        failed++, printf("FAIL %s\n", what);
}

/* ---- convolutions --------------------------------------------------------------------- */

typedef struct shape {
    ss_conv q;
    char name[64];
} shape;

static bool read_triple(FILE *f, int64_t v[3])
{
    long long a, b, c;
    if (fscanf(f, "%lld %lld %lld", &a, &b, &c) != 3) return false;
    v[0] = a, v[1] = b, v[2] = c;
    return true;
}

static bool read_shape(FILE *f, shape *s)
{
    long long n, c, o, groups;
    memset(s, 0, sizeof *s);
    if (fscanf(f, "%d %lld %lld %lld %lld", &s->q.nd, &n, &c, &o, &groups) != 5) return false;
    s->q.n = n, s->q.c = c, s->q.o = o, s->q.groups = groups;
    return read_triple(f, s->q.x) && read_triple(f, s->q.k) && read_triple(f, s->q.y) &&
           read_triple(f, s->q.step) && read_triple(f, s->q.pad) && read_triple(f, s->q.dilation) &&
           fscanf(f, "%63s", s->name) == 1;
}

/* The scratch that the op plans for the library. */
static int64_t room(const ss_conv *q, ss_conv_result r, ss_dtype t)
{
    ss_view x = {.dtype = t, .present = true}, w = x, y = x;
    if (r == SS_CONV_W) w.dtype = SS_F32;
    const ss_conv_args a = {r, &x, &w, NULL, &y};
    return (int64_t)ss_conv_work(q, &a, t);
}

/* What one GPU got in one element type. */
typedef struct tally {
    int planned, none, refused, engines;
    int64_t most; /* workspace */
} tally;

static const char *const result_name[] = {"y", "dx", "dw"};

static void plan_one(const ss_dnn_functions *f, const ss_dnn_target *t, const gpu_model *gpu,
                     const shape *s, ss_conv_result r, ss_dtype type, tally *sum)
{
    ss_dnn_conv k;
    ss_dnn_plan p;
    const int64_t most = room(&s->q, r, type);
    ss_dnn_conv_of(&k, &s->q, r, type, type, 16);
    const cudnnStatus_t st = ss_dnn_plan_make(f, t, &k, most, &p);
    const char *now = st ? f->cudnnGetErrorString(st) : p.plan ? "planned" : "no plan";
    sum->engines += p.tried;
    if (st)
        sum->refused++;
    else if (!p.plan)
        sum->none++;
    else
        sum->planned++;
    if (p.plan && p.workspace > sum->most) sum->most = p.workspace;
    if (verbose || !p.plan)
        printf("%s%-8s %-4s %-2s %dd n %d %d>%d groups %d x %dx%dx%d k %d step %d: %s, %.2f of "
               "%.2f MiB, %d engines (%s)\n",
               p.plan ? "" : "# ", gpu->name,
               type == SS_F16    ? "f16"
               : type == SS_BF16 ? "bf16"
                                 : "f32",
               result_name[r], s->q.nd, (int)s->q.n, (int)s->q.c, (int)s->q.o, (int)s->q.groups,
               (int)s->q.x[0], (int)s->q.x[1], (int)s->q.x[2], (int)s->q.k[2], (int)s->q.step[2],
               now, p.plan ? (double)p.workspace / 1048576 : 0.0, (double)most / 1048576, p.tried,
               s->name);
    ss_dnn_plan_drop(f, &p);
}

#if defined CUDNN_VERSION && CUDNN_VERSION >= 90800
static bool describe(const ss_dnn_functions *f, const gpu_model *gpu, ss_dnn_target *t)
{
    char json[1600];
    const int n = gpu_json(gpu, json, sizeof json);
    memset(t, 0, sizeof *t);
    return !f->cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &t->device) &&
           !f->cudnnBackendSetAttribute(t->device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                        CUDNN_TYPE_CHAR, n, json) &&
           !f->cudnnBackendFinalize(t->device);
}
#endif

/* Whether the module would ask cuDNN at all. */
static bool asks(const ss_conv *q)
{
    return !ss_conv_pointwise(q) && !ss_conv_cuts(q);
}

/* In f16 everything has a plan; bf16 from sm_80, as the cards have it. In f32 no engine may use
 * TF32, and what is left does not cover everything: own products do the rest. */
static void plan_all(const ss_dnn_functions *f, const gpu_model *gpu, const ss_dnn_target *t,
                     const shape *list, int n)
{
    static const ss_dtype types[] = {SS_F16, SS_BF16, SS_F32};
    static const char *const names[] = {"f16", "bf16", "f32"};
    for (int k = 0; k < 3; k++) {
        tally sum = {0};
        char what[200];
        for (int i = 0; i < n; i++)
            for (int r = 0; r < 3 && asks(&list[i].q); r++)
                plan_one(f, t, gpu, &list[i], (ss_conv_result)r, types[k], &sum);
        snprintf(what, sizeof what,
                 "%s %s: %d planned with at most %.1f MiB, %d by own products, %d refused, %d "
                 "engines looked at",
                 gpu->name, names[k], sum.planned, (double)sum.most / 1048576, sum.none,
                 sum.refused, sum.engines);
        printf("%s\n", what);
        check(sum.refused == 0, what);
        if (types[k] == SS_BF16 && gpu->capability < 80)
            check(sum.planned == 0, what);
        else
            check(sum.planned > 0 && (types[k] == SS_F32 || sum.none == 0), what);
    }
}

/* What does not fit together must not get a plan. */
static void plan_wrong(const ss_dnn_functions *f, const ss_dnn_target *t, const shape *good)
{
    ss_dnn_conv k;
    ss_dnn_plan p;
    ss_dnn_conv_of(&k, &good->q, SS_CONV_Y, SS_F16, SS_F16, 16);
    k.y[2]++;
    check(ss_dnn_plan_make(f, t, &k, 1 << 30, &p) != CUDNN_STATUS_SUCCESS, "y of another size");
    ss_dnn_plan_drop(f, &p);
    ss_dnn_conv_of(&k, &good->q, SS_CONV_W, SS_F16, SS_F32, 16);
    check(ss_dnn_plan_make(f, t, &k, 1 << 30, &p) || !p.plan, "f16 with a weight gradient in f32");
    ss_dnn_plan_drop(f, &p);
}

static void convolutions(const char *path)
{
    char why[300];
    const ss_dnn_functions *f = ss_dnn_load(why, sizeof why);
    FILE *file = fopen(path, "r");
    if (!file) {
        check(false, "the file of shapes cannot be read");
        return;
    }
    int n = 0, dense = -1;
    shape *list = calloc(4096, sizeof *list);
    while (list && n < 4096 && read_shape(file, &list[n])) n++;
    fclose(file);
    check(n > 100, "the file holds the convolutions of the recipes");
    for (int i = 0; i < n && dense < 0; i++)
        if (asks(&list[i].q) && list[i].q.groups == 1) dense = i;
#if defined CUDNN_VERSION && CUDNN_VERSION >= 90800
    if (!f)
        printf("skip cuDNN plans: %s\n", why);
    else if (f->cudnnGetVersion() < 90800)
        printf("skip cuDNN plans: cuDNN %zu cannot plan without a GPU\n", f->cudnnGetVersion());
    for (int g = 0; g < GPU_MODELS && f && f->cudnnGetVersion() >= 90800; g++) {
        ss_dnn_target t;
        const bool ok = describe(f, &gpu_models[g], &t);
        check(ok, "cuDNN takes the description of the GPU");
        if (ok) plan_all(f, &gpu_models[g], &t, list, n);
        if (ok && dense >= 0) plan_wrong(f, &t, &list[dense]);
        if (t.device) f->cudnnBackendDestroyDescriptor(t.device);
    }
#else
    (void)f, (void)dense, (void)plan_all, (void)plan_wrong;
    printf("skip cuDNN plans: built with headers older than 9.8\n");
#endif
    free(list);
}

/* ---- products --------------------------------------------------------------------------- */

static void one_product(const ss_lt_functions *f, const ss_gemm *q, bool bias)
{
    static const char somewhere[512];
    cublasLtMatmulPreference_t pref = NULL;
    ss_lt_plan *p = calloc(1, sizeof *p);
    char what[120];
    if (!p) exit(1);
    snprintf(what, sizeof what, "cuBLASLt takes %lld of %lldx%lldx%lld%s%s, bias %d",
             (long long)q->batch, (long long)q->m, (long long)q->n, (long long)q->k,
             q->x_transposed ? " x^T" : "", q->w_transposed ? " w^T" : "", bias);
    ss_lt_key_of(&p->key, q, bias,
                 (const void *[]){somewhere, somewhere + 2, somewhere + 4, somewhere + 8});
    cublasStatus_t st = ss_lt_describe(f, p);
    check(st == CUBLAS_STATUS_SUCCESS, what);
    st = f->cublasLtMatmulPreferenceCreate(&pref);
    if (!st) st = ss_lt_prefer(f, pref, p, ss_gemm_work(q));
    check(st == CUBLAS_STATUS_SUCCESS, what);
    if (pref) f->cublasLtMatmulPreferenceDestroy(pref);
    ss_lt_drop(f, p);
}

static void products(void)
{
    static const int64_t size[][4] = {
        {1, 2048, 768, 768}, {1, 27, 5, 3}, {12, 196, 64, 196}, {1, 1, 1, 1}, {64, 4096, 1, 32}};
    static const ss_dtype type[][2] = {{SS_F32, SS_F32},
                                       {SS_F16, SS_F16},
                                       {SS_F16, SS_F32},
                                       {SS_BF16, SS_BF16},
                                       {SS_BF16, SS_F32}};
    char why[300];
    const ss_lt_functions *f = ss_lt_load(why, sizeof why);
    if (!f) {
        printf("skip cuBLASLt descriptors: %s\n", why);
        return;
    }
    printf("cuBLASLt %zu\n", f->cublasLtGetVersion());
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (size_t k = 0; k < sizeof type / sizeof *type; k++)
            for (int form = 0; form < 8; form++) {
                const ss_gemm q = {.batch = size[i][0],
                                   .m = size[i][1],
                                   .n = size[i][2],
                                   .k = size[i][3],
                                   .x_step = size[i][1] * size[i][3],
                                   .type = type[k][0],
                                   .y_type = type[k][1],
                                   .x_transposed = form & 1,
                                   .w_transposed = form & 2};
                one_product(f, &q, form & 4);
            }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc - 1; i++) verbose |= strcmp(argv[i], "-v") == 0;
    if (argc < 2) {
        fprintf(stderr, "usage: cuda_plans [-v] SHAPES\n");
        return 2;
    }
    products();
    convolutions(argv[argc - 1]);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
