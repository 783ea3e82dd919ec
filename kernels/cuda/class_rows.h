/* class_rows.h — integer class labels on the device. */
#ifndef SEMISAM_CUDA_CLASS_ROWS_H
#define SEMISAM_CUDA_CLASS_ROWS_H
#include "number.h"
#include "rows.h"

enum { SS_CLASS_NONE = -1, SS_CLASS_WRONG = -2 };

/* Class of position r: SS_CLASS_NONE where it is to be ignored, SS_CLASS_WRONG outside
 * [0, classes). */
SS_DEVICE int64_t ss_class_at(const ss_view &target, int64_t r, int64_t ignore, int64_t classes)
{
    int64_t k;
    ss_read(&k, target.data, target.dtype, r);
    if (k == ignore) return SS_CLASS_NONE;
    return k >= 0 && k < classes ? k : (int64_t)SS_CLASS_WRONG;
}
#endif
