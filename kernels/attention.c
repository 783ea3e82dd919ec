/* attention.c — softmax(scale q k^T + bias + relative position) v, a block of queries at a time.
 *
 * The t x t matrix exists for one block of one head only. See support/attend.h for how relative
 * positions and padding tokens become part of two matrix products, and support/attend_bf16.h for
 * bf16 where the processor multiplies tiles of it. Block-wise evaluation with saved
 * log-sums for the gradient: T. Dao et al., FlashAttention, 2022; a row of logits is complete
 * before its softmax here, so no running rescale is needed. */
#include "support/attend_bf16.h"
#include "support/attend_rel.h"
#include "support/cuda_attend.h"

enum { LANES = SS_VL, SS_AT_KEYS = 256 };

static ss_status infer(ss_call *c)
{
    ss_status s = ss_attend_infer(c);
    const ss_view *q = &c->in[SS_AT_Q];
    if (s == SS_OK) s = ss_out_like(c, 0, q);
    return s == SS_OK ? ss_out(c, 1, SS_F32, 3, (int64_t[]){q->shape[0], q->shape[2], q->shape[1]})
                      : s;
}

/* One thread's memory. */
typedef struct {
    ss_at_unit unit;
    float *q, *s, *o; /* a block: lengthened queries, logits, results */
    float *row;
    ss_at_terms terms;
} memory;

static int64_t lay_out(memory *m, const ss_attend *a, float *from)
{
    float *start = from;
    ss_at_lay_out(&m->unit, a, &from);
    m->q = ss_at_take(&from, a->block * a->xp);
    m->s = ss_at_take(&from, a->block * a->sp);
    m->o = ss_at_take(&from, a->block * a->ep);
    m->row = ss_at_take(&from, ss_max64(a->xp, a->ep));
    ss_at_terms_lay_out(&m->terms, a, &from);
    return from - start;
}

static float origin; /* sizes are counted from some address */

static ss_status plan(ss_call *c)
{
    const ss_attend a = ss_attend_of(c);
    memory m;
    if (ss_ab_wanted(c, &a)) {
        c->scratch_bytes = ss_ab_bytes(&a);
        return SS_OK;
    }
    c->scratch_bytes = (size_t)(omp_get_max_threads() * lay_out(&m, &a, &origin)) * 4;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_cuda_attend_of(c, false).bytes;
    return SS_OK;
}

/* Largest of a row of n logits, then exp of the difference in place; returns log sum exp, *sum the
 * sum. The row has room up to a multiple of SS_VL: whole vectors, no remainder. */
static float softmax_row(float *restrict s, int64_t n, float *sum)
{
    float max[LANES], acc[LANES] = {0};
    const int64_t whole = ss_round_up(n, LANES);
    for (int64_t i = n; i < whole; i++) s[i] = -INFINITY;
    for (int l = 0; l < LANES; l++) max[l] = s[l];
    for (int64_t i = LANES; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++) max[l] = s[i + l] > max[l] ? s[i + l] : max[l];
    for (int w = LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) max[l] = max[l + w] > max[l] ? max[l + w] : max[l];
    const float top = max[0];
    for (int64_t i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++) {
            s[i + l] = ss_exp_negf(s[i + l] - top);
            acc[l] += s[i + l];
        }
    for (int w = LANES / 2; w > 0; w /= 2)
        for (int l = 0; l < w; l++) acc[l] += acc[l + w];
    *sum = acc[0];
    return top + ss_logf(acc[0]);
}

/* Queries [t0, t0 + count) of one head. */
static void block(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h, int64_t t0,
                  int64_t count)
{
    const int64_t depth = a->e + a->ext, rows = ss_round_up(count, SS_TM);
    const int64_t next = n * a->heads + h + 1;
    float sum[SS_AT_BLOCK + SS_TM], *lse = ss_out_f32(c, 1) + (n * a->heads + h) * a->tq + t0;
    memset(m->q, 0, (size_t)(rows * a->xp) * 4);
    for (int64_t r = 0; r < count; r++) ss_at_query(c, a, &m->unit, n, h, t0 + r, m->q + r * a->xp);
    ss_gemm(rows, a->sp, depth, m->q, a->xp, 1, m->unit.kt, SS_TN, depth * SS_TN, m->s, a->sp,
            false);
    for (int64_t r = 0; r < count; r++) {
        float *s = m->s + r * a->sp;
        if (next < a->n * a->heads)
            for (int i = SS_AT_Q; i <= SS_AT_V; i++)
                ss_at_ahead(&c->in[i], next / a->heads, t0 + r, next % a->heads);
        ss_at_add_terms(c, a, &m->unit, &m->terms, n, h, t0 + r, s);
        lse[r] = softmax_row(s, a->keys, &sum[r]);
    }
    for (int64_t k = 0; k < a->keys; k += SS_AT_KEYS) /* so many values stay in the cache */
        ss_gemm(rows, a->ep, ss_min64(SS_AT_KEYS, a->keys - k), m->s + k, a->sp, 1,
                m->unit.v + k * SS_TN, SS_TN, a->keys * SS_TN, m->o, a->ep, k > 0);
    for (int64_t r = 0; r < count; r++) {
        const float f = 1 / sum[r];
        float *o = m->o + r * a->ep;
        const int64_t at = ((n * a->tq + t0 + r) * a->heads + h) * a->e;
        float *to = ss_block_out(&c->out[0], at, m->row);
        for (int64_t j = 0; j < a->e; j++) to[j] = f * o[j];
        ss_block_done(&c->out[0], at, a->e, to);
    }
}

