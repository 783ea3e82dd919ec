/* _bare.c — times oneDNN, plain copies and the tile unit on their own, for `semisam bench`. */
#include "cpu.h"
#include "support/bare.h"

static ss_status infer(ss_call *c)
{
    static const int wanted[] = {1, 6, 7, 7, 7, 2}, flags[] = {0, 3, 0, 0, 0, 1};
    static const int64_t most = (int64_t)1 << 40;
    const ss_attr *what = &c->attr[0], *size = &c->attr[1], *type = &c->attr[2];
    const int64_t repeats = c->attr[3].v[0];
    if (size->n != wanted[what->v[0]])
        return ss_fail(c, SS_E_ARG, "expected %d sizes for %s, got %d", wanted[what->v[0]],
                       what->str, size->n);
    const int positive = size->n - flags[what->v[0]]; /* the last ones are 0 or 1 */
    for (int i = 0; i < size->n; i++)
        if (size->v[i] < (i < positive) || size->v[i] > most)
            return ss_fail(c, SS_E_ARG, "expected positive sizes, got %lld", (long long)size->v[i]);
    if (type->v[0] != SS_F32 && type->v[0] != SS_BF16)
        return ss_fail(c, SS_E_DTYPE, "expected f32 or bf16, got %s",
                       ss_dtype_name((ss_dtype)type->v[0]));
    if (repeats < 1 || repeats > 1000)
        return ss_fail(c, SS_E_ARG, "expected 1 to 1000 repeats, got %lld", (long long)repeats);
    return ss_out(c, 0, SS_F32, 1, &repeats);
}

static ss_status cpu(ss_call *c)
{
    const ss_bare what = (ss_bare)c->attr[0].v[0];
    const int64_t *size = c->attr[1].v;
    const int repeats = (int)c->attr[3].v[0];
    if (what == SS_BARE_TILES)
        return ss_bare_tiles(c, size[0], size[1] != 0, repeats, ss_out_f32(c, 0));
    return ss_bare_time(c, what, (ss_dtype)c->attr[2].v[0], size, repeats, ss_out_f32(c, 0));
}

const ss_op SS_OP(_bare) = {
    .name = "_bare",
    .sig = "what: enum(copy|matmul|conv|conv_dx|conv_dw|tiles), size: ints, type: dtype = f32, "
           "repeats: int = 1",
    .doc =
        "Seconds of each run of a bare copy {bytes}, oneDNN product {m, k, n, transposed, gelu, "
        "f32 result} or 3-D convolution {n, d, h, w, in, out, k}, in oneDNN's own layouts, or of "
        "the tile unit {steps of 65536 operations on each thread, with loads}.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
