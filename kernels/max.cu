/* max.cu — largest element over axes. */
#include "cuda/choose.h"

SS_TWIN(max)
{
    return ss_fold_choose<true>(c, g);
}
