/* minimum.cu — the smaller of a and b. */
#include "cuda/elementwise.h"

SS_EW2(floats, float, float, a < b || a != a ? a : b)
SS_EW2(ints, int64_t, int64_t, a < b ? a : b)

SS_TWIN(minimum)
{
    return ss_ew_num<2, floats, ints>(c, g);
}
