/* op.h — what an op is: the only header a kernel file needs besides cpu.h.
 *
 * An op is a stem: kernels/<op>.c defines `const ss_op SS_OP(<op>)`, kernels/<op>.cu its CUDA
 * twin, tests/ops/<op>.lua its definition and cases. Nothing else is edited (see
 * kernels/README.md).
 */
#ifndef SEMISAM_OP_H
#define SEMISAM_OP_H
#include "types.h"
#include <stdarg.h>

/* Kernels are compiled once per instruction set; the descriptor's symbol carries the set's name. */
#ifndef SS_ISA
#define SS_ISA v2
#endif
#define SS_OP_PASTE_(name, isa) ss_op_##name##_##isa
#define SS_OP_PASTE(name, isa) SS_OP_PASTE_(name, isa)
#define SS_OP(name) SS_OP_PASTE(name, SS_ISA)

enum { SS_MAX_OUT = 4, SS_MAX_ATTR = 12 };

typedef struct ss_op ss_op;
typedef struct ss_tensor ss_tensor; /* opaque to kernels: gradients pass it around */

/* One non-tensor argument, already checked and converted.
 *   number, bool: num (bool also in v[0]) · int: v[0] and num · dim: v[0], 0-based, resolved
 *   int2, int3: v[0..n) (a single number is repeated) · ints, dims, shape: v[0..n)
 *   enum(a|b): v[0] the position, str the word · dtype: v[0] an ss_dtype */
typedef struct ss_attr {
    int n; /* how many entries of v; -1 when an optional argument was not given */
    double num;
    int64_t v[SS_MAX_DIM];
    const char *str;
} ss_attr;

/* What the caller of a kernel offers. */
typedef struct ss_env {
    char *msg; /* sentence for the last failure; written by ss_fail */
    size_t msg_bytes;
    const volatile int *cancel; /* non-zero: the user wants to stop; long kernels poll it */
    /* pack() — a buffer of `bytes` that lives as long as the contents (id, version) of `of`.
     * *fresh says that it must be filled. NULL: none to be had, use scratch. `key` tells the
     * layouts of one tensor apart. */
    void *(*pack)(struct ss_env *env, const ss_view *of, uint64_t key, size_t bytes, bool *fresh);
    void *owner;
} ss_env;

/* One invocation. `infer` fills out[] (dtype, ndim, shape) from in[] and attr; the strides, count
 * and data are filled in by the caller of the op afterwards. */
typedef struct ss_call {
    const ss_op *op;
    int nin, nout;
    ss_view *in;
    ss_view out[SS_MAX_OUT];
    const ss_attr *attr;
    int64_t out_offset;   /* SS_OP_VIEW: first element, counted from in[0]'s */
    size_t scratch_bytes; /* set by the plan: 64-byte aligned memory wanted while the op runs */
    void *scratch;
    ss_env *env;
} ss_call;

/* Backward of one recorded call. `in` and `out` hold the tensors named in op->saves, NULL
 * elsewhere; the views tell shape and dtype of all of them. dy[k] is NULL when no gradient
 * reached output k. */
typedef struct ss_grad {
    const ss_op *op;
    int nin, nout, nattr;
    ss_tensor *const *in, *const *out, *const *dy;
    const ss_view *in_view, *out_view; /* data is NULL */
    const ss_attr *attr;
    const bool *need; /* which inputs want a gradient */
    ss_status status; /* first failure; later calls do nothing */
    /* Provided by the engine: run an op (outs: borrowed until the gradient function returns). */
    bool (*call)(struct ss_grad *g, const char *op, int nin, ss_tensor *const *in, int nattr,
                 const ss_attr *attr, ss_tensor **outs);
    void (*set)(struct ss_grad *g, int i, ss_tensor *dx);
    void *engine;
} ss_grad;

enum {
    SS_OP_STRIDED = 1, /* takes inputs of any strides; without it they arrive contiguous */
    SS_OP_VIEW = 2,    /* out[0] shares in[0]'s bytes: infer also fills out[0].stride, out_offset */
    SS_OP_INPLACE = 4, /* writes in[0]; no outputs */
    SS_OP_NO_GRAD = 8, /* results carry no gradient */
    SS_OP_RANDOM = 16, /* output depends on an explicit key */
};
#define SS_SAVE_IN(i) (1u << (i))
#define SS_SAVE_OUT(i) (1u << (16 + (i)))

