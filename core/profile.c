/* profile.c — where the time goes: calls, seconds and arithmetic by operation. */
#include "core.h"
#include <stdlib.h>
#include <time.h>

double ss__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

ss_status ss_profile_start(ss_ctx *ctx)
{
    ss_profile_row *rows = calloc((size_t)ss_op_count() + 1, sizeof *rows);
    if (!rows) return ss_ctx_fail(ctx, SS_E_NOMEM, "profile: out of memory");
    ss_profile_stop(ctx);
    for (int i = 0; i < SS_DEVICES; i++) { /* what was asked before is not the first call's */
        const ss_status s = ctx->dev[i].gpu ? ss_wait(ctx, ctx->dev[i].name) : SS_OK;
        if (s) {
            free(rows);
            return s;
        }
    }
    ctx->profile = rows;
    return SS_OK;
}

void ss_profile_stop(ss_ctx *ctx)
{
    free(ctx->profile);
    ctx->profile = NULL;
}

const ss_profile_row *ss_profile_at(const ss_ctx *ctx, int i)
{
    return ctx->profile && i >= 0 && i < ss_op_count() ? &ctx->profile[i] : NULL;
}

ss_status ss_profile_pace(ss_ctx *ctx, const ss_pace *pace)
{
    ctx->pace = pace ? *pace : (ss_pace){0};
    if (!pace || (pace->flops_f32 > 0 && pace->flops_f16 > 0 && pace->bytes > 0)) return SS_OK;
    ctx->pace = (ss_pace){0};
    return ss_ctx_fail(ctx, SS_E_ARG, "pace: rates must be above 0");
}

static double bytes_of(const ss_call *c)
{
    double n = 0;
    for (int i = 0; i < c->nin; i++)
        if (c->in[i].present) n += (double)c->in[i].count * (double)ss_dtype_bytes(c->in[i].dtype);
    for (int k = 0; k < c->nout; k++)
        n += (double)c->out[k].count * (double)ss_dtype_bytes(c->out[k].dtype);
    return c->nout ? n : 1.5 * n; /* in place: what is written was read */
}

static double modelled(const ss_pace *p, const ss_call *c, double flops, double bytes)
{
    const bool half = c->nin && ss_is_float(c->in[0].dtype) && c->in[0].dtype != SS_F32;
    const double work = flops / (half ? p->flops_f16 : p->flops_f32), traffic = bytes / p->bytes;
    return (work > traffic ? work : traffic) + p->launch;
}

void ss__profile_add(ss_device *d, const ss_opinfo *op, const ss_call *c, double seconds,
                     double asked, double flops)
{
    ss_profile_row *row = &d->ctx->profile[op - ss_op_at(0)];
    const double bytes = bytes_of(c);
    row->calls++;
    if (d->ctx->pace.bytes > 0) /* what the host does beside it is not part of the model */
        row->seconds += d->computes ? 0 : modelled(&d->ctx->pace, c, flops, bytes);
    else
        row->seconds += seconds, row->asked += asked;
    row->flops += flops;
    row->bytes += bytes;
}
