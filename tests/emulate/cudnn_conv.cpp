/* cudnn_conv.cpp — the stand-in for cuDNN: what makes a convolution valid, which engines it has,
 * and the convolution itself from its definition.
 *
 * Before the one engine that will do come some that a caller has to pass over: one that compiles at
 * run time, one that gives other bits every time, one that wants more memory than there is, and for
 * f32 one that rounds the factors. None has code for bf16 before sm_80 or for a result of another
 * type. */
#include "cudnn_parts.h"
#include "emulate_parts.h"
#include "half.h"

namespace emu_dnn_parts
{

roles roles_of(cudnnBackendDescriptorType_t op)
{
    if (op == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
        return {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    if (op == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
        return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

/* ---- validity -------------------------------------------------------------------------- */

typedef std::vector<int64_t> ints;

bool valid_tensor(const contents &d)
{
    const ints size = d.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
               stride = d.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
    const int64_t align = d.one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
    bool ok = size.size() >= 3 && size.size() <= 8 && size.size() == stride.size() && align > 0 &&
              (align & (align - 1)) == 0 && d.has(CUDNN_ATTR_TENSOR_UNIQUE_ID) &&
              d.has(CUDNN_ATTR_TENSOR_DATA_TYPE);
    for (size_t i = 0; i < size.size() && ok; i++) ok = size[i] > 0 && stride[i] > 0;
    return ok;
}

bool valid_geometry(const contents &d)
{
    static const int arrays[] = {
        CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
        CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_ATTR_CONVOLUTION_DILATIONS};
    const int64_t nd = d.one<int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
    bool ok = nd >= 1 && d.has(CUDNN_ATTR_CONVOLUTION_CONV_MODE) &&
              d.has(CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
    for (int name : arrays) {
        const ints v = d.all<int64_t>(name);
        const int64_t least = name == CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES ||
                              name == CUDNN_ATTR_CONVOLUTION_DILATIONS;
        ok = ok && (int64_t)v.size() == nd;
        for (int64_t x : v) ok = ok && x >= least;
    }
    return ok;
}

bool valid_operation(const contents &d)
{
    const roles r = roles_of(d.type);
    for (int name : {r.x, r.w, r.y, r.conv})
        if (!d.held.count(name)) return false;
    if (!d.has(r.alpha) || !d.has(r.beta)) return false;
    const contents &g = *d.held.at(r.conv);
    const ints x = d.held.at(r.x)->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
               w = d.held.at(r.w)->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
               y = d.held.at(r.y)->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
               pre = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
               post = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS),
               step = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dilation = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS);
    const size_t nd = pre.size();
    if (x.size() != nd + 2 || w.size() != nd + 2 || y.size() != nd + 2) return false;
    bool ok = x[0] == y[0] && y[1] == w[0] && x[1] % w[1] == 0 && w[0] % (x[1] / w[1]) == 0;
    for (size_t i = 0; i < nd && ok; i++) {
        const int64_t room = x[2 + i] + pre[i] + post[i] - dilation[i] * (w[2 + i] - 1) - 1;
        ok = room >= 0 && y[2 + i] == room / step[i] + 1;
    }
    return ok;
}

/* ---- engines --------------------------------------------------------------------------- */

int64_t workspace_of(engine e)
{
    return e == HUNGRY ? (int64_t)1 << 42 : e == PLAIN ? 8192 : 0;
}

std::vector<engine> engines_for(const contents &op, cudnnBackendHeurMode_t mode)
{
    const roles r = roles_of(op.type);
    const auto type = [&](int name) {
        return op.held.at(name)->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE);
    };
    const cudnnDataType_t t = type(r.x), sums = op.held.at(r.conv)->one<cudnnDataType_t>(
                                             CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
    if (t != type(r.w) || t != type(r.y) || sums != CUDNN_DATA_FLOAT) return {};
    if (t == CUDNN_DATA_BFLOAT16 && !emu::at_least(80)) return {};
    if (mode == CUDNN_HEUR_MODE_FALLBACK) return {PLAIN};
    std::vector<engine> list = {SLOW_COMPILER, UNSTEADY, HUNGRY};
    if (t == CUDNN_DATA_FLOAT) list.push_back(NARROW);
    /* grouped ones are found among the fallbacks only */
    const ints x = op.held.at(r.x)->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
               w = op.held.at(r.w)->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
    if (x[1] == w[1]) list.push_back(PLAIN);
    return list;
}

/* ---- the convolution ------------------------------------------------------------------- */

struct array {
    void *data;
    cudnnDataType_t type;
    ints size, stride;

    float get(int64_t i) const
    {
        return type == CUDNN_DATA_HALF       ? ss_f16_to_f32(((const uint16_t *)data)[i])
               : type == CUDNN_DATA_BFLOAT16 ? ss_bf16_to_f32(((const uint16_t *)data)[i])
                                             : ((const float *)data)[i];
    }
    void put(int64_t i, float x) const
    {
        if (type == CUDNN_DATA_HALF)
            ((uint16_t *)data)[i] = ss_f32_to_f16(x);
        else if (type == CUDNN_DATA_BFLOAT16)
            ((uint16_t *)data)[i] = ss_f32_to_bf16(x);
        else
            ((float *)data)[i] = x;
    }
    int64_t positions() const
    {
        int64_t n = 1;
        for (size_t i = 2; i < size.size(); i++) n *= size[i];
        return n;
    }
    /* Place of spatial position p, counted in row-major order; at[] gets its coordinates. */
    int64_t spot(int64_t p, int64_t *at) const
    {
        int64_t place = 0;
        for (size_t i = size.size() - 1; i >= 2; i--) {
            at[i - 2] = p % size[i];
            place += at[i - 2] * stride[i];
            p /= size[i];
        }
        return place;
    }
};

static array array_of(const contents &t, void *data)
{
    return {data, t.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE),
            t.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
            t.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES)};
}

/* One factor pair: where it lies in x, w and y. */
template <class F>
static void each_pair(const array &x, const array &w, const array &y, const contents &g, const F &f)
{
    const ints pre = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
               step = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dilation = g.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS);
    const bool flipped = g.one<int32_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CONVOLUTION;
    const int64_t gc = w.size[1], go = w.size[0] / (x.size[1] / gc);
    int64_t p[8], k[8];
    for (int64_t s = 0; s < y.positions(); s++) {
        const int64_t ys = y.spot(s, p);
        for (int64_t t = 0; t < w.positions(); t++) {
            const int64_t ws = w.spot(t, k);
            int64_t xs = 0;
            bool inside = true;
            for (size_t i = 0; i < pre.size(); i++) {
                const int64_t tap = flipped ? w.size[2 + i] - 1 - k[i] : k[i];
                const int64_t at = p[i] * step[i] - pre[i] + tap * dilation[i];
                inside = inside && at >= 0 && at < x.size[2 + i];
                xs += at * x.stride[2 + i];
            }
            if (!inside) continue;
            for (int64_t n = 0; n < y.size[0]; n++)
                for (int64_t o = 0; o < y.size[1]; o++)
                    for (int64_t c = 0; c < gc; c++)
                        f(n * x.stride[0] + (o / go * gc + c) * x.stride[1] + xs,
                          o * w.stride[0] + c * w.stride[1] + ws,
                          n * y.stride[0] + o * y.stride[1] + ys);
        }
    }
}

/* Highest element of the array. */
static int64_t span(const array &a)
{
    int64_t n = 1;
    for (size_t i = 0; i < a.size.size(); i++) n += (a.size[i] - 1) * a.stride[i];
    return n;
}

void compute(const task &t)
{
    static float wobble = 0;
    const roles r = roles_of(t.op->type);
    const contents &g = *t.op->held.at(r.conv);
    const array x = array_of(*t.op->held.at(r.x), t.data[0]),
                w = array_of(*t.op->held.at(r.w), t.data[1]),
                y = array_of(*t.op->held.at(r.y), t.data[2]);
    const int which = t.op->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ? 2
                      : t.op->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR
                          ? 0
                          : 1;
    const array &out = which == 0 ? x : which == 1 ? w : y;
    std::vector<double> sum((size_t)span(out), 0.0);
    if (t.work) memset(t.work, 0xFF, (size_t)workspace_of(t.which));
    const auto rounded = [&](float v) {
        return t.which == NARROW ? ss_f16_to_f32(ss_f32_to_f16(v)) : v;
    };
    each_pair(x, w, y, g, [&](int64_t xi, int64_t wi, int64_t yi) {
        if (which == 0)
            sum[(size_t)xi] += (double)rounded(w.get(wi)) * (double)rounded(y.get(yi));
        else if (which == 1)
            sum[(size_t)wi] += (double)rounded(x.get(xi)) * (double)rounded(y.get(yi));
        else
            sum[(size_t)yi] += (double)rounded(x.get(xi)) * (double)rounded(w.get(wi));
    });
    if (t.which == UNSTEADY) wobble += 1e-3f;
    for (size_t i = 0; i < sum.size(); i++)
        out.put((int64_t)i, (float)sum[i] + (t.which == UNSTEADY ? wobble : 0));
}

} // namespace emu_dnn_parts
