/* copy_.cu — x := y in place. */
#include "cuda/copy.h"
#include "support/overlap.h"

SS_TWIN(copy_)
{
    const ss_view *x = &c->in[0], *y = &c->in[1];
    if (ss_overlaps(x, y))
        return ss_fail(c, SS_E_ARG, "x and y are different parts of the same memory");
    if (x->data == y->data && x->dtype == y->dtype) return SS_OK; /* onto itself */
    return ss_copy_view(c, g, x, y);
}
