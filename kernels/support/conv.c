/* conv.c — geometry and checks of convolutions, and their way through oneDNN. */
#include "conv.h"
#include "../cpu.h"
#include "conv_patch.h"

static const char axis_name[3] = {'d', 'h', 'w'};

ss_status ss_conv_attrs(ss_call *c, ss_conv *q, int nd, int at)
{
    const ss_attr *a = c->attr + at;
    *q = (ss_conv){.nd = nd, .groups = a[3].v[0]};
    for (int i = 0; i < 3; i++) {
        const int k = i - (3 - nd);
        q->x[i] = q->y[i] = q->k[i] = 1;
        q->step[i] = k < 0 ? 1 : a[0].v[k];
        q->pad[i] = k < 0 ? 0 : a[1].v[k];
        q->dilation[i] = k < 0 ? 1 : a[2].v[k];
        if (q->step[i] < 1 || q->pad[i] < 0 || q->dilation[i] < 1)
            return ss_fail(c, SS_E_ARG,
                           "expected stride and dilation of at least 1 and pad of at least 0, got "
                           "stride %lld, pad %lld, dilation %lld along %c",
                           (long long)q->step[i], (long long)q->pad[i], (long long)q->dilation[i],
                           axis_name[i]);
    }
    if (q->groups < 1)
        return ss_fail(c, SS_E_ARG, "expected at least 1 group, got %lld", (long long)q->groups);
    return SS_OK;
}

static ss_status check_rank(ss_call *c, const ss_conv *q, const ss_view *v, const char *name)
{
    if (v->ndim == q->nd + 2) return SS_OK;
    return ss_fail(c, SS_E_SHAPE, "expected %s with %d axes %s, got %d", name, q->nd + 2,
                   name[0] == 'w' ? "[out, in/groups, kernel..]"
                   : q->nd == 3   ? "[n, d, h, w, channels]"
                                  : "[n, h, w, channels]",
                   v->ndim);
}

static void sizes(const ss_conv *q, const ss_view *v, int first, int64_t out[3])
{
    for (int i = 3 - q->nd; i < 3; i++) out[i] = v->shape[first + i - (3 - q->nd)];
}

/* w against the channels of `v` (x or y of the convolution) that it reads from. */
static ss_status take_weight(ss_call *c, ss_conv *q, const ss_view *w)
{
    ss_status st = check_rank(c, q, w, "weight");
    if (st) return st;
    sizes(q, w, 2, q->k);
    q->o = w->shape[0];
    q->c = w->shape[1] * q->groups;
    for (int i = 0; i < 3; i++)
        if (q->k[i] < 1)
            return ss_fail(c, SS_E_SHAPE, "expected a kernel of at least 1 along %c, got %lld",
                           axis_name[i], (long long)q->k[i]);
    if (q->o % q->groups)
        return ss_fail(c, SS_E_SHAPE, "expected weight axis 1 divisible by %lld groups, got %lld",
                       (long long)q->groups, (long long)q->o);
    return SS_OK;
}

static ss_status take_bias(ss_call *c, const ss_view *b, int64_t channels)
{
    if (!b || !b->present || (b->ndim == 1 && b->shape[0] == channels)) return SS_OK;
    return ss_fail(c, SS_E_SHAPE, "expected bias of %lld values on one axis", (long long)channels);
}

static int64_t reach(const ss_conv *q, int i) /* positions that one kernel spans */
{
    return q->dilation[i] * (q->k[i] - 1) + 1;
}

ss_status ss_conv_forward(ss_call *c, ss_conv *q, const ss_view *x, const ss_view *w,
                          const ss_view *b)
{
    ss_status st = check_rank(c, q, x, "x");
    if (!st) st = take_weight(c, q, w);
    if (!st) st = take_bias(c, b, q->o);
    if (st) return st;
    q->n = x->shape[0];
    if (x->shape[q->nd + 1] != q->c)
        return ss_fail(c, SS_E_SHAPE,
                       "expected x with %lld channels on its last axis (weight axis 2 times %lld "
                       "groups), got %lld",
                       (long long)q->c, (long long)q->groups, (long long)x->shape[q->nd + 1]);
    sizes(q, x, 1, q->x);
    for (int i = 0; i < 3; i++) {
        const int64_t room = q->x[i] + 2 * q->pad[i] - reach(q, i);
        if (room < 0)
            return ss_fail(
                c, SS_E_SHAPE, "kernel spans %lld positions along %c but x with padding has %lld",
                (long long)reach(q, i), axis_name[i], (long long)(q->x[i] + 2 * q->pad[i]));
        q->y[i] = room / q->step[i] + 1;
    }
    return SS_OK;
}

