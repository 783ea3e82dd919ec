/* sub.cu — a - b. */
#include "cuda/elementwise.h"

SS_EW2(floats, float, float, a - b)
SS_EW2(ints, int64_t, uint64_t, a - b)

SS_TWIN(sub)
{
    return ss_ew_num<2, floats, ints>(c, g);
}
