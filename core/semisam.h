/* semisam.h — tensors, gradients, devices and operations, in C.
 *
 * Every fallible function returns ss_status. On failure, out-parameters are set to NULL or 0,
 * nothing has changed, and ss_errmsg() has one sentence. A function that gives you a tensor gives
 * you a reference: release it. Pointers to shapes and names are borrowed from their owner.
 * A context and everything made from it belong to one thread; ss_ctx_cancel() is the exception.
 */
#ifndef SEMISAM_H
#define SEMISAM_H
#include "backend_libs.h"
#include "types.h"
#ifdef __cplusplus
extern "C" {
#endif

/* ---- context ------------------------------------------------------------- */

typedef struct ss_ctx ss_ctx;
typedef struct ss_tensor ss_tensor;

/* ss_ctx_new() — a context; devices are made when first named. ss_ctx_release() may be called
 * before its tensors are released: the context then lives on, unusable, until the last of them is
 * gone. */
ss_status ss_ctx_new(ss_ctx **out);
void ss_ctx_release(ss_ctx *ctx);
const char *ss_errmsg(const ss_ctx *ctx); /* sentence for the last failure */
const char *ss_status_name(ss_status s);  /* "E_SHAPE" */

/* ss_ctx_fail() — records a sentence as the last failure and returns s. */
__attribute__((format(printf, 3, 4))) ss_status ss_ctx_fail(ss_ctx *ctx, ss_status s,
                                                            const char *fmt, ...);

/* ss_ctx_cancel() — makes the running and every later operation return E_CANCEL until it is set
 * back to 0. Safe in signal handlers and from other threads. */
void ss_ctx_cancel(ss_ctx *ctx, int on);
bool ss_ctx_cancelled(const ss_ctx *ctx);

/* ss_ctx_check_finite() — while on, an operation whose result holds NaN or an infinity fails with
 * E_STATE and says whether an input did already. Operations without tensor inputs are not looked
 * at. Costs a pass over every result; off at first. */
void ss_ctx_check_finite(ss_ctx *ctx, bool on);

/* ss_ctx_on_pressure() — `fn` is called, never inside a kernel, when an allocation would pass the
 * device's budget or has failed. It should drop what it can; the allocation is tried once more. */
typedef void (*ss_pressure_fn)(void *ud, const char *device, size_t want_bytes);
void ss_ctx_on_pressure(ss_ctx *ctx, ss_pressure_fn fn, void *ud);

/* ---- devices and memory -------------------------------------------------- */

typedef struct ss_memory {
    size_t used;                    /* bytes of live tensors, scratch and packed weights */
    size_t cached;                  /* freed bytes kept for reuse */
    size_t peak;                    /* largest `used` since the last reset */
    size_t budget;                  /* limit of `used` */
    size_t reserved, reserved_peak; /* bytes taken from the system, waiting ones included */
    uint64_t requests; /* times that memory was taken from the system since the last reset */
    uint64_t trace;    /* hash of all allocations and releases since the last reset, in order */
} ss_memory;

/* Device names: "cpu"; "cuda:N" or "cuda" for the first; "meta" counts what the CPU would need,
 * "meta:cuda" what a GPU would. Unknown or absent ones fail with E_DEVICE. */
const char *ss_device_name(ss_ctx *ctx, const char *device); /* lives as long as ctx; or NULL */
ss_status ss_memory_get(ss_ctx *ctx, const char *device, ss_memory *out);
ss_status ss_memory_reset_peak(ss_ctx *ctx, const char *device);
ss_status ss_memory_set_budget(ss_ctx *ctx, const char *device, size_t bytes);
ss_status ss_memory_trim(ss_ctx *ctx, const char *device); /* gives cached bytes back */
/* ss_wait() — until everything asked of the device is done; says what failed in between. */
ss_status ss_wait(ss_ctx *ctx, const char *device);

/* What is known of the CUDA module: E_DEVICE, with `why` filled, when no device can be used. */
typedef struct ss_cuda_info {
    int devices;
    int twins;       /* operations it has code for */
    char path[1024]; /* of the module; empty: none was found */
    char build[128]; /* what it was compiled for */
    char why[1400];
} ss_cuda_info;
ss_status ss_cuda_report(ss_cuda_info *out);
/* ss_cuda_library() — NVIDIA's i-th library from 0: found and its version, or why not. false beyond
 * the last, and without a module. */
bool ss_cuda_library(int i, ss_library *out);
typedef struct ss_cuda_device {
    char name[96];
    int capability; /* 70 for sm_70 */
    int multiprocessors;
    size_t bytes, free_bytes;
} ss_cuda_device;
/* ss_cuda_device_get() — opens the device, from 0, and says what it is. */
ss_status ss_cuda_device_get(ss_ctx *ctx, int index, ss_cuda_device *out);

/* Counts of what is alive, for leak checks. */
void ss_live(const ss_ctx *ctx, int64_t *tensors, int64_t *bytes);

/* Arithmetic done since the context was made, as the ops' own counts: works on meta too. */
double ss_flops(const ss_ctx *ctx);

/* Test hooks: the n-th allocation from now fails once (0: off); damaged guard bands found so far
 * (debug builds only). */
void ss_debug_fail_alloc(ss_ctx *ctx, int64_t n);
int64_t ss_debug_guard_faults(const ss_ctx *ctx);

/* The x86-64 level of the kernels in use: "v2", "v3" or "v4". SEMISAM_ISA=v2 in the environment
 * lowers it. */
const char *ss_isa(void);
int ss_threads(int set); /* threads kernels use; set > 0 changes it */

/* ---- tensors ------------------------------------------------------------- */

/* ss_tensor_new() — contents are undefined. */
ss_status ss_tensor_new(ss_ctx *ctx, ss_dtype t, int ndim, const int64_t *shape, const char *device,
                        ss_tensor **out);
/* ss_tensor_from() — copies contiguous host bytes (count * element size) in. */
ss_status ss_tensor_from(ss_ctx *ctx, ss_dtype t, int ndim, const int64_t *shape,
                         const char *device, const void *bytes, ss_tensor **out);
/* ss_tensor_to() — the same values on another device; the tensor itself if it is there already. */
ss_status ss_tensor_to(ss_tensor *x, const char *device, ss_tensor **out);
/* ss_tensor_detach() — the same bytes without history or gradient. */
ss_status ss_tensor_detach(ss_tensor *x, ss_tensor **out);
/* ss_tensor_read() — copies all elements, row-major, as stored, to host memory. On meta the
 * bytes are filled with NaN (floats) or 0. */
ss_status ss_tensor_read(ss_tensor *x, void *dst, size_t bytes);
ss_tensor *ss_tensor_retain(ss_tensor *x); /* returns x */
void ss_tensor_release(ss_tensor *x);      /* NULL is fine */

const ss_view *ss_tensor_view(const ss_tensor *x); /* shape, strides, data; borrowed */
const char *ss_tensor_device(const ss_tensor *x);
/* ss_tensor_adopt() — x shows the bytes of `from` from now on instead of a copy of them, as a
 * parameter takes over weights. True if it could: `from` is an unwritten window on a file
 * (ss_weights_load()) that nobody else shows, of x's type and shape, and so are x's old bytes x's
 * alone. False: nothing has happened. */
bool ss_tensor_adopt(ss_tensor *x, ss_tensor *from);
/* ss_tensor_rest() — lets the system have the memory of an unwritten window on a file back; reading
 * x again reads the file. So does making a packed copy of it. Does nothing to other tensors. */
void ss_tensor_rest(ss_tensor *x);
ss_ctx *ss_tensor_ctx(const ss_tensor *x);
bool ss_tensor_is_contiguous(const ss_tensor *x);
size_t ss_tensor_bytes(const ss_tensor *x); /* of its elements */

/* ss_tensor_stamp() — another number whenever the bytes behind x may be others: its memory, and how
 * often that was written in place. */
uint64_t ss_tensor_stamp(const ss_tensor *x);

/* A constant tensor is a frozen parameter: no gradient, and packed copies of it are kept. */
void ss_tensor_set_constant(ss_tensor *x, bool on);
bool ss_tensor_requires_grad(const ss_tensor *x);
/* Only a leaf (not the result of a recorded operation) of a float type can be switched. */
ss_status ss_tensor_set_requires_grad(ss_tensor *x, bool on);
ss_tensor *ss_tensor_grad(const ss_tensor *x);          /* borrowed; NULL if none */
void ss_tensor_set_grad(ss_tensor *x, ss_tensor *grad); /* takes its own reference; NULL clears */

/* ---- profile ------------------------------------------------------------- */

typedef struct ss_profile_row {
    int64_t calls;
    double seconds, flops;
    double
        asked; /* seconds of the host until a GPU has been asked for it all; seconds has the wait */
    double bytes; /* of inputs and outputs */
} ss_profile_row;

/* What one operation takes on a device that is only imagined: the longer of its arithmetic and its
 * memory traffic, and the launch. Rates per second. */
typedef struct ss_pace {
    double flops_f32, flops_f16; /* of operations that count them; 16-bit ones add in f32 */
    double bytes;                /* of memory */
    double launch;               /* seconds */
} ss_pace;
/* ss_meta_ones() — tensors on meta devices, which have no values, read as 1 while this is on, so
 * that work that looks at values goes its usual way. Otherwise they read as NaN and 0. */
void ss_meta_ones(ss_ctx *ctx, bool on);
/* ss_profile_pace() — rows of operations on meta devices then hold modelled seconds. NULL: none. */
ss_status ss_profile_pace(ss_ctx *ctx, const ss_pace *pace);

/* ss_profile_start() — counts every operation from now on, from zero. The rows are those of
 * ss_op_at(); ss_profile_at() gives NULL when no profile runs. Costs two clock reads a call, and on
 * a GPU a wait for each. */
ss_status ss_profile_start(ss_ctx *ctx);
void ss_profile_stop(ss_ctx *ctx);
const ss_profile_row *ss_profile_at(const ss_ctx *ctx, int i);

/* ---- operations ---------------------------------------------------------- */

struct ss_op;
struct ss_attr;

typedef enum {
    SS_KIND_TENSOR,
    SS_KIND_NUMBER,
    SS_KIND_INT,
    SS_KIND_BOOL,
    SS_KIND_DIM,
    SS_KIND_INT2,
    SS_KIND_INT3,
    SS_KIND_INTS,
    SS_KIND_DIMS,
    SS_KIND_SHAPE,
    SS_KIND_DTYPE,
    SS_KIND_ENUM
} ss_kind;
typedef enum {
    SS_CLASS_ANY,
    SS_CLASS_FLOAT,
    SS_CLASS_F32,
    SS_CLASS_INT,
    SS_CLASS_INDEX,
    SS_CLASS_NUM
} ss_class;

/* One parameter of an operation's signature. */
typedef struct ss_param {
    const char *name;
    ss_kind kind;
    ss_class cls;      /* tensors */
    bool optional;     /* may be absent */
    bool variadic;     /* any number of tensors */
    const char *deflt; /* text of the default; NULL: none */
    int nchoice;       /* enum words */
    const char *const *choice;
} ss_param;

/* A registered operation with its parsed signature; lives for the whole process. */
typedef struct ss_opinfo {
    const struct ss_op *op;
    const char *name, *sig, *doc;
    int ntensor, nattr;    /* the first ntensor parameters are tensors */
    const ss_param *param; /* ntensor + nattr */
    int nout;              /* results a user sees */
    bool internal;         /* name begins with an underscore */
    bool differentiable, inplace, view;
} ss_opinfo;

int ss_op_count(void);
const ss_opinfo *ss_op_at(int i);
const ss_opinfo *ss_op_find(const char *name); /* NULL: no such operation */
bool ss_cuda_has(const ss_opinfo *op); /* the CUDA module has code for it, or it needs none */

/* ss_attr_default() — the value of parameter p (an attribute) that was not given. ndim: axes of the
 * first tensor, to resolve dims. E_ARG if p has no default. */
ss_status ss_attr_default(const ss_param *p, int ndim, struct ss_attr *out);
/* ss_attr_dim() — 1-based or negative axis to 0-based; false when out of range. */
bool ss_attr_dim(int64_t user, int ndim, int64_t *out);

/* ss_run() — run an operation. `in` has nin tensors in signature order, NULL for an absent
 * optional one; `attr` the first nattr attributes (the rest take their defaults). Writes info->nout
 * new references to out, hidden ones included when nout says so. Records a tape node if an input
 * wants a gradient and recording is on. An operation without tensor inputs runs on `device`
 * (NULL: "cpu"). */
ss_status ss_run(ss_ctx *ctx, const ss_opinfo *op, int nin, ss_tensor *const *in, int nattr,
                 const struct ss_attr *attr, const char *device, int nout, ss_tensor **out);

/* ---- gradients ----------------------------------------------------------- */

/* Recording is on unless switched off; calls nest. */
void ss_no_grad(ss_ctx *ctx, bool enter); /* true: one level deeper; false: leave it */
bool ss_grad_enabled(const ss_ctx *ctx);

/* ss_backward() — adds d(sum of roots . seeds)/d(leaf) to the gradient of every leaf that wants one
 * and drops the tape. seeds[i] NULL means 1, allowed for scalars only. */
ss_status ss_backward(ss_ctx *ctx, int n, ss_tensor *const *roots, ss_tensor *const *seeds);

/* ss_record_custom() — makes outs (fresh results computed without recording) depend on ins through
 * `backward`, which receives one gradient per output (NULL: none) and returns one new reference per
 * input or NULL. free_ud runs when the node dies. */
typedef struct ss_custom {
    ss_status (*backward)(void *ud, int nout, ss_tensor *const *dy, int nin, ss_tensor **dx);
    void (*free_ud)(void *ud);
    void *ud;
} ss_custom;
ss_status ss_record_custom(ss_ctx *ctx, int nin, ss_tensor *const *in, int nout,
                           ss_tensor *const *out, const ss_custom *c);

#ifdef __cplusplus
}
#endif
#endif