struct ss_op {
    const char *name;
    /* Arguments in order, comma separated: tensors first, then the rest.
     *   tensor  `x: CLASS`, optional `x?: CLASS`, several `xs: CLASS...` (must be the only one)
     *           CLASS: any, float (f16 bf16 f32), f32, integer (u8 i32 i64 bool), index (i32 i64),
     * num (no bool) other   `a: KIND`, with default `a: KIND = VALUE`, optional `a?: KIND` KIND:
     * number int bool dim int2 int3 ints dims shape dtype enum(a|b|c) */
    const char *sig;
    const char *doc; /* one sentence, then detail: definition, shapes, source */
    ss_status (*infer)(ss_call *c);
    ss_status (*plan)(ss_call *c);      /* optional: asks for scratch of `cpu` */
    ss_status (*plan_cuda)(ss_call *c); /* optional: asks for scratch of the CUDA twin */
    ss_status (*cpu)(ss_call *c);       /* mandatory unless SS_OP_VIEW */
    void (*grad)(ss_grad *g);           /* NULL needs SS_OP_NO_GRAD or SS_OP_INPLACE */
    double (*flops)(const ss_call *c);  /* optional */
    unsigned flags;
    unsigned saves; /* what grad reads: SS_SAVE_IN(i) | SS_SAVE_OUT(i) */
    int nout;       /* 0 means 1 */
    int hidden;     /* the last `hidden` outputs serve the gradient and are not returned to users */
};

/* ---- helpers for infer --------------------------------------------------- */

#ifdef __cplusplus
extern "C" {
#endif
/* ss_fail() — records the sentence and returns s. The op's name before it and the inputs' shapes
 * after it are added by the engine: write only what was expected and what came. */
__attribute__((format(printf, 3, 4))) ss_status ss_fail(ss_call *c, ss_status s, const char *fmt,
                                                        ...);
/* Output k has v's shape and dtype. */
ss_status ss_out_like(ss_call *c, int k, const ss_view *v);
/* Output k has this shape. Fails on more than SS_MAX_DIM axes, negative sizes or overflow. */
ss_status ss_out(ss_call *c, int k, ss_dtype t, int ndim, const int64_t *shape);
/* Output k is the broadcast of in[0..n) with element type t. */
ss_status ss_out_broadcast(ss_call *c, int k, ss_dtype t, int n);
/* Promoted element type of a and b. A scalar (0 axes) does not raise a tensor within its kind
 * (bool, integer, float). */
ss_dtype ss_promote(const ss_view *a, const ss_view *b);
size_t ss_dtype_bytes(ss_dtype t);
const char *ss_dtype_name(ss_dtype t);
#ifdef __cplusplus
}
#endif
static inline bool ss_is_float(ss_dtype t)
{
    return t == SS_F32 || t == SS_F16 || t == SS_BF16;
}
static inline bool ss_cancelled(const ss_call *c)
{
    return c->env && c->env->cancel && *c->env->cancel;
}

#ifndef __cplusplus
/* ---- helpers for grad ---------------------------------------------------- */

static inline ss_attr ss_num(double x)
{
    return (ss_attr){.n = 1, .num = x, .v = {(int64_t)x}};
}
static inline ss_attr ss_int(int64_t x)
{
    return (ss_attr){.n = 1, .num = (double)x, .v = {x}};
}
static inline ss_attr ss_none(void)
{
    return (ss_attr){.n = -1};
}
static inline ss_attr ss_ints(int n, const int64_t *v)
{
    ss_attr a = {.n = n};
    for (int i = 0; i < n && i < SS_MAX_DIM; i++) a.v[i] = v[i];
    return a;
}

/* ss_g() — run an op during backward; returns its first output, NULL after any failure (so calls
 * can be chained unchecked). ss_gn() gives all outputs, hidden ones too: `outs` has room for them.
 */
static inline bool ss_gn(ss_grad *g, const char *op, int nin, ss_tensor *const *in, int nattr,
                         const ss_attr *attr, ss_tensor **outs)
{
    return g->call(g, op, nin, in, nattr, attr, outs);
}
static inline ss_tensor *ss_g(ss_grad *g, const char *op, int nin, ss_tensor *const *in, int nattr,
                              const ss_attr *attr)
{
    ss_tensor *outs[SS_MAX_OUT] = {0};
    return g->call(g, op, nin, in, nattr, attr, outs) ? outs[0] : NULL;
}
static inline ss_tensor *ss_g1(ss_grad *g, const char *op, ss_tensor *a)
{
    return ss_g(g, op, 1, (ss_tensor *[]){a}, 0, NULL);
}
static inline ss_tensor *ss_g2(ss_grad *g, const char *op, ss_tensor *a, ss_tensor *b)
{
    return ss_g(g, op, 2, (ss_tensor *[]){a, b}, 0, NULL);
}
/* ss_dx() — the gradient of input i. A broadcast input is summed back to its shape, and a
 * different float type cast, by the engine. */
static inline void ss_dx(ss_grad *g, int i, ss_tensor *dx)
{
    if (dx && g->need[i]) g->set(g, i, dx);
}
#endif
#endif
