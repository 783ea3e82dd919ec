/* context.c — what owns devices, counters and the last error. */
#include "core.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ss_status_name(ss_status s)
{
    switch (s) {
#define X(name, code, text)                                                                        \
    case SS_##name:                                                                                \
        return #name;
        SS_STATUS_MAP(X)
#undef X
    }
    return "?";
}

ss_status ss_ctx_new(ss_ctx **out)
{
    *out = NULL;
    ss_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return SS_E_NOMEM;
    ctx->refs = 1;
    ctx->next_id = ctx->next_seq = 1;
    ctx->fail_alloc = -1;
    size_t ram = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGE_SIZE);
    ctx->dev[0] = (ss_device){.name = "cpu", .computes = true, .ctx = ctx};
    ctx->dev[0].mem.budget = ram / 2;
    ctx->dev[1] = (ss_device){.name = "meta", .ctx = ctx};
    ctx->dev[2] = (ss_device){.name = "meta:cuda", .as_cuda = true, .ctx = ctx};
    ctx->dev[1].mem.budget = ctx->dev[2].mem.budget = SIZE_MAX;
    static const char *const gpu[SS_GPUS] = {"cuda:0", "cuda:1", "cuda:2", "cuda:3",
                                             "cuda:4", "cuda:5", "cuda:6", "cuda:7"};
    for (int i = 0; i < SS_GPUS; i++)
        ctx->dev[3 + i] =
            (ss_device){.name = gpu[i], .computes = true, .as_cuda = true, .ctx = ctx};
    *out = ctx;
    return SS_OK;
}

/* Storages hold the context alive: finalisers of a closing Lua state run in any order. */
void ss__ctx_unref(ss_ctx *ctx)
{
    if (--ctx->refs > 0) return;
    for (int i = 0; i < SS_DEVICES; i++) ss__close(&ctx->dev[i]);
    free(ctx);
}

void ss_ctx_release(ss_ctx *ctx)
{
    if (!ctx || ctx->closed) return;
    ctx->closed = true;
    ctx->pressure = NULL;
    ss_profile_stop(ctx);
    ss__ctx_unref(ctx);
}

const char *ss_errmsg(const ss_ctx *ctx)
{
    return ctx->msg;
}

ss_status ss_ctx_fail(ss_ctx *ctx, ss_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ctx->msg, sizeof ctx->msg, fmt, ap);
    va_end(ap);
    return s;
}

void ss_ctx_cancel(ss_ctx *ctx, int on)
{
    ctx->cancel = on;
}

bool ss_ctx_cancelled(const ss_ctx *ctx)
{
    return ctx->cancel != 0;
}

void ss_ctx_on_pressure(ss_ctx *ctx, ss_pressure_fn fn, void *ud)
{
    ctx->pressure = fn;
    ctx->pressure_ud = ud;
}

void ss_live(const ss_ctx *ctx, int64_t *tensors, int64_t *bytes)
{
    *tensors = ctx->tensors;
    *bytes = ctx->bytes;
}

double ss_flops(const ss_ctx *ctx)
{
    return ctx->flops;
}

void ss_debug_fail_alloc(ss_ctx *ctx, int64_t n)
{
    ctx->fail_alloc = n > 0 ? n : -1;
}

int64_t ss_debug_guard_faults(const ss_ctx *ctx)
{
    return ctx->guard_faults;
}

int ss_threads(int set)
{
    if (set > 0) omp_set_num_threads(set);
    return omp_get_max_threads();
}
