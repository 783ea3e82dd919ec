/* fill_small_holes.c — small regions of non-positive scores become slightly positive. */
#include "support/cuda_masks.h"
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    if (x->ndim != 4 || x->shape[3] != 1) return ss_fail(c, SS_E_SHAPE, "x must be [n, h, w, 1]");
    if (x->shape[1] * x->shape[2] > INT32_MAX - 2)
        return ss_fail(c, SS_E_SHAPE, "an image may have at most 2^31 - 3 pixels");
    if (c->attr[0].v[0] < 0)
        return ss_fail(c, SS_E_ARG, "area must not be negative, got %lld",
                       (long long)c->attr[0].v[0]);
    return ss_out_like(c, 0, x);
}

static int64_t pixels(const ss_call *c)
{
    return c->in[0].shape[1] * c->in[0].shape[2];
}

static ss_status plan(ss_call *c)
{
    const int64_t n = pixels(c);
    c->scratch_bytes = ss_components_work(n) + (size_t)n * sizeof(int32_t) + (size_t)n;
    return SS_OK;
}

/* One image. Labels fall by size, so the small regions are those from some label on. */
static void fill(ss_call *c, const float *x, float *y)
{
    const int64_t n = pixels(c), area = c->attr[0].v[0];
    int32_t *label = (int32_t *)((char *)c->scratch + ss_components_work(n));
    uint8_t *inside = (uint8_t *)(label + n);
    int32_t *size = c->scratch;
    for (int64_t i = 0; i < n; i++) inside[i] = x[i] <= 0;
    const int64_t found = ss_components(inside, 1, c->in[0].shape[1], c->in[0].shape[2], SS_CORNER,
                                        label, c->scratch);
    memset(size, 0, (size_t)(found + 1) * sizeof *size);
    for (int64_t i = 0; i < n; i++) size[label[i]]++;
    for (int64_t i = 0; i < n; i++)
        y[i] = label[i] && size[label[i]] <= area ? (float)c->attr[1].num : x[i];
}

static ss_status plan_cuda(ss_call *c)
{
    ss_arena a = {NULL, 0};
    ss_regions_of(&a, pixels(c));
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const int64_t n = pixels(c);
    if (c->in[0].count == 0) return SS_OK;
    for (int64_t k = 0; k < c->in[0].shape[0] && !ss_cancelled(c); k++)
        fill(c, (const float *)c->in[0].data + k * n, ss_out_f32(c, 0) + k * n);
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(fill_small_holes) = {
    .name = "fill_small_holes",
    .sig = "x: f32, area: int, value: number = 0.1",
    .doc = "Scores x [n, h, w, 1] in which every region of pixels <= 0 (8 neighbours, the border "
           "counts as any other pixel) of at most `area` pixels has become `value`: the hole "
           "filling of the SAM 2 video predictor.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