/* Blocks [from, to) of all, counted over samples, heads and queries. */
static void work(ss_call *c, const ss_attend *a, int64_t from, int64_t to, float *scratch)
{
    const int64_t blocks = ss_ceil_div(a->tq, a->block);
    int64_t packed = -1;
    memory m;
    lay_out(&m, a, scratch);
    m.terms.forward = true;
    if (a->rel && from < to) ss_at_pack_tables(a, m.unit.t);
    for (int64_t i = from; i < to && !ss_cancelled(c); i++) {
        const int64_t unit = i / blocks, n = unit / a->heads, h = unit % a->heads;
        const int64_t t0 = i % blocks * a->block;
        if (unit != packed) {
            ss_at_pack(c, a, n, h, &m.unit, m.row);
            m.terms.line_at = -1;
            packed = unit;
        }
        block(c, a, &m, n, h, t0, ss_min64(a->block, a->tq - t0));
    }
}

static ss_status cpu(ss_call *c)
{
    const ss_attend a = ss_attend_of(c);
    if (c->out[0].count == 0) return SS_OK;
    if (a.keys == 0) {
        memset(c->out[0].data, 0, (size_t)c->out[0].count * ss_dtype_bytes(c->out[0].dtype));
        for (int64_t i = 0; i < c->out[1].count; i++) ss_out_f32(c, 1)[i] = -INFINITY;
        return SS_OK;
    }
    if (ss_ab_wanted(c, &a)) {
        ss_ab_run(c, &a);
        return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
    }
    const int64_t total = a.n * a.heads * ss_ceil_div(a.tq, a.block);
    memory m;
    const int64_t floats = lay_out(&m, &a, (float *)c->scratch);
#pragma omp parallel if (total * a.block * a.sp > SS_GRAIN)
    {
        const int64_t id = omp_get_thread_num(), count = omp_get_num_threads();
        work(c, &a, total * id / count, total * (id + 1) / count,
             (float *)c->scratch + id * floats);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

static double flops(const ss_call *c)
{
    const ss_view *q = &c->in[SS_AT_Q];
    return 4.0 * (double)q->count * (double)c->in[SS_AT_K].shape[1];
}

static void grad(ss_grad *g)
{
    ss_tensor *in[11], *outs[4] = {0};
    ss_attr attr[5];
    int64_t wanted = 0;
    for (int i = SS_AT_Q; i <= SS_AT_PAD; i++) in[i] = g->in[i];
    for (int i = SS_AT_BIAS; i <= SS_AT_PAD; i++)
        if (g->in[i] && g->need[i]) wanted |= 1 << i;
    in[8] = g->out[0];
    in[9] = g->out[1];
    in[10] = g->dy[0];
    for (int i = 0; i < 4; i++) attr[i] = g->attr[i];
    attr[4] = ss_int(wanted);
    if (!ss_gn(g, "_attention_dx", 11, in, 5, attr, outs)) return;
    for (int i = SS_AT_Q; i <= SS_AT_V; i++) ss_dx(g, i, outs[i]);
    int64_t at = 0;
    for (int i = SS_AT_BIAS; i <= SS_AT_PAD; i++) {
        const ss_view *v = &g->in_view[i];
        if (!(wanted & 1 << i)) continue;
        ss_attr part[2] = {ss_int(at), ss_ints(v->ndim, v->shape)};
        ss_dx(g, i, ss_g(g, "_flat_part", 1, &outs[3], 2, part));
        at += v->count;
    }
}

const ss_op SS_OP(attention) = {
    .name = "attention",
    .sig = SS_AT_SIG ", " SS_AT_ATTRS,
    .doc =
        "softmax(scale q k^T + bias + position) v without storing the logits. q [n, tq, heads, e], "
        "k, v [n, tk, heads, e], any strides; bias [n or 1, heads or 1, tq, tk]; `scale` is "
        "1 / sqrt(e) if not given. `rel` adds decomposed relative positions of tokens on `grid`, "
        "from the unscaled q and tables rel_* [2 window - 1, e], row (query - key + window - 1): "
        "2d takes rel_h, rel_w for the two axes, 3d rel_d, rel_h, rel_w for the three; "
        "3d_official mixes the axes as SAM-Med3D's released code does. `window` >= grid: the rest "
        "of each axis is padding tokens that all have the q, k, v of `pad` [3, heads, e]; they are "
        "keys like the others.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(SS_AT_Q) | SS_SAVE_IN(SS_AT_K) | SS_SAVE_IN(SS_AT_V) |
             SS_SAVE_IN(SS_AT_BIAS) | SS_SAVE_IN(SS_AT_REL_H) | SS_SAVE_IN(SS_AT_REL_W) |
             SS_SAVE_IN(SS_AT_REL_D) | SS_SAVE_IN(SS_AT_PAD) | SS_SAVE_OUT(0) | SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
