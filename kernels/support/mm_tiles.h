/* mm_tiles.h — matrix products in bf16 on the tile unit (amx.h), with a frozen weight. */
#ifndef SEMISAM_MM_TILES_H
#define SEMISAM_MM_TILES_H
#include "mm.h"

/* Whether the product is for this code: the weight may be kept packed, everything is bf16 but for
 * bias and weight, and the sizes are worth it. */
bool ss_mm_tiles(const ss_call *c, const ss_mm *q);
/* Scratch bytes that ss_mm_tiles_run needs. */
size_t ss_mm_tiles_bytes(const ss_call *c, const ss_mm *q);
ss_status ss_mm_tiles_run(ss_call *c, const ss_mm *q, const void *x, const void *b, const void *r,
                          void *y, void *scratch);
#endif
