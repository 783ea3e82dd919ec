/* cuda_permutation.h — scratch of permutation.cu. */
#ifndef SEMISAM_CUDA_PERMUTATION_H
#define SEMISAM_CUDA_PERMUTATION_H
#include "cuda_work.h"

typedef struct ss_permute_work {
    uint32_t *partner; /* j[i]: step i swaps places i and j[i] */
    uint32_t *first;   /* n + 1: steps with partner p are member[first[p] .. first[p + 1]) */
    uint32_t *taken, *member;
    uint32_t *source; /* the step whose place fed place i at step i; none: j[i] itself */
    uint32_t *up[2];  /* the step that fed place k before step k, jumping ever further */
    uint32_t *scan;
} ss_permute_work;

static inline ss_permute_work ss_permute_work_of(ss_arena *a, int64_t n)
{
    ss_permute_work w;
    w.partner = ss_take_words(a, n);
    w.first = ss_take_words(a, n + 1);
    w.taken = ss_take_words(a, n);
    w.member = ss_take_words(a, n);
    w.source = ss_take_words(a, n);
    for (int i = 0; i < 2; i++) w.up[i] = ss_take_words(a, n);
    w.scan = ss_take_words(a, ss_scan_words(n + 1));
    return w;
}
#endif
