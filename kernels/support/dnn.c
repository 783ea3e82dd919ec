/* dnn.c — cached oneDNN primitives on plain memory. */
#include "../cpu.h"
#include "dnn_make.h"
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

enum { CACHE = 256, CONVERT_BLOCK = 16384 };

/* ---- library state --------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t stream_key;
static bool have_key, off;
static dnnl_engine_t engine;
static dnnl_primitive_attr_t plain_attr;
static dnnl_status_t init_status;
static ss_dnn *cache[CACHE];
static uint64_t clock_;

static void drop_stream(void *s)
{
    dnnl_stream_destroy(s);
}

static void init(void)
{
    const char *mode = getenv("SEMISAM_DNN");
    off = mode && !strcmp(mode, "off");
    dnnl_set_verbose(mode && !strcmp(mode, "verbose"));
    dnnl_set_primitive_cache_capacity(0); /* this file has its own */
    have_key = pthread_key_create(&stream_key, drop_stream) == 0;
    init_status = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (!init_status) init_status = dnnl_primitive_attr_create(&plain_attr);
    if (!init_status)
        init_status =
            dnnl_primitive_attr_set_scratchpad_mode(plain_attr, dnnl_scratchpad_mode_user);
    if (!init_status && !have_key) init_status = dnnl_out_of_memory;
}

static ss_status failed(ss_call *c, dnnl_status_t s, const char *what)
{
    const char *why = s == dnnl_out_of_memory       ? "out of memory"
                      : s == dnnl_invalid_arguments ? "invalid arguments"
                      : s == dnnl_unimplemented     ? "not implemented"
                      : s == dnnl_runtime_error     ? "run-time error"
                                                    : "unknown error";
    return ss_fail(c, s == dnnl_out_of_memory ? SS_E_NOMEM : SS_E_STATE, "oneDNN could not %s: %s",
                   what, why);
}

static dnnl_status_t stream_of_thread(dnnl_stream_t *s)
{
    *s = pthread_getspecific(stream_key);
    if (*s) return dnnl_success;
    dnnl_status_t st = dnnl_stream_create(s, engine, dnnl_stream_default_flags);
    if (!st && pthread_setspecific(stream_key, *s)) {
        dnnl_stream_destroy(*s);
        st = dnnl_out_of_memory;
    }
    return st;
}

ss_dtype ss_dnn_compute(ss_dtype t)
{
    const unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    const unsigned need = (unsigned)dnnl_cpu_isa_avx512_core;
    return t == SS_BF16 && (isa & need) == need ? SS_BF16 : SS_F32;
}

void ss_dnn_memory(ss_dnn_desc *d, ss_dnn_slot s, ss_dtype t, int ndim, const int64_t *size)
{
    d->ndim[s] = ndim;
    d->type[s] = (int32_t)t;
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        d->size[s][i] = size[i];
        d->stride[s][i] = step;
        step *= size[i];
    }
}

/* ---- cache ----------------------------------------------------------------- */

/* FNV over 8-byte words; n is a multiple of 8. */
static uint64_t hash_of(const void *data, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u, word;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&word, (const char *)data + i, 8);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return h;
}

/* The least recently used place that nobody holds, else -1. Called under the lock. */
static int free_place(void)
{
    int best = -1;
    for (int i = 0; i < CACHE; i++) {
        if (!cache[i]) return i;
        if (cache[i]->refs == 0 && (best < 0 || cache[i]->used_at < cache[best]->used_at)) best = i;
    }
    if (best >= 0) {
        ss_dnn_destroy(cache[best]);
        cache[best] = NULL;
    }
    return best;
}

static ss_status create(ss_call *c, const ss_dnn_desc *d, uint64_t hash, ss_dnn **out)
{
    ss_dnn *p = calloc(1, sizeof *p);
    if (!p) return ss_fail(c, SS_E_NOMEM, "no memory for a oneDNN primitive");
    p->desc = *d;
    p->hash = hash;
    dnnl_status_t st = ss_dnn_make(p, engine, plain_attr);
    if (st && st != dnnl_unimplemented && st != dnnl_invalid_arguments) {
        ss_dnn_destroy(p);
        return failed(c, st, "prepare the computation");
    }
    p->refused = st != dnnl_success;
    int at = free_place();
    if (at >= 0) {
        cache[at] = p;
        p->cached = true;
    }
    *out = p;
    return SS_OK;
}

