/* cudnn_graph.c — builds the graph of one convolution and picks a plan of it.
 *
 * Source: the cuDNN backend interface, NVIDIA's documentation of version 9. Tensors are channels
 * last, in the order n, c, size.. of the library. */
#include "cudnn_graph.h"
#include <string.h>

#if SS_HAS_CUDNN

enum { MOST_ENGINES = 24, MOST_AXES = 5 };

void ss_dnn_conv_of(ss_dnn_conv *k, const ss_conv *q, ss_conv_result result, ss_dtype type,
                    ss_dtype out_type, int align)
{
    memset(k, 0, sizeof *k);
    k->n = q->n, k->c = q->c, k->o = q->o, k->groups = q->groups;
    for (int i = 0; i < 3; i++) {
        k->x[i] = q->x[i], k->k[i] = q->k[i], k->y[i] = q->y[i];
        k->step[i] = q->step[i], k->pad[i] = q->pad[i], k->dilation[i] = q->dilation[i];
    }
    k->nd = q->nd;
    k->result = result;
    k->type = (int32_t)type;
    k->out_type = (int32_t)out_type;
    k->align = align;
}

/* ---- descriptors ---------------------------------------------------------------------- */

/* One being built: after a failure the rest does nothing. */
typedef struct builder {
    const ss_dnn_functions *f;
    cudnnStatus_t st;
} builder;

static cudnnBackendDescriptor_t make(builder *b, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    if (!b->st) b->st = b->f->cudnnBackendCreateDescriptor(type, &d);
    return d;
}

static void set(builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t n, const void *v)
{
    if (!b->st) b->st = b->f->cudnnBackendSetAttribute(d, name, type, n, v);
}

static void finish(builder *b, cudnnBackendDescriptor_t d)
{
    if (!b->st) b->st = b->f->cudnnBackendFinalize(d);
}

static void drop(const ss_dnn_functions *f, cudnnBackendDescriptor_t d)
{
    if (d) f->cudnnBackendDestroyDescriptor(d);
}

static cudnnDataType_t type_of(int32_t t)
{
    return t == SS_F16 ? CUDNN_DATA_HALF : t == SS_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* [first, channels, size..], channels innermost. */
static cudnnBackendDescriptor_t tensor(builder *b, const ss_dnn_conv *k, int64_t id, int32_t type,
                                       int64_t first, int64_t channels, const int64_t *size)
{
    const cudnnDataType_t t = type_of(type);
    const int64_t align = k->align;
    int64_t dims[MOST_AXES] = {first, channels}, stride[MOST_AXES], step = channels;
    for (int i = 0; i < k->nd; i++) dims[2 + i] = size[3 - k->nd + i];
    stride[1] = 1;
    for (int i = k->nd + 1; i >= 2; i--) {
        stride[i] = step;
        step *= dims[i];
    }
    stride[0] = step;
    cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
    set(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &t);
    set(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
    set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, k->nd + 2, dims);
    set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, k->nd + 2, stride);
    finish(b, d);
    return d;
}