ss_status ss_conv_backward(ss_call *c, ss_conv *q, const ss_view *y, const ss_view *w,
                           const ss_view *b, const int64_t extra[3])
{
    ss_status st = check_rank(c, q, y, "x");
    if (!st) st = take_weight(c, q, w);
    if (!st) st = take_bias(c, b, q->c);
    if (st) return st;
    q->n = y->shape[0];
    if (y->shape[q->nd + 1] != q->o)
        return ss_fail(c, SS_E_SHAPE,
                       "expected x with %lld channels on its last axis (weight axis 1), got %lld",
                       (long long)q->o, (long long)y->shape[q->nd + 1]);
    sizes(q, y, 1, q->y);
    for (int i = 0; i < 3; i++) {
        if (extra[i] < 0 || (extra[i] && extra[i] >= ss_max64(q->step[i], q->dilation[i])))
            return ss_fail(c, SS_E_ARG,
                           "expected output_pad below stride or dilation, got %lld along %c",
                           (long long)extra[i], axis_name[i]);
        q->x[i] = (q->y[i] - 1) * q->step[i] - 2 * q->pad[i] + reach(q, i) + extra[i];
        if (q->y[i] == 0) q->x[i] = 0;
        if (q->x[i] < 0 || (q->x[i] == 0 && q->y[i] > 0))
            return ss_fail(c, SS_E_SHAPE, "result would have size %lld along %c",
                           (long long)q->x[i], axis_name[i]);
    }
    return SS_OK;
}

ss_status ss_conv_between(ss_call *c, ss_conv *q, const ss_view *x, const ss_view *y,
                          const int64_t *kernel)
{
    ss_status st = check_rank(c, q, x, "x");
    if (!st) st = check_rank(c, q, y, "dy");
    if (st) return st;
    q->n = x->shape[0];
    q->c = x->shape[q->nd + 1];
    q->o = y->shape[q->nd + 1];
    sizes(q, x, 1, q->x);
    sizes(q, y, 1, q->y);
    for (int i = 0; i < 3; i++) {
        const int k = i - (3 - q->nd);
        if (k >= 0) q->k[i] = kernel[k];
        const int64_t room = q->x[i] + 2 * q->pad[i] - reach(q, i);
        if (room < 0 || q->y[i] != room / q->step[i] + 1)
            return ss_fail(c, SS_E_SHAPE, "expected dy of size %lld along %c, got %lld",
                           (long long)(room < 0 ? 0 : room / q->step[i] + 1), axis_name[i],
                           (long long)q->y[i]);
    }
    if (y->shape[0] != q->n || q->c % q->groups || q->o % q->groups)
        return ss_fail(c, SS_E_SHAPE,
                       "expected the same n in x and dy and channels divisible by "
                       "%lld groups",
                       (long long)q->groups);
    return SS_OK;
}

int ss_conv_shape(const ss_conv *q, ss_conv_result which, int64_t shape[SS_MAX_DIM])
{
    int n = 0;
    if (which == SS_CONV_W) {
        shape[n++] = q->o;
        shape[n++] = q->c / q->groups;
        for (int i = 3 - q->nd; i < 3; i++) shape[n++] = q->k[i];
        return n;
    }
    shape[n++] = q->n;
    for (int i = 3 - q->nd; i < 3; i++) shape[n++] = which == SS_CONV_X ? q->x[i] : q->y[i];
    shape[n++] = which == SS_CONV_X ? q->c : q->o;
    return n;
}

double ss_conv_flops(const ss_conv *q)
{
    return 2.0 * (double)q->n * (double)ss_conv_volume(q->y) * (double)q->o *
           (double)(q->c / q->groups) * (double)ss_conv_volume(q->k);
}