ss_status ss_dnn_get(ss_call *c, const ss_dnn_desc *d, ss_dnn **out)
{
    ss_dnn_desc key = *d;
    ss_status st = SS_OK;
    ss_dnn *p = NULL;
    *out = NULL;
    pthread_once(&once, init);
    if (init_status) return failed(c, init_status, "start");
    if (off) return SS_OK;
    key.threads = omp_in_parallel() ? 1 : omp_get_max_threads();
    const uint64_t hash = hash_of(&key, sizeof key);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CACHE && !p; i++)
        if (cache[i] && cache[i]->hash == hash && !memcmp(&cache[i]->desc, &key, sizeof key))
            p = cache[i];
    if (!p) st = create(c, &key, hash, &p);
    if (!st) {
        p->used_at = ++clock_;
        if (p->refused) {
            if (!p->cached) ss_dnn_destroy(p);
            p = NULL;
        } else {
            p->refs++;
        }
    }
    pthread_mutex_unlock(&lock);
    if (!st) *out = p;
    return st;
}

void ss_dnn_put(ss_dnn *p)
{
    if (!p) return;
    pthread_mutex_lock(&lock);
    if (--p->refs == 0 && !p->cached) ss_dnn_destroy(p);
    pthread_mutex_unlock(&lock);
}

/* ---- running --------------------------------------------------------------- */

static bool can_pack(const ss_call *c, const ss_dnn *p, const ss_view *w)
{
    const ss_dnn_mem *s = &p->slot[SS_DNN_W];
    return w && w->constant && c->env && c->env->pack && !s->output && (s->convert || s->reorder);
}

static size_t pack_bytes(const ss_dnn *p)
{
    const ss_dnn_mem *s = &p->slot[SS_DNN_W];
    return s->reorder ? dnnl_memory_desc_get_size(&s->prim) : s->count * 4;
}

/* The engine's buffer for the weight as the primitive wants it; NULL if it has none. */
static void *pack_buffer(const ss_call *c, const ss_dnn *p, const ss_view *w, bool *fresh)
{
    const ss_dnn_mem *s = &p->slot[SS_DNN_W];
    return c->env->pack(c->env, w, hash_of(&s->prim, sizeof s->prim), pack_bytes(p), fresh);
}

/* Called while planning: a device that only counts bytes gets to know of the packed weight here. */
size_t ss_dnn_scratch(const ss_call *c, const ss_dnn *p, const ss_view *w)
{
    bool fresh;
    if (!can_pack(c, p, w)) return p->scratch_all;
    pack_buffer(c, p, w, &fresh);
    return p->scratch_packed;
}

const char *ss_dnn_impl(const ss_dnn *p)
{
    return p->impl;
}

static void to_f32(float *dst, const void *src, ss_dtype t, size_t n)
{
    const size_t size = ss_dtype_bytes(t);
    SS_PARALLEL_FOR (b, ss_ceil_div((int64_t)n, CONVERT_BLOCK), CONVERT_BLOCK) {
        int64_t at = b * CONVERT_BLOCK;
        ss_load_f32(dst + at, (const char *)src + (size_t)at * size, t,
                    ss_min64(CONVERT_BLOCK, (int64_t)n - at));
    }
}

static void from_f32(void *dst, ss_dtype t, const float *src, size_t n)
{
    const size_t size = ss_dtype_bytes(t);
    SS_PARALLEL_FOR (b, ss_ceil_div((int64_t)n, CONVERT_BLOCK), CONVERT_BLOCK) {
        int64_t at = b * CONVERT_BLOCK;
        ss_store_f32((char *)dst + (size_t)at * size, t, src + at,
                     ss_min64(CONVERT_BLOCK, (int64_t)n - at));
    }
}

typedef struct run {
    ss_dnn *p;
    dnnl_stream_t stream;
    dnnl_memory_t work;
} run;

static dnnl_status_t reorder(run *r, ss_dnn_mem *s, void *from, void *to)
{
    dnnl_memory_t a = NULL, b = NULL;
    dnnl_status_t st = dnnl_memory_create(&a, s->output ? &s->prim : &s->plain, engine, from);
    if (!st) st = dnnl_memory_create(&b, s->output ? &s->plain : &s->prim, engine, to);
    if (!st)
        st = dnnl_primitive_execute(s->reorder, r->stream, 3,
                                    (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, a},
                                                        {DNNL_ARG_TO, b},
                                                        {DNNL_ARG_SCRATCHPAD, r->work}});
    if (!st) st = dnnl_stream_wait(r->stream);
    if (b) dnnl_memory_destroy(b);
    if (a) dnnl_memory_destroy(a);
    return st;
}

/* Brings the caller's input to what the primitive reads. `tmp` holds the f32 copy, `to` the new
 * layout; either is the other's final place when only one step is needed. */
