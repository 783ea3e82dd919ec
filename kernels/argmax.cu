/* argmax.cu — where the largest element along an axis is. */
#include "cuda/choose.h"

SS_TWIN(argmax)
{
    return ss_fold_arg<true>(c, g);
}
