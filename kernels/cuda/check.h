/* check.h — the contents of an input, looked at on the device (fault.h). */
#ifndef SEMISAM_CUDA_CHECK_H
#define SEMISAM_CUDA_CHECK_H
#include "fault.h"
#include "number.h"

SS_DEVICE bool ss_in_range(const void *p, ss_dtype t, int64_t i, double lo, double hi)
{
    if (t == SS_F32 || t == SS_F16 || t == SS_BF16) {
        const double v = (double)ss_load(p, t, i);
        return v >= lo && v <= hi;
    }
    int64_t v;
    ss_read(&v, p, t, i);
    return v >= (int64_t)lo && v <= (int64_t)hi;
}

/* A value outside the range that is allowed all the same. */
struct ss_allowed {
    bool any;
    int64_t value;
};

/* The first entry of p[0..n) outside lo..hi. The last block to finish keeps it unless an earlier
 * check found something, and leaves the fault ready for the next check. */
SS_KERNEL(ss_check_kernel)
(const void *p, ss_dtype t, int64_t n, double lo, double hi, ss_allowed also, unsigned check,
 ss_fault *f)
{
    unsigned long long bad = ~0ull;
    SS_EACH (i, n) {
        if (bad != ~0ull || ss_in_range(p, t, i, lo, hi)) continue;
        if (also.any && ss_in_range(p, t, i, (double)also.value, (double)also.value)) continue;
        bad = (unsigned long long)i;
    }
    if (bad != ~0ull) atomicMin(&f->place, bad);
    __threadfence();
    __syncthreads();
    if (threadIdx.x > 0 || atomicAdd(&f->blocks, 1u) + 1 < gridDim.x) return;
    __threadfence();
    const unsigned long long first = atomicExch(&f->place, ~0ull);
    f->blocks = 0;
    if (first == ~0ull || f->check) return;
    f->check = check;
    f->at = (int64_t)first;
    if (t == SS_F32 || t == SS_F16 || t == SS_BF16)
        f->value = (int64_t)__float_as_uint(ss_load(p, t, (int64_t)first));
    else
        ss_read(&f->value, p, t, (int64_t)first);
}

static inline void ss_check_run(ss_call *c, ss_gpu *g, const ss_view *v, const char *what,
                                double lo, double hi, ss_allowed also)
{
    ss_fault *f;
    if (v->count == 0) return;
    const unsigned check = ss_faults_expect(g, c, v, what, lo, hi, &f);
    if (also.any) ss_faults_ignore(g, check, also.value);
    SS_LAUNCH(g, ss_check_kernel, ss_grid(g, v->count), SS_BLOCK, 0, v->data, v->dtype, v->count,
              lo, hi, also, check, f);
}
/* ss_check_range() — queues the check that every entry of a contiguous v lies in lo..hi (whole
 * numbers below 2^53 for integers). A bad entry becomes the error of the next read or wait. */
static inline void ss_check_range(ss_call *c, ss_gpu *g, const ss_view *v, const char *what,
                                  double lo, double hi)
{
    const ss_allowed none = {false, 0};
    ss_check_run(c, g, v, what, lo, hi, none);
}
/* ss_check_labels() — the same for integer classes 0..classes-1, or `ignore`. */
static inline void ss_check_labels(ss_call *c, ss_gpu *g, const ss_view *v, const char *what,
                                   int64_t classes, int64_t ignore)
{
    const ss_allowed also = {true, ignore};
    ss_check_run(c, g, v, what, 0, (double)(classes - 1), also);
}
/* ss_check_index() — the same for places of an axis of n, which count from 0. */
static inline void ss_check_index(ss_call *c, ss_gpu *g, const ss_view *index, int64_t n)
{
    ss_check_range(c, g, index, "index", 0, (double)(n - 1));
}
#endif
