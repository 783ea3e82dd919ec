/* all.cu — are all elements true. */
#include "cuda/choose.h"

SS_TWIN(all)
{
    const ss_fold_truth<true> how = {ss_out_ptr<uint8_t>(c, 0)};
    return ss_fold_run(c, g, &c->in[0], &c->attr[0], how, c->scratch);
}
