/* any.cu — is any element true. */
#include "cuda/choose.h"

SS_TWIN(any)
{
    const ss_fold_truth<false> how = {ss_out_ptr<uint8_t>(c, 0)};
    return ss_fold_run(c, g, &c->in[0], &c->attr[0], how, c->scratch);
}
