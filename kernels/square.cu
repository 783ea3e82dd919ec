/* square.cu — x^2. */
#include "cuda/elementwise.h"

SS_EW1(floats, float, float, a *a)
SS_EW1(ints, int64_t, uint64_t, a *a)

SS_TWIN(square)
{
    return ss_ew_num<1, floats, ints>(c, g);
}
