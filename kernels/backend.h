/* backend.h — what a compute module offers to core: the memory of a device, ordered copies, and a
 * twin of each op.
 *
 * A module is a shared object that exports ss_backend_get() alone. core loads it at run time, so
 * that one program serves machines with and without a GPU. All work of a device is ordered: a twin,
 * a write, a copy and a read see everything asked for before them. */
#ifndef SEMISAM_BACKEND_H
#define SEMISAM_BACKEND_H
#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SS_BACKEND_ABI = 2 }; /* raised with every change of this file or of op.h */

typedef struct ss_gpu ss_gpu; /* an opened device; belongs to the module */

/* The code of one op on the device. `run` only queues work: it neither allocates nor waits. Inputs,
 * outputs and scratch (ss_op.plan_cuda) are device memory; everything else is as for ss_op.cpu. */
typedef struct ss_twin {
    const char *name;
    ss_status (*run)(ss_call *c, ss_gpu *g);
} ss_twin;

typedef struct ss_gpu_info {
    char name[96];
    int capability; /* 70 for sm_70 */
    int multiprocessors;
    size_t bytes; /* memory of the device */
    size_t free_bytes;
} ss_gpu_info;

typedef struct ss_backend {
    unsigned abi;      /* SS_BACKEND_ABI */
    const char *build; /* what it was compiled for, for `doctor` */
    /* Devices that can be opened. 0: `why` (of n bytes) says why there are none. */
    int (*count)(char *why, size_t n);
    ss_gpu *(*open)(int index, char *why, size_t n); /* NULL: `why` says it */
    void (*close)(ss_gpu *g);                        /* waits, then gives everything back */
    void (*select)(ss_gpu *g); /* twins run for g from now on; before any of them */
    void (*info)(ss_gpu *g, ss_gpu_info *out);
    void *(*alloc)(ss_gpu *g, size_t bytes); /* NULL: there is no room */
    void (*release)(ss_gpu *g, void *p);
    /* Host to device; `from` may be changed as soon as it returns. */
    ss_status (*write)(ss_gpu *g, void *to, const void *from, size_t bytes);
    ss_status (*read)(ss_gpu *g, void *to, const void *from, size_t bytes); /* waits for it */
    ss_status (*copy)(ss_gpu *g, void *to, const void *from, size_t bytes); /* on the device */
    ss_status (*wait)(ss_gpu *g);                                           /* for everything */
    const char *(*error)(ss_gpu *g); /* sentence of the last failure */
    int ntwin;
    const ss_twin *const *twin; /* by name, ascending */
} ss_backend;

const ss_backend *ss_backend_get(void);

#ifdef __cplusplus
}
#endif
#endif
