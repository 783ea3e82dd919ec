/* libs.c — cuBLASLt and cuDNN, loaded when first wanted. */
#include "libs.h"
#include <stdlib.h>

void ss_libs_close(ss_gpu *g)
{
    free(g->libs);
    g->libs = NULL;
}