static cudnnBackendDescriptor_t geometry(builder *b, const ss_dnn_conv *k)
{
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const int64_t nd = k->nd, *step = k->step + 3 - nd, *pad = k->pad + 3 - nd,
                  *dilation = k->dilation + 3 - nd;
    cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set(b, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &nd);
    set(b, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    set(b, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(b, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, nd, pad);
    set(b, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, nd, pad);
    set(b, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, nd, step);
    set(b, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, nd, dilation);
    finish(b, d);
    return d;
}

/* What the three directions call the same things. */
typedef struct names {
    cudnnBackendDescriptorType_t op;
    cudnnBackendAttributeName_t conv, x, w, y, alpha, beta;
} names;

static const names *names_of(int32_t result)
{
    static const names y = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
                       x = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
                       w = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    return result == SS_CONV_Y ? &y : result == SS_CONV_X ? &x : &w;
}

/* The graph. What it was made of may go: the library keeps its own copies. */
static cudnnBackendDescriptor_t graph(builder *b, const ss_dnn_target *t, const ss_dnn_conv *k)
{
    const names *n = names_of(k->result);
    const float one = 1, zero = 0;
    const int32_t xt = k->result == SS_CONV_X ? k->out_type : k->type,
                  wt = k->result == SS_CONV_W ? k->out_type : k->type,
                  yt = k->result == SS_CONV_Y ? k->out_type : k->type;
    cudnnBackendDescriptor_t part[4] = {tensor(b, k, SS_DNN_ID_X, xt, k->n, k->c, k->x),
                                        tensor(b, k, SS_DNN_ID_W, wt, k->o, k->c / k->groups, k->k),
                                        tensor(b, k, SS_DNN_ID_Y, yt, k->n, k->o, k->y),
                                        geometry(b, k)};
    cudnnBackendDescriptor_t op = make(b, n->op), g;
    set(b, op, n->x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part[0]);
    set(b, op, n->w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part[1]);
    set(b, op, n->y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part[2]);
    set(b, op, n->conv, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part[3]);
    set(b, op, n->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(b, op, n->beta, CUDNN_TYPE_FLOAT, 1, &zero);
    finish(b, op);
    g = make(b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(b, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op);
    if (t->handle) set(b, g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &t->handle);
    finish(b, g);
    drop(b->f, op);
    for (int i = 0; i < 4; i++) drop(b->f, part[i]);
    return g;
}

/* ---- choosing an engine ----------------------------------------------------------------- */

/* Whether the engine keeps to what ss_dnn_plan_make promises. */
static bool acceptable(const ss_dnn_functions *f, const ss_dnn_conv *k,
                       cudnnBackendDescriptor_t config)
{
    cudnnBackendNumericalNote_t note[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t behaviour[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    int64_t got = 0, notes = 0, behaviours = 0;
    builder b = {f, CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t engine = make(&b, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    if (!b.st)
        b.st = f->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &got, &engine);
    if (!b.st)
        b.st = f->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                           CUDNN_TYPE_NUMERICAL_NOTE,
                                           CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &notes, note);
    if (!b.st)
        b.st = f->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                           CUDNN_TYPE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT,
                                           &behaviours, behaviour);
    bool ok = !b.st;
    for (int64_t i = 0; i < notes && ok; i++) {
        const cudnnBackendNumericalNote_t m = note[i];
        const bool narrow = m == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
                            (m == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && k->type == SS_F32);
        ok = !narrow && m != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC &&
             m != CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION &&
             m != CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 &&
             m != CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13;
    }
    for (int64_t i = 0; i < behaviours && ok; i++)
        ok = behaviour[i] != CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    drop(f, engine);
    return ok;
}

/* A plan for the engine; NULL where it cannot be made or wants too much memory. */
static cudnnBackendDescriptor_t plan_of(const ss_dnn_functions *f, const ss_dnn_target *t,
                                        cudnnBackendDescriptor_t config, int64_t most,
                                        int64_t *bytes)
{
    builder b = {f, CUDNN_STATUS_SUCCESS};
    int64_t got = 0;
    cudnnBackendDescriptor_t p = make(&b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    set(&b, p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
    if (t->handle) set(&b, p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &t->handle);
#if defined CUDNN_VERSION && CUDNN_VERSION >= 90800
    if (t->device)
        set(&b, p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
            &t->device);
#endif
    finish(&b, p);
    if (!b.st)
        b.st = f->cudnnBackendGetAttribute(p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                           CUDNN_TYPE_INT64, 1, &got, bytes);
    if (!b.st && *bytes <= most) return p;
    drop(f, p);
    return NULL;
}

/* The first engine of what one kind of heuristics offers that will do. */
static cudnnStatus_t try_mode(const ss_dnn_functions *f, const ss_dnn_target *t,
                              const ss_dnn_conv *k, cudnnBackendDescriptor_t g,
                              cudnnBackendHeurMode_t mode, int64_t most, ss_dnn_plan *p)
{
    builder b = {f, CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t config[MOST_ENGINES] = {0};
    int64_t n = 0;
    cudnnBackendDescriptor_t heur = make(&b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    set(&b, heur, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g);
    set(&b, heur, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
#if defined CUDNN_VERSION && CUDNN_VERSION >= 90800
    if (t->device)
        set(&b, heur, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
            &t->device);
#endif
    finish(&b, heur);
    const bool offers = !b.st; /* no heuristics for this graph is no failure */
    b.st = CUDNN_STATUS_SUCCESS;
    for (int i = 0; i < MOST_ENGINES && offers; i++)
        config[i] = make(&b, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (!b.st && offers &&
        f->cudnnBackendGetAttribute(heur, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_ENGINES, &n, config))
        n = 0;
    for (int64_t i = 0; i < n && i < MOST_ENGINES && !p->plan; i++) {
        p->tried++;
        if (acceptable(f, k, config[i])) p->plan = plan_of(f, t, config[i], most, &p->workspace);
    }
    for (int i = 0; i < MOST_ENGINES; i++) drop(f, config[i]);
    drop(f, heur);
    return b.st;
}

cudnnStatus_t ss_dnn_plan_make(const ss_dnn_functions *f, const ss_dnn_target *t,
                               const ss_dnn_conv *k, int64_t most, ss_dnn_plan *p)
{
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    builder b = {f, CUDNN_STATUS_SUCCESS};
    *p = (ss_dnn_plan){.plan = NULL};
    cudnnBackendDescriptor_t g = graph(&b, t, k);
    for (size_t i = 0; i < sizeof modes / sizeof *modes && !b.st && !p->plan; i++)
        b.st = try_mode(f, t, k, g, modes[i], most, p);
    drop(f, g);
    return b.st;
}

void ss_dnn_plan_drop(const ss_dnn_functions *f, ss_dnn_plan *p)
{
    drop(f, p->plan);
    p->plan = NULL;
}

cudnnStatus_t ss_dnn_plan_run(const ss_dnn_functions *f, cudnnHandle_t h, const ss_dnn_plan *p,
                              void *const data[3], void *work)
{
    static const int64_t id[3] = {SS_DNN_ID_X, SS_DNN_ID_W, SS_DNN_ID_Y};
    builder b = {f, CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t pack = make(&b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, id);
    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, data);
    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &work);
    finish(&b, pack);
    if (!b.st) b.st = f->cudnnBackendExecute(h, p->plan, pack);
    drop(f, pack);
    return b.st;
}

#endif
