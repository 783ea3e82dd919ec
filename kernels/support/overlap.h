/* overlap.h — whether two views share bytes. */
#ifndef SEMISAM_OVERLAP_H
#define SEMISAM_OVERLAP_H
#include "../op.h"

#ifdef __cplusplus
extern "C" {
#endif
/* a and b share bytes without being the same view: writing one would change the other. */
bool ss_overlaps(const ss_view *a, const ss_view *b);
#ifdef __cplusplus
}
#endif
#endif
