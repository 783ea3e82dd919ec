/* small.cu — a few bytes from the host to the device: they travel with a kernel's arguments, so
 * that the number in `x * 2` needs no staging and no second stream. */
#include "cuda.h"
#include "small.h"
#include <string.h>

struct ss_few {
    unsigned char byte[SS_SMALL_BYTES];
};

SS_KERNEL(put_few)(unsigned char *to, ss_few from, int n)
{
    const int i = (int)threadIdx.x;
    if (i < n) to[i] = from.byte[i];
}

ss_status ss_write_small(ss_gpu *g, void *to, const void *from, size_t n)
{
    ss_few few = {};
    memcpy(few.byte, from, n);
    SS_LAUNCH(g, put_few, 1, SS_SMALL_BYTES, 0, (unsigned char *)to, few, (int)n);
    return ss_gpu_check(g, cudaGetLastError(), "writing a small tensor");
}
