/* where.cu — a where cond is true, b elsewhere. */
#include "cuda/elementwise.h"

SS_EW_IF(floats, float, a ? b : c)
SS_EW_IF(ints, int64_t, a ? b : c)

SS_TWIN(where)
{
    return ss_ew_num<3, floats, ints>(c, g);
}
