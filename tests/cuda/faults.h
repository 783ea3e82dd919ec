/* faults.h — kernels with a planted fault, each beside the same kernel without it. */
#ifndef SEMISAM_FAULTS_H
#define SEMISAM_FAULTS_H
#include "gpu.h"

typedef struct planted {
    const char *name;
    const char *found; /* words of the fault; NULL: the result is wrong */
    /* Queues the kernel on g; y has ROOM floats that start as i. */
    void (*run)(ss_gpu *g, bool broken, float *y);
    float (*want)(int i); /* the first 256 of y afterwards */
    bool needs_sanitizer;
} planted;

enum { ROOM = 1024 };
extern const planted faults[];
extern const int nfaults;
#endif
