/* fill_.c — every element of x := value. */
#include "support/strided.h"

static ss_status cpu(ss_call *c)
{
    const ss_attr *value = &c->attr[0];
    if (ss_is_float(c->in[0].dtype)) {
        float v = (float)value->num;
        const ss_view one = ss_view_of(&v, SS_F32, 0, NULL);
        ss_copy_view(&c->in[0], &one);
    } else {
        int64_t v = ss_nearest_i64(value->num);
        if (c->in[0].dtype == SS_BOOL) v = value->num != 0;
        const ss_view one = ss_view_of(&v, SS_I64, 0, NULL);
        ss_copy_view(&c->in[0], &one);
    }
    return SS_OK;
}

const ss_op SS_OP(fill_) = {
    .name = "fill_",
    .sig = "x: any, value: number",
    .doc = "Overwrite every element of x with value.",
    .infer = ss_infer_inplace,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_INPLACE,
};