/* ---- through oneDNN -------------------------------------------------------- */

static bool empty(const ss_conv *q)
{
    return q->n * ss_conv_volume(q->x) * q->c == 0 || q->n * ss_conv_volume(q->y) * q->o == 0;
}

static bool has(const ss_view *b)
{
    return b && b->present;
}

static ss_dtype compute_of(const ss_conv_args *a)
{
    const ss_dtype t = a->result == SS_CONV_X ? a->y->dtype : a->x->dtype;
    if (a->result == SS_CONV_W && a->y->dtype != t) return SS_F32;
    return ss_dnn_compute(t);
}

/* A channels-last tensor in oneDNN's order (n, c, size..). */
static void channels_last(ss_dnn_desc *d, ss_dnn_slot s, ss_dtype t, const ss_conv *q, int64_t c,
                          const int64_t size[3])
{
    int64_t dims[5] = {q->n, c}, step = c;
    for (int i = 0; i < q->nd; i++) dims[2 + i] = size[i + 3 - q->nd];
    ss_dnn_memory(d, s, t, q->nd + 2, dims);
    d->stride[s][1] = 1;
    for (int i = q->nd + 1; i >= 2; i--) {
        d->stride[s][i] = step;
        step *= dims[i];
    }
    d->stride[s][0] = step;
}

/* oneDNN's data gradient has no bias: a transposed convolution adds it afterwards. */
static ss_status prepare(ss_call *c, const ss_conv *q, const ss_conv_args *a, ss_dnn **p)
{
    static const ss_dnn_kind kinds[] = {SS_DNN_CONV, SS_DNN_CONV_DX, SS_DNN_CONV_DW};
    ss_dnn_desc d;
    *p = NULL;
    if (empty(q)) return SS_OK;
    memset(&d, 0, sizeof d);
    d.kind = kinds[a->result];
    d.compute = (int32_t)compute_of(a);
    d.repack = 1;
    channels_last(&d, SS_DNN_X, a->x->dtype, q, q->c, q->x);
    channels_last(&d, SS_DNN_Y, a->y->dtype, q, q->o, q->y);
    int64_t w[6] = {q->groups, q->o / q->groups, q->c / q->groups};
    for (int i = 0; i < q->nd; i++) w[3 + i] = q->k[i + 3 - q->nd];
    const int skip = q->groups == 1;
    ss_dnn_memory(&d, SS_DNN_W, a->w->dtype, q->nd + 3 - skip, w + skip);
    if (has(a->b) && a->result != SS_CONV_X) ss_dnn_memory(&d, SS_DNN_B, a->b->dtype, 1, &q->o);
    for (int i = 0; i < q->nd; i++) {
        const int k = i + 3 - q->nd;
        d.step[i] = q->step[k];
        d.dilation[i] = q->dilation[k] - 1;
        d.pad_l[i] = q->pad[k];
        /* What oneDNN needs to arrive at exactly this y: less than pad where the last step does
         * not reach the end. */
        d.pad_r[i] = (q->y[k] - 1) * q->step[k] + reach(q, k) - q->x[k] - q->pad[k];
    }
    return ss_dnn_get(c, &d, p);
}

/* A 1x1 convolution is a product over channels: less scratch, and two to three times as fast
 * backward. The weight gradient y^T x leaves the bias out. */
static bool pointwise(const ss_conv *q, const ss_conv_args *a, ss_mm *m)
{
    if (!ss_conv_pointwise(q)) return false;
    const bool forward = a->result == SS_CONV_Y;
    const int64_t rows = q->n * ss_conv_volume(q->y);
    if (a->result == SS_CONV_W) {
        *m = (ss_mm){.batch = 1,
                     .m = q->o,
                     .k = rows,
                     .n = q->c,
                     .x_transposed = true,
                     .compute = compute_of(a),
                     .x_type = a->y->dtype,
                     .w_type = a->x->dtype,
                     .y_type = a->w->dtype};
        return true;
    }
    *m = (ss_mm){.batch = 1,
                 .m = rows,
                 .k = forward ? q->c : q->o,
                 .n = forward ? q->o : q->c,
                 .w_transposed = forward,
                 .w_parameter = true,
                 .compute = compute_of(a),
                 .x_type = forward ? a->x->dtype : a->y->dtype,
                 .w_type = a->w->dtype,
                 .y_type = forward ? a->y->dtype : a->x->dtype,
                 .w = a->w};
    if (has(a->b)) {
        m->bias = true;
        m->b_type = a->b->dtype;
    }
    return true;
}

