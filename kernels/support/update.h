/* update.h — shape rule of the in-place update ops: every given tensor is like the first. */
#ifndef SEMISAM_UPDATE_H
#define SEMISAM_UPDATE_H
#include "loss_mask.h"

static inline ss_status ss_update_infer(ss_call *c, const char *const *names)
{
    for (int i = 1; i < c->nin; i++)
        if (c->in[i].present && !ss_same_shape(&c->in[0], &c->in[i]))
            return ss_fail(c, SS_E_SHAPE, "%s and %s must have the same shape", names[0], names[i]);
    return SS_OK;
}
#endif
