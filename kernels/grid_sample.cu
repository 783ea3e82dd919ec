/* grid_sample.cu — read a volume at given positions. */
#include "cuda/sample.h"

SS_TWIN(grid_sample)
{
    return ss_sample(c, g, ss_grid_of(c, 1), 0);
}
