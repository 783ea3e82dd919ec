/* _grid_sample_dx.cu — adjoint of grid_sample in its volume. */
#include "cuda/spread.h"

SS_TWIN(_grid_sample_dx)
{
    return ss_spread(c, g, ss_grid_of(c, 1));
}
