/* _div_db.cu — gradient of y = a / b to b: -dy y / b. */
#include "cuda/elementwise.h"

SS_EW3(block, float, float, -a *b / c)

SS_TWIN(_div_db)
{
    return ss_ew_f32<3, block>(c, g);
}