ss_status ss_conv_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a, size_t *bytes,
                       bool *fast)
{
    ss_mm m;
    ss_dnn *p;
    *fast = true;
    *bytes = 0;
    if (pointwise(q, a, &m)) return ss_mm_plan(c, &m, bytes);
    if (!empty(q) && ss_conv_patches(q, a->result)) {
        ss_conv_patch_product(q, a, compute_of(a), &m);
        ss_status s = ss_mm_plan(c, &m, bytes);
        *bytes += ss_conv_patch_bytes(q, a->x->dtype);
        return s;
    }
    ss_status st = prepare(c, q, a, &p);
    if (st) return st;
    *fast = p != NULL;
    if (p) *bytes = ss_dnn_scratch(c, p, a->w);
    ss_dnn_put(p);
    return SS_OK;
}

/* x += b on every row. The bias is repeated so that short rows are added many at a time. */
static void add_bias(void *x, ss_dtype t, int64_t rows, int64_t cols, const ss_view *b)
{
    enum { BLOCK = 2048 };
    const size_t size = ss_dtype_bytes(t), bsize = ss_dtype_bytes(b->dtype);
    const int64_t wide = ss_min64(cols, BLOCK), high = BLOCK / wide;
    float bias[BLOCK];
    for (int64_t c0 = 0; c0 < cols; c0 += wide) {
        const int64_t n = ss_min64(wide, cols - c0), step = n == cols ? high : 1;
        ss_load_f32(bias, (const char *)b->data + (size_t)c0 * bsize, b->dtype, n);
        for (int64_t i = n; i < n * step; i++) bias[i] = bias[i - n];
        SS_PARALLEL_FOR (i, ss_ceil_div(rows, step), step * n) {
            float v[BLOCK];
            char *at = (char *)x + (size_t)(i * step * cols + c0) * size;
            const int64_t count = ss_min64(step, rows - i * step) * n;
            ss_load_f32(v, at, t, count);
            for (int64_t k = 0; k < count; k++) v[k] += bias[k];
            ss_store_f32(at, t, v, count);
        }
    }
}

ss_status ss_conv_run(ss_call *c, const ss_conv *q, const ss_conv_args *a, void *scratch,
                      bool *fast)
{
    ss_mm m;
    ss_dnn *p;
    const bool bias = has(a->b);
    *fast = true;
    if (pointwise(q, a, &m)) {
        const void *x = a->x->data, *y = a->y->data;
        if (a->result == SS_CONV_W) return ss_mm_run(c, &m, y, x, NULL, NULL, a->w->data, scratch);
        const bool forward = a->result == SS_CONV_Y;
        return ss_mm_run(c, &m, forward ? x : y, a->w->data, bias ? a->b->data : NULL, NULL,
                         forward ? a->y->data : a->x->data, scratch);
    }
    if (!empty(q) && ss_conv_patches(q, a->result)) {
        ss_conv_patch_product(q, a, compute_of(a), &m);
        return ss_conv_patch_run(c, q, a, &m, scratch);
    }
    ss_status st = prepare(c, q, a, &p);
    if (st) return st;
    *fast = p != NULL;
    if (!p) return SS_OK;
    void *data[SS_DNN_SLOTS] = {a->x->data, a->w->data, bias ? a->b->data : NULL, a->y->data};
    st = ss_dnn_run(c, p, data, a->result == SS_CONV_W ? NULL : a->w, scratch);
    ss_dnn_put(p);
    if (!st && bias && a->result == SS_CONV_X)
        add_bias(a->x->data, a->x->dtype, q->n * ss_conv_volume(q->x), q->c, a->b);
    return st;
}
