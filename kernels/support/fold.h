/* fold.h — a contiguous array some of whose axes are folded into one result: its axes merged into
 * groups, and how the CUDA code shares the work out. */
#ifndef SEMISAM_FOLD_H
#define SEMISAM_FOLD_H
#include "../op.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SS_FOLD_GROUPS = SS_MAX_DIM / 2 };

/* Axes merged into alternating kept and folded groups, innermost group first in each list. The
 * innermost of all is walked contiguously and stands apart. */
typedef struct ss_fold {
    int nk, nr;
    int64_t kshape[SS_FOLD_GROUPS], kstride[SS_FOLD_GROUPS];
    int64_t rshape[SS_FOLD_GROUPS], rstride[SS_FOLD_GROUPS];
    int64_t inner, kept,
        folded; /* size of the inner group; of the kept and folded ones beside it */
    bool inner_folded;
} ss_fold;

/* Whether `axis` is among dims (absent: all are). */
bool ss_folds(const ss_attr *dims, int axis);
/* The axes along which `shape` was repeated to become x's; false when it does not broadcast to it.
 */
bool ss_repeated_axes(const ss_view *x, const ss_attr *shape, ss_attr *dims);
/* All axes but the last. */
ss_attr ss_leading_axes(const ss_view *x);
/* Elements folded into one result. */
int64_t ss_fold_count(const ss_view *x, const ss_attr *dims);
/* Groups of a contiguous x. */
ss_fold ss_fold_of(const ss_view *x, const ss_attr *dims);

/* Bytes of one partial result on the device, at most. */
enum { SS_FOLD_PART = 16 };

/* Pieces each fold is cut into so that few long folds fill a device: a function of the shape
 * alone. Partial results lie in scratch, SS_FOLD_PART bytes each, when there are several. */
int64_t ss_fold_cuts(const ss_fold *f);
size_t ss_fold_scratch(const ss_view *x, const ss_attr *dims);
/* `plan_cuda` of an op that folds in[0] over attr[0]. */
ss_status ss_plan_fold(ss_call *c);
/* The same for one axis. */
ss_status ss_plan_fold_axis(ss_call *c);

#ifdef __cplusplus
}
#endif
#endif
