/* ne.cu — where a differs from b. */
#include "cuda/elementwise.h"

SS_EW2(floats, uint8_t, float, a != b)
SS_EW2(ints, uint8_t, int64_t, a != b)

SS_TWIN(ne)
{
    return ss_ew_compare<floats, ints>(c, g);
}
