/* full.c — a new tensor, every element the same. */
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, (ss_dtype)c->attr[2].v[0], c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    double v = c->attr[1].num;
    float f = (float)v;
    int64_t i = c->out[0].dtype == SS_BOOL ? v != 0 : ss_nearest_i64(v);
    const ss_view one = ss_is_float(c->out[0].dtype) ? ss_view_of(&f, SS_F32, 0, NULL)
                                                     : ss_view_of(&i, SS_I64, 0, NULL);
    ss_copy_view(&c->out[0], &one);
    return SS_OK;
}

const ss_op SS_OP(full) = {
    .name = "full",
    .sig = "shape: shape, value: number, dtype: dtype = f32",
    .doc = "A new tensor of this shape, every element equal to value.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
