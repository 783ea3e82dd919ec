/* one_hot.cu — class labels as indicator vectors. */
#include "cuda/check.h"
#include "cuda/index.h"

SS_KERNEL(mark)(float *y, const void *x, ss_dtype type, int64_t n, int64_t classes)
{
    SS_EACH (i, n * classes) {
        int64_t place, row = ss_split(i, classes, &place);
        y[i] = ss_index_at(x, type, row) == place ? 1.0f : 0.0f;
    }
}

SS_TWIN(one_hot)
{
    const ss_view *x = &c->in[0];
    const int64_t classes = c->attr[0].v[0];
    if (x->count == 0) return SS_OK;
    ss_check_index(c, g, x, classes);
    SS_LAUNCH(g, mark, ss_grid(g, x->count * classes), SS_BLOCK, 0, ss_out_ptr<float>(c, 0),
              x->data, x->dtype, x->count, classes);
    return ss_launched(c, g);
}
