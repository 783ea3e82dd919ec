/* power.h — blocks of powers, shared by pow and its gradients. */
#ifndef SEMISAM_POWER_H
#define SEMISAM_POWER_H
#include "elementwise.h"
#include "vecmath.h"

/* y = a^b with C's special cases. A block with one common exponent of 1, 2, 3, 1/2 or -1 is a
 * product, a root or a quotient. y differs from a and b. */
static inline void ss_pow_block(float *restrict y, const float *a, const float *b, int64_t n)
{
    const float e = n ? b[0] : 0;
    int same = 1, special = 0;
    for (int64_t i = 0; i < n; i++) same &= b[i] == e;
    if (same && e == 1.0f) {
        memcpy(y, a, (size_t)n * 4);
    } else if (same && e == 2.0f) {
        for (int64_t i = 0; i < n; i++) y[i] = a[i] * a[i];
    } else if (same && e == 3.0f) {
        for (int64_t i = 0; i < n; i++) y[i] = a[i] * a[i] * a[i];
    } else if (same && e == -1.0f) {
        for (int64_t i = 0; i < n; i++) y[i] = 1.0f / a[i];
    } else if (same && e == 0.5f) { /* pow(-inf, 1/2) = inf, pow(-0, 1/2) = 0 */
        for (int64_t i = 0; i < n; i++) y[i] = a[i] == -INFINITY ? INFINITY : sqrtf(a[i]) + 0.0f;
    } else {
        for (int64_t i = 0; i < n; i++) {
            y[i] = ss_pow_finitef(a[i], b[i]);
            special |= a[i] == 0 || !(fabsf(a[i]) < INFINITY) || !(fabsf(b[i]) < INFINITY);
        }
        for (int64_t i = 0; special && i < n; i++)
            if (a[i] == 0 || !(fabsf(a[i]) < INFINITY) || !(fabsf(b[i]) < INFINITY))
                y[i] = powf(a[i], b[i]);
    }
}
#endif
