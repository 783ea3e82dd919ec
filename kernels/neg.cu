/* neg.cu — -x. */
#include "cuda/elementwise.h"

SS_EW1(floats, float, float, -a)
SS_EW1(ints, int64_t, uint64_t, 0 - a)

SS_TWIN(neg)
{
    return ss_ew_num<1, floats, ints>(c, g);
}
