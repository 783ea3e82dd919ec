/* _philox.c — raw blocks of the generator, so that its known answers can be checked. */
#include "cpu.h"
#include "support/philox.h"

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, SS_I64, 1, (int64_t[]){4});
}

static ss_status cpu(ss_call *c)
{
    uint32_t u[4];
    ss_philox_at((uint64_t)c->attr[0].v[0], (uint64_t)c->attr[1].v[0], (uint64_t)c->attr[2].v[0],
                 u);
    for (int i = 0; i < 4; i++) ((int64_t *)c->out[0].data)[i] = u[i];
    return SS_OK;
}

const ss_op SS_OP(_philox) = {
    .name = "_philox",
    .sig = "key: int, lo: int, hi: int = 0",
    .doc = "One block of Philox4x32-10 as i64[4]: four words of 32 bits for a 64-bit key and the "
           "128-bit counter (lo, hi).",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
