/* abs.cu — |x|. */
#include "cuda/elementwise.h"

SS_EW1(floats, float, float, fabsf(a))
SS_EW1(ints, int64_t, int64_t, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)

SS_TWIN(abs)
{
    return ss_ew_num<1, floats, ints>(c, g);
}
