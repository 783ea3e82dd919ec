/* _keep.c — x where cond equals `keep`, 0 elsewhere. */
#include "support/elementwise.h"

static void block(void *y_, const void *const *x_, const void *arg, int64_t n)
{
    const float *x = (const float *)x_[0];
    const uint8_t *cond = (const uint8_t *)x_[1], keep = *(const uint8_t *)arg;
    float *y = (float *)y_;
    SS_PRAGMA(GCC ivdep)
    for (int64_t i = 0; i < n; i++) y[i] = cond[i] == keep ? x[i] : 0.0f;
}

static ss_status cpu(ss_call *c)
{
    const uint8_t keep = c->attr[0].v[0] != 0;
    const ss_ew e = {.fn = block, .arg = &keep, .in = {SS_AS_F32, SS_AS_BOOL}};
    ss_ew_run(&e, &c->out[0], 2, c->in);
    return SS_OK;
}

const ss_op SS_OP(_keep) = {
    .name = "_keep",
    .sig = "x: float, cond: any, keep: bool = true",
    .doc = "x where the truth of cond is `keep`, 0 elsewhere, broadcast.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
