/* fill_.cu — every element of x := value. */
#include "cuda/fill.h"

SS_TWIN(fill_)
{
    return ss_fill_view(c, g, &c->in[0], c->attr[0].num);
}
