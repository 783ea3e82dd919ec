/* shadow.c — an acoustic shadow: behind an obstacle the echoes fade. */
#include "support/shadow.h"
#include "support/image.h"

enum { A, B, WIDTH_A, WIDTH_B, ONSET, STRENGTH, SPREAD, TILT_A, TILT_B, BEAM };

static ss_status infer(ss_call *c)
{
    const ss_attr *p = c->attr;
    if (!(p[WIDTH_A].num > 0 && p[WIDTH_B].num > 0))
        return ss_fail(c, SS_E_ARG, "width_a and width_b must be positive, got %g and %g",
                       p[WIDTH_A].num, p[WIDTH_B].num);
    if (!(p[STRENGTH].num >= 0 && p[STRENGTH].num <= 1))
        return ss_fail(c, SS_E_ARG, "strength must be in [0, 1], got %g", p[STRENGTH].num);
    if (!(p[SPREAD].num >= 0))
        return ss_fail(c, SS_E_ARG, "spread must not be negative, got %g", p[SPREAD].num);
    return ss_infer_image(c);
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const ss_attr *p = c->attr;
    const ss_shadow shadow = {p[A].num,       p[B].num,      p[WIDTH_A].num,
                              p[WIDTH_B].num, p[ONSET].num,  p[STRENGTH].num,
                              p[SPREAD].num,  p[TILT_A].num, p[TILT_B].num};
    const int beam = (int)c->attr[BEAM].v[0], first = beam == 0, second = beam == 2 ? 1 : 2;
    const int64_t row = m.size[2] * m.c;
    SS_PARALLEL_FOR (r, m.n * m.size[0] * m.size[1], row * 8) {
        const float *x = ss_in_f32(c, 0) + r * row;
        float *y = ss_out_f32(c, 0) + r * row;
        double at[3] = {(double)(r / m.size[1] % m.size[0]), (double)(r % m.size[1]), 0};
        for (int64_t i = 0; i < m.size[2]; i++) {
            at[2] = (double)i;
            const float gain = ss_shadow_left(&shadow, at[beam], at[first], at[second]);
            for (int64_t k = i * m.c; k < (i + 1) * m.c; k++) y[k] = gain * x[k];
        }
    }
    return SS_OK;
}

const ss_op SS_OP(shadow) = {
    .name = "shadow",
    .sig = "x: f32, a: number, b: number, width_a: number, width_b: number, onset: number, "
           "strength: number, spread: number = 0, tilt_a: number = 0, tilt_b: number = 0, " SS_BEAM,
    .doc =
        "Darken the image behind an obstacle: with s voxels below the depth `onset`, multiply by "
        "1 - strength * min(s/2, 1) * exp(-(da^2 + db^2) / 2), da = (position on the first other "
        "axis - a - tilt_a * s) / (width_a + spread * s), db likewise on the second (the axes in "
        "z, y, x order without the beam's). spread 0 is a column, above 0 a wedge. Depth counts "
        "voxels from the probe at index 0. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
