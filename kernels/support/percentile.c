/* percentile.c — exact order statistics by three histogram passes over sortable bit patterns. */
#include "mask.h"

/* Unsigned order of the result = numeric order of the floats. */
static uint32_t sortable(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static float from_sortable(uint32_t u)
{
    u = u & 0x80000000u ? u & 0x7fffffffu : ~u;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

/* The digit of `bits` width whose bin holds element *k among the keys with the given prefix; *k
 * becomes the position within the bin. */
static uint32_t digit_of(const float *x, int64_t n, int shift, int bits, uint32_t prefix,
                         int64_t *k)
{
    enum { MOST = 2048 };
    int64_t bin[MOST] = {0};
    const uint32_t mask = (1u << bits) - 1;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t u = sortable(x[i]);
        if (shift + bits == 32 || u >> (shift + bits) == prefix) bin[(u >> shift) & mask]++;
    }
    uint32_t d = 0;
    while (d < mask && *k >= bin[d]) *k -= bin[d++];
    return d;
}

float ss_kth(const float *x, int64_t n, int64_t k)
{
    uint32_t key = digit_of(x, n, 21, 11, 0, &k);
    key = key << 11 | digit_of(x, n, 10, 11, key, &k);
    key = key << 10 | digit_of(x, n, 0, 10, key, &k);
    return from_sortable(key);
}

float ss_percentile(const float *x, int64_t n, double q)
{
    if (n == 0 || q != q) return NAN;
    for (int64_t i = 0; i < n; i++)
        if (x[i] != x[i]) return NAN;
    const double at = q / 100 * (double)(n - 1);
    const int64_t k = ss_min64((int64_t)at, n - 1);
    const float lo = ss_kth(x, n, k);
    const double part = at - (double)k;
    if (part <= 0) return lo;
    const float hi = ss_kth(x, n, k + 1);
    return lo == hi ? lo : (float)((double)lo + ((double)hi - (double)lo) * part);
}
