/* min.cu — smallest element over axes. */
#include "cuda/choose.h"

SS_TWIN(min)
{
    return ss_fold_choose<false>(c, g);
}
