/* argmin.cu — where the smallest element along an axis is. */
#include "cuda/choose.h"

SS_TWIN(argmin)
{
    return ss_fold_arg<false>(c, g);
}
