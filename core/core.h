/* core.h — structures shared by the files of core. Nothing outside core includes it. */
#ifndef SEMISAM_CORE_H
#define SEMISAM_CORE_H
#include "backend.h"
#include "op.h"
#include "semisam.h"

#ifdef SS_DEBUG_CHECKS
#include <assert.h>
#define SS_ASSERT(x) assert(x)
#else
#define SS_ASSERT(x) ((void)0)
#endif

/* Devices of a context in this order: cpu, meta, meta:cuda, cuda:0, cuda:1, ... */
enum { SS_GPUS = 8, SS_DEVICES = 3 + SS_GPUS, SS_BINS = 512, SS_ALIGN = 64 };

/* ---- devices -------------------------------------------------------------- */

typedef struct ss_block ss_block; /* a freed block waiting for reuse */
typedef struct ss_arena ss_arena; /* the segments of a GPU's memory */

typedef struct ss_device {
    const char *name;
    bool computes; /* false: only sizes are counted */
    bool as_cuda;  /* scratch is what the CUDA twins want */
    ss_gpu *gpu;   /* NULL on the CPU and on meta */
    ss_memory mem;
    ss_block *bin[SS_BINS];
    ss_arena *arena; /* instead of the bins, where as_cuda */
    size_t high;     /* most bytes ever in use at once */
    ss_ctx *ctx;
} ss_device;

ss_device *ss__device(ss_ctx *ctx, const char *name); /* NULL and E_DEVICE message if unknown */
/* ss__alloc() — accounted bytes of the device, 64-byte aligned; meta gives a non-NULL token that
 * must not be read. Runs the pressure hook once before failing with E_NOMEM. */
ss_status ss__alloc(ss_device *d, size_t bytes, void **out);
void ss__free(ss_device *d, void *p, size_t bytes);
void ss__trim(ss_device *d);
void ss__close(ss_device *d); /* gives everything back */

/* ss__arena_take() — a block of the device's arena, NULL where there is no memory left. give()
 * returns it, trim() what is not in use of the segments, close() everything. */
void *ss__arena_take(ss_device *d, size_t bytes);
void ss__arena_give(ss_device *d, void *at);
void ss__arena_trim(ss_device *d);
void ss__arena_close(ss_device *d);

void ss__ctx_unref(ss_ctx *ctx);

/* ---- the CUDA module --------------------------------------------------------- */

/* ss__backend() — the module, loaded on the first call; NULL and a sentence when there is none. */
const ss_backend *ss__backend(char *why, size_t n);
/* ss__twin() — the module's code for an op; NULL: it has none. */
const ss_twin *ss__twin(const ss_opinfo *op);
ss_status ss__run_twin(const ss_twin *twin, ss_device *d, ss_call *c);
/* ss__open_gpu() — makes d usable. E_DEVICE with the reason otherwise. */
ss_status ss__open_gpu(ss_device *d, int index);
/* ss__to_host(), ss__to_device() — n bytes at p, memory of d. */
ss_status ss__to_host(ss_device *d, void *to, const void *p, size_t n);
ss_status ss__to_device(ss_device *d, void *p, const void *from, size_t n);

/* ---- storage and tensors --------------------------------------------------- */

typedef struct ss_storage {
    int refs;
    uint32_t version; /* grows with every in-place write */
    uint64_t id;
    size_t bytes;
    void *data;
    ss_device *dev;
    struct ss_pack *packs;        /* packed copies made by kernels */
    void (*release)(void *owner); /* NULL: the bytes are the device's */
    void *owner;
    bool window; /* on a file, privately mapped: until it is written, its pages can be read again */
} ss_storage;

typedef struct ss_pack {
    struct ss_pack *next;
    uint64_t key;
    uint32_t version;
    size_t bytes;
    void *data;
} ss_pack;

typedef struct ss_node ss_node;

struct ss_tensor {
    int refs;
    bool requires_grad;
    ss_storage *st;
    ss_view v;
    ss_node *node; /* the call that made it; NULL for leaves */
    int out_index;
    ss_tensor *grad;
};

struct ss_ctx {
    int refs; /* 1 for the user, 1 for each storage */
    bool closed;
    volatile int cancel;
    char msg[768];
    ss_device dev[SS_DEVICES];
    ss_pressure_fn pressure;
    void *pressure_ud;
    bool in_pressure, check_finite, meta_ones;
    int no_grad;
    uint64_t next_id, next_seq;
    int64_t tensors, bytes;
    int64_t fail_alloc, guard_faults;
    double flops;
    ss_profile_row *profile; /* one per op while profiling, else NULL */
    ss_pace pace;            /* of meta devices; all 0: none */
};

/* ss__tensor_make() — new tensor over st (takes a reference of its own) with v's geometry. */
ss_status ss__tensor_make(ss_ctx *ctx, ss_storage *st, const ss_view *v, ss_tensor **out);
ss_status ss__storage_new(ss_device *d, size_t bytes, ss_storage **out);
void ss__storage_release(ss_storage *st);
/* ss__storage_rest() — gives back the memory of an unwritten window on a file; whoever reads the
 * bytes next reads the file. Does nothing to other storages. */
void ss__storage_rest(ss_storage *st);
/* ss__tensor_foreign() — n elements at `data`, memory of the caller that release(owner) gives back;
 * on failure it has not been called. */
ss_status ss__tensor_foreign(ss_ctx *ctx, ss_dtype t, int64_t n, void *data,
                             void (*release)(void *owner), void *owner, ss_tensor **out);
ss_status ss__new_on(ss_device *d, const ss_view *geometry, ss_tensor **out);
ss_status ss__alias(ss_tensor *x, ss_tensor **out); /* same bytes, no history */
void ss__contiguous_strides(ss_view *v);
bool ss__is_contiguous(const ss_view *v);
bool ss__same_shape(const ss_view *a, const ss_view *b);
/* Text such as "f32[2,3]"; returns buf. */
const char *ss__describe(const ss_view *v, char *buf, size_t n);

/* ss__not_finite() — elements of a float view on d that are NaN or infinite; 0 for other types and
 * on devices without values. */
int64_t ss__not_finite(ss_device *d, const ss_view *v);

/* ---- tape ------------------------------------------------------------------- */

/* ss__record() — a node for a finished call; attaches it to the float outputs. */
ss_status ss__record(ss_ctx *ctx, const ss_opinfo *op, int nin, ss_tensor *const *in, int nattr,
                     const ss_attr *attr, int nout, ss_tensor *const *out);
void ss__node_release(ss_node *n);

/* ss__profile_add() — one finished call of op on d; only while ctx->profile is set. */
void ss__profile_add(ss_device *d, const ss_opinfo *op, const ss_call *c, double seconds,
                     double asked, double flops);
double ss__now(void); /* seconds on a steady clock */

/* ss__wants_grad() — recording is on and x carries gradient. */
static inline bool ss__wants_grad(const ss_ctx *ctx, const ss_tensor *x)
{
    return x && ctx->no_grad == 0 && (x->requires_grad || x->node);
}
#endif
