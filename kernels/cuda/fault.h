/* fault.h — inputs whose contents turn out wrong on the device, such as an index outside an axis.
 *
 * A twin cannot wait for what a kernel finds. It queues a check (check.h) before its own kernels,
 * which keep away from the places a bad value names; the first fault is kept on the device and
 * becomes the error of the next read or wait. */
#ifndef SEMISAM_CUDA_FAULT_H
#define SEMISAM_CUDA_FAULT_H
#include "gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* On the device. `place` and `blocks` serve the check that is running. */
typedef struct ss_fault {
    unsigned long long place; /* first bad entry, ~0 while there is none */
    unsigned blocks;          /* how many have finished */
    unsigned check;           /* number of the first check that found something; 0: none */
    int64_t at;               /* its first bad entry, row-major */
    int64_t value;            /* and what stands there; a float's bits */
} ss_fault;

/* What a check expected, kept on the host until it can be told. */
typedef struct ss_expected {
    unsigned check;
    const char *op;
    const char *what; /* "index", "q" */
    ss_dtype type;    /* of the entries */
    int ndim;
    int64_t shape[SS_MAX_DIM];
    double lo, hi; /* allowed, both included */
    bool ignores;  /* and `ignore` too */
    int64_t ignore;
} ss_expected;

ss_status ss_faults_open(ss_gpu *g);
void ss_faults_close(ss_gpu *g);
/* The number of a new check of `v`, and where its kernel reports. */
unsigned ss_faults_expect(ss_gpu *g, const ss_call *c, const ss_view *v, const char *what,
                          double lo, double hi, ss_fault **on_device);
/* The check that was just numbered allows one more value, which v's op calls `ignore`. */
void ss_faults_ignore(ss_gpu *g, unsigned check, int64_t ignore);
/* After the stream was waited for: E_ARG with the sentence when a check failed since the last
 * look. */
ss_status ss_faults_look(ss_gpu *g);

#ifdef __cplusplus
}
#endif
#endif
