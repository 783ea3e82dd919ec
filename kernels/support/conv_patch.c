/* conv_patch.c — convolutions whose kernels do not overlap, as a patch embedding's: x is brought
 * into rows, one a position, and the rest is a matrix product. oneDNN pads few input channels to a
 * whole vector instead: with one channel in bf16 it took 14 times as long forward and 300 times
 * for the weight gradient. */
#include "conv_patch.h"
#include "../cpu.h"

enum { CHANNELS = 4, VOLUME = 64, ALIGN = 64 };

bool ss_conv_patches(const ss_conv *q, ss_conv_result result)
{
    if (result == SS_CONV_X || q->groups != 1 || q->c > CHANNELS) return false;
    for (int i = 0; i < 3; i++)
        if (q->step[i] != q->k[i] || q->pad[i] != 0 || q->dilation[i] != 1) return false;
    return ss_conv_volume(q->k) >= VOLUME;
}

static int64_t positions(const ss_conv *q)
{
    return q->n * ss_conv_volume(q->y);
}

static int64_t width(const ss_conv *q)
{
    return q->c * ss_conv_volume(q->k);
}

size_t ss_conv_patch_bytes(const ss_conv *q, ss_dtype t)
{
    const size_t bytes = (size_t)(positions(q) * width(q)) * ss_dtype_bytes(t);
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* n elements that lie `step` apart. */
static void take(void *to, const void *from, int64_t n, int64_t step, size_t size)
{
    if (step == 1) {
        memcpy(to, from, (size_t)n * size);
    } else if (size == 2) {
        for (int64_t i = 0; i < n; i++) ((uint16_t *)to)[i] = ((const uint16_t *)from)[i * step];
    } else {
        for (int64_t i = 0; i < n; i++) ((uint32_t *)to)[i] = ((const uint32_t *)from)[i * step];
    }
}

/* Rows [positions, width] in the order of w's axes. */
static void rows(const ss_conv *q, const ss_view *x, char *to)
{
    const size_t size = ss_dtype_bytes(x->dtype);
    const int64_t wide = width(q), *k = q->k;
    SS_PARALLEL_FOR (line, q->n * q->y[0] * q->y[1], q->y[2] * wide) {
        const int64_t n = line / (q->y[0] * q->y[1]), h = line % q->y[1];
        const int64_t d = line / q->y[1] % q->y[0];
        char *at = to + (size_t)(line * q->y[2] * wide) * size;
        for (int64_t w = 0; w < q->y[2]; w++)
            for (int64_t c = 0; c < q->c; c++)
                for (int64_t i = 0; i < k[0] * k[1]; i++, at += (size_t)k[2] * size) {
                    const int64_t z = n * q->x[0] + d * k[0] + i / k[1];
                    const int64_t y = z * q->x[1] + h * k[1] + i % k[1];
                    const int64_t from = (y * q->x[2] + w * k[2]) * q->c + c;
                    take(at, (const char *)x->data + (size_t)from * size, k[2], q->c, size);
                }
    }
}

void ss_conv_patch_product(const ss_conv *q, const ss_conv_args *a, ss_dtype compute, ss_mm *m)
{
    *m = (ss_mm){.batch = 1, .compute = compute};
    if (a->result == SS_CONV_W) { /* y^T rows */
        m->m = q->o;
        m->k = positions(q);
        m->n = width(q);
        m->x_transposed = true;
        m->x_type = a->y->dtype;
        m->w_type = a->x->dtype;
        m->y_type = a->w->dtype;
        return;
    }
    m->m = positions(q);
    m->k = width(q);
    m->n = q->o;
    m->w_transposed = m->w_parameter = true;
    m->x_type = a->x->dtype;
    m->w_type = a->w->dtype;
    m->y_type = a->y->dtype;
    m->w = a->w;
    m->bias = a->b && a->b->present;
    m->b_type = m->bias ? a->b->dtype : SS_F32;
}

ss_status ss_conv_patch_run(ss_call *c, const ss_conv *q, const ss_conv_args *a, const ss_mm *m,
                            void *scratch)
{
    char *product = (char *)scratch + ss_conv_patch_bytes(q, a->x->dtype);
    rows(q, a->x, scratch);
    if (a->result == SS_CONV_W)
        return ss_mm_run(c, m, a->y->data, scratch, NULL, NULL, a->w->data, product);
    return ss_mm_run(c, m, scratch, a->w->data, m->bias ? a->b->data : NULL, NULL, a->y->data,
                     product);
}