static dnnl_status_t bring(run *r, int i, void *data, void *tmp, void *to, void **ready)
{
    ss_dnn_mem *s = &r->p->slot[i];
    *ready = data;
    if (s->convert) {
        *ready = s->reorder ? tmp : to;
        to_f32(*ready, data, (ss_dtype)r->p->desc.type[i], s->count);
    }
    if (!s->reorder) return dnnl_success;
    dnnl_status_t st = reorder(r, s, *ready, to);
    *ready = to;
    return st;
}

/* The weight's packed copy: kept by the engine while the weight does not change. *own is memory
 * to free afterwards, when the engine has none to give. */
static dnnl_status_t packed_weight(ss_call *c, run *r, const ss_view *w, void **ready, void **own)
{
    ss_dnn_mem *s = &r->p->slot[SS_DNN_W];
    void *tmp = NULL, *buf;
    bool fresh = true;
    if (s->convert && s->reorder && !(tmp = aligned_alloc(SS_DNN_ALIGN, ss_dnn_pad(s->count * 4))))
        return dnnl_out_of_memory;
    buf = pack_buffer(c, r->p, w, &fresh);
    if (!buf) {
        fresh = true;
        *own = buf = aligned_alloc(SS_DNN_ALIGN, ss_dnn_pad(pack_bytes(r->p)));
    }
    dnnl_status_t st = buf ? dnnl_success : dnnl_out_of_memory;
    if (!st && fresh) st = bring(r, SS_DNN_W, w->data, tmp, buf, ready);
    *ready = buf;
    free(tmp);
    return st;
}

/* Takes the primitive's output back to the caller's memory. */
static dnnl_status_t deliver(run *r, int i, void *made, void *data, char *scratch)
{
    ss_dnn_mem *s = &r->p->slot[i];
    dnnl_status_t st = dnnl_success;
    if (s->reorder) {
        void *to = s->convert ? scratch + s->convert_at : data;
        st = reorder(r, s, made, to);
        made = to;
    }
    if (!st && s->convert) from_f32(data, (ss_dtype)r->p->desc.type[i], made, s->count);
    return st;
}

/* Where slot i's data is while the primitive runs. */
static dnnl_status_t place(ss_call *c, run *r, int i, void *data, const ss_view *w, char *scratch,
                           void **ready, void **own)
{
    ss_dnn_mem *s = &r->p->slot[i];
    void *tmp = scratch + s->convert_at, *to = scratch + s->reorder_at;
    *ready = data;
    if (!s->convert && !s->reorder) return dnnl_success;
    if (s->output) {
        *ready = s->reorder ? to : tmp;
        return dnnl_success;
    }
    if (i == SS_DNN_W && can_pack(c, r->p, w)) return packed_weight(c, r, w, ready, own);
    return bring(r, i, data, tmp, s->reorder ? to : tmp, ready);
}

ss_status ss_dnn_run(ss_call *c, ss_dnn *p, void *const data[SS_DNN_SLOTS], const ss_view *w,
                     void *scratch)
{
    run r = {.p = p};
    dnnl_exec_arg_t args[SS_DNN_SLOTS + 1];
    dnnl_memory_t mem[SS_DNN_SLOTS] = {0};
    void *ready[SS_DNN_SLOTS], *own = NULL;
    int n = 0;
    dnnl_memory_desc_t work_md;
    const dnnl_dims_t bytes = {(dnnl_dim_t)p->work_bytes};
    dnnl_status_t st = stream_of_thread(&r.stream);
    if (!st) st = dnnl_memory_desc_init_by_tag(&work_md, 1, bytes, dnnl_u8, dnnl_a);
    if (!st) st = dnnl_memory_create(&r.work, &work_md, engine, scratch);
    for (int i = 0; i < SS_DNN_SLOTS && !st; i++) {
        if (!p->slot[i].used) continue;
        st = place(c, &r, i, data[i], w, scratch, &ready[i], &own);
        if (!st) st = dnnl_memory_create(&mem[i], &p->slot[i].prim, engine, ready[i]);
        if (!st) args[n++] = (dnnl_exec_arg_t){p->slot[i].arg, mem[i]};
    }
    if (!st) {
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, r.work};
        st = dnnl_primitive_execute(p->prim, r.stream, n, args);
    }
    if (!st) st = dnnl_stream_wait(r.stream);
    for (int i = 0; i < SS_DNN_SLOTS && !st; i++)
        if (p->slot[i].used && p->slot[i].output) st = deliver(&r, i, ready[i], data[i], scratch);
    for (int i = 0; i < SS_DNN_SLOTS; i++)
        if (mem[i]) dnnl_memory_destroy(mem[i]);
    if (r.work) dnnl_memory_destroy(r.work);
    free(own);
    return st ? failed(c, st, "run the computation") : SS_OK;
}
