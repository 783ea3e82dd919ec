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

void ss__profile_add(ss_ctx *ctx, const ss_opinfo *op, double seconds, double flops)
{
    ss_profile_row *row = &ctx->profile[op - ss_op_at(0)];
    row->calls++;
    row->seconds += seconds;
    row->flops += flops;
}
