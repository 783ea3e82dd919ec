/* act.h — the activations of linear, for the processor and for kernels on a device. */
#ifndef SEMISAM_ACT_H
#define SEMISAM_ACT_H
#include "both.h"
#include <math.h>

typedef enum { SS_ACT_NONE, SS_ACT_GELU, SS_ACT_RELU, SS_ACT_SILU } ss_act;

SS_BOTH float ss_act_value(ss_act act, float z)
{
    switch (act) {
    case SS_ACT_GELU:
        return 0.5f * z * (1.0f + erff(z * 0.70710678f));
    case SS_ACT_RELU:
        return z < 0 ? 0.0f : z;
    case SS_ACT_SILU:
        return z / (1.0f + expf(-z));
    case SS_ACT_NONE:
        break;
    }
    return z;
}

/* The derivative at z. */
SS_BOTH float ss_act_slope(ss_act act, float z)
{
    switch (act) {
    case SS_ACT_GELU:
        return 0.5f * (1.0f + erff(z * 0.70710678f)) + z * 0.39894228f * expf(-0.5f * z * z);
    case SS_ACT_RELU:
        return z > 0 ? 1.0f : z == z ? 0.0f : z;
    case SS_ACT_SILU: {
        const float s = 1.0f / (1.0f + expf(-z));
        return s * (1.0f + z * (1.0f - s));
    }
    case SS_ACT_NONE:
        break;
    }
    return 1.0f;
}
#endif
