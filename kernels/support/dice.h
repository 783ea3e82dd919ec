/* dice.h — chunk access shared by soft_dice and its gradient. */
#ifndef SEMISAM_DICE_H
#define SEMISAM_DICE_H
#include "channel_norm.h"
#include "loss_mask.h"

/* One chunk of p, target and mask as f32 lane rows. */
typedef struct {
    const float *p, *t, *m; /* m NULL: no mask */
    int64_t pl, tl, ml;
    float pb[SS_NORM_CHUNK], tb[SS_NORM_CHUNK], mb[SS_NORM_CHUNK];
} ss_dice_chunk;

static inline void ss_dice_load(ss_dice_chunk *k, const ss_view *p, const ss_view *t,
                                const ss_view *mask, const ss_norm_part *at)
{
    k->p = ss_norm_load(p, at, k->pb, &k->pl);
    k->t = ss_norm_load(t, at, k->tb, &k->tl);
    k->m = NULL;
    if (!mask->present) return;
    k->m = k->mb;
    k->ml = at->lanes;
    for (int64_t r = 0; r < at->full + (at->tail > 0); r++) {
        const int64_t n = r < at->full ? at->lanes : at->tail;
        float *to = k->mb + r * at->lanes;
        const float *from = ss_mask_in(mask, p, at->at + r * at->ld, n, to);
        if (from != to) memcpy(to, from, (size_t)n * 4);
    }
}
#endif
