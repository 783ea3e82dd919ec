/* bare.h — oneDNN, memory copies and the tile unit without the engine around them: what the ops are
 * held against by `semisam bench ops`. */
#ifndef SEMISAM_BARE_H
#define SEMISAM_BARE_H
#include "../op.h"

typedef enum {
    SS_BARE_COPY,
    SS_BARE_MATMUL,
    SS_BARE_CONV,
    SS_BARE_CONV_DX,
    SS_BARE_CONV_DW,
    SS_BARE_TILES
} ss_bare;

/* ss_bare_time() — seconds of each of `repeats` runs, after one that is not counted. `type` is
 * SS_F32 or SS_BF16. oneDNN chooses every layout; weights are in its layout beforehand.
 *   copy    size = {bytes}
 *   matmul  size = {m, k, n, x transposed, gelu, f32 result}: with bias unless x is transposed
 *   conv..  size = {n, d, h, w, in, out, k}: stride 1, pad k / 2, with bias */
ss_status ss_bare_time(ss_call *c, ss_bare what, ss_dtype type, const int64_t *size, int repeats,
                       float *seconds);

/* ss_bare_tiles() — the same of the tile unit: on every thread `steps` times four products of tiles
 * (65536 operations), with `loads` four loads from the first cache among them. SS_E_STATE where
 * there is none. */
ss_status ss_bare_tiles(ss_call *c, int64_t steps, bool loads, int repeats, float *seconds);
#endif
