/* _attention_dx.c — gradients of attention, with the logits computed again from saved log-sums.
 *
 * With P = exp(S - lse), D = sum(dy y) per query and dS = P (dy v^T - D):
 *   dv = P^T dy,  dq' = dS k',  dk' = dS^T q',
 * where q' and k' are lengthened by the position terms (support/attend.h), so that dq' also holds
 * the gradient of the terms; through T it reaches q and the tables.
 * T. Dao et al., FlashAttention, 2022, section 3.1 of the appendix. */
#include "support/attend_rel.h"
#include "support/cuda_attend.h"

enum { GROUPS = 64 };

static bool wanted(const ss_call *c, int i)
{
    return (c->attr[SS_AT_WANTED].v[0] >> i & 1) != 0 && c->in[i].present;
}

static ss_status infer(ss_call *c)
{
    ss_status s = ss_attend_infer(c);
    int64_t extra = 0;
    for (int i = SS_AT_BIAS; i <= SS_AT_PAD; i++)
        if (wanted(c, i)) extra += c->in[i].count;
    for (int i = SS_AT_Q; i <= SS_AT_V && s == SS_OK; i++) s = ss_out_like(c, i, &c->in[i]);
    return s == SS_OK ? ss_out(c, 3, SS_F32, 1, &extra) : s;
}

/* One thread's memory. */
typedef struct {
    ss_at_unit unit;
    ss_at_terms terms;
    float *keys, *vt;           /* lengthened keys as rows, v^T in panels */
    float *dq, *dk, *dv;        /* of a unit: [tq + 1, ep], [keys, xp], [keys, ep] */
    float *dterms, *tables;     /* [tq + 1, cp], [cols, ep] */
    float *q, *s, *ds, *dy, *g; /* a block */
    float *row;
} memory;

static float origin; /* sizes are counted from some address */

/* Products round rows up to SS_TM and may read and write that far: hence the slack. */
static int64_t lay_out(memory *m, const ss_attend *a, float *from)
{
    const float *start = from;
    const int64_t tq = a->tq + 1 + SS_TM, keys = a->keys + SS_TM, slack = SS_TM;
    ss_at_lay_out(&m->unit, a, &from);
    ss_at_terms_lay_out(&m->terms, a, &from);
    m->keys = ss_at_take(&from, keys * a->xp);
    m->vt = ss_at_take(&from, ss_round_up(a->sp, SS_TN) * a->e);
    m->dq = ss_at_take(&from, tq * a->ep);
    m->dk = ss_at_take(&from, keys * a->xp);
    m->dv = ss_at_take(&from, keys * a->ep);
    m->dterms = ss_at_take(&from, a->rel ? tq * a->cp + slack : 0);
    m->tables = ss_at_take(&from, a->cols * a->ep);
    m->q = ss_at_take(&from, a->block * a->xp);
    m->s = ss_at_take(&from, a->block * a->sp + slack);
    m->ds = ss_at_take(&from, a->block * a->sp + slack);
    m->dy = ss_at_take(&from, a->block * a->ep);
    m->g = ss_at_take(&from, a->block * a->xp);
    m->row = ss_at_take(&from, ss_max64(a->xp, a->ep));
    return from - start;
}

/* Partial gradients of tables [cols, ep] and pad [3, heads, e]; each group adds to its own. */
static int64_t partial_floats(const ss_attend *a)
{
    return (a->cols ? (a->cols + SS_TM) * a->ep : 0) + (a->pad ? 3 * a->heads * a->e : 0);
}

/* Units (sample, head) that one thread takes in order: those that share a slice of the bias if its
 * gradient is wanted, else runs whose number depends on the shape alone. */
static int64_t group_count(const ss_call *c, const ss_attend *a)
{
    const ss_view *b = &c->in[SS_AT_BIAS];
    if (wanted(c, SS_AT_BIAS)) return b->shape[0] * b->shape[1];
    return ss_min64(a->n * a->heads, GROUPS);
}

static ss_status plan(ss_call *c)
{
    const ss_attend a = ss_attend_of(c);
    memory m;
    c->scratch_bytes = (size_t)(omp_get_max_threads() * lay_out(&m, &a, &origin) +
                                group_count(c, &a) * partial_floats(&a)) *
                       4;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_cuda_attend_of(c, true).bytes;
    return SS_OK;
}

/* ---- one unit -------------------------------------------------------------------------------- */

static void start_unit(const ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h)
{
    ss_at_pack(c, a, n, h, &m->unit, m->row);
    memset(m->keys, 0, (size_t)(a->keys * a->xp) * 4);
    memset(m->vt, 0, (size_t)(ss_round_up(a->sp, SS_TN) * a->e) * 4);
    for (int64_t t = 0; t < a->keys; t++) {
        ss_at_key(c, a, n, h, t, m->keys + t * a->xp);
        for (int64_t j = 0; j < a->e; j++)
            m->vt[ss_panel_index(a->e, j, t)] = m->unit.v[ss_panel_index(a->keys, t, j)];
    }
    memset(m->dq, 0, (size_t)((a->tq + 1) * a->ep) * 4);
    memset(m->dk, 0, (size_t)(a->keys * a->xp) * 4);
    memset(m->dv, 0, (size_t)(a->keys * a->ep) * 4);
    if (a->rel) memset(m->dterms, 0, (size_t)((a->tq + 1 + SS_TM) * a->cp + SS_TM) * 4);
    m->terms.line_at = -1;
}

static void end_line(const ss_attend *a, memory *m)
{
    int64_t p[3];
    if (m->terms.line_at < 0) return;
    ss_at_place(a, m->terms.line_at, p);
    ss_at_line_grad(&m->terms.line, a, m->terms.line_at, p[1], m->dterms);
    m->terms.line_at = -1;
}

/* Gradient of what ss_at_add_terms() added for query t. */
static void terms_grad(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h, int64_t t,
                       const float *restrict ds)
{
    int64_t p[3] = {0};
    float *dterms = m->dterms + t * a->cp;
    if (wanted(c, SS_AT_BIAS)) {
        const ss_view *b = &c->in[SS_AT_BIAS];
        const int64_t sample = b->shape[0] > 1 ? n : 0, head = b->shape[1] > 1 ? h : 0;
        float *to = ss_out_f32(c, 3) + ((sample * b->shape[1] + head) * a->tq + t) * a->tk;
        for (int64_t i = 0; i < a->tk; i++) to[i] += ds[i];
    }
    ss_at_place(a, t, p);
    if (a->rel == SS_REL_3D_OFFICIAL) {
        ss_at_line *line = &m->terms.line;
        for (int64_t i = 0; i < a->tk; i++) line->dhw[i] += ds[i];
        for (int64_t l = 0; a->pad && l < a->window[0]; l++) {
            const float d = ds[a->tk] * m->terms.sums[l];
            line->du[l] += d;
            dterms[ss_at_col(a, 0, p[0], l)] += d;
        }
    } else if (a->rel && a->pad) {
        ss_at_padding_grad(a, &m->terms.padding, p, ds[a->tk], dterms);
    }
}

/* P in s, dy v^T in ds, which becomes dS. */
static void row_grad(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h, int64_t t,
                     int64_t r)
{
    float *restrict s = m->s + r * a->sp, *restrict ds = m->ds + r * a->sp;
    const ss_view *l = &c->in[SS_AT_LSE];
    const float lse =
        ss_in_f32(c, SS_AT_LSE)[n * l->stride[0] + h * l->stride[1] + t * l->stride[2]];
    const float *dy = m->dy + r * a->ep;
    float d = 0;
    if (a->rel == SS_REL_3D_OFFICIAL && t % a->grid[2] == 0) end_line(a, m);
    ss_at_add_terms(c, a, &m->unit, &m->terms, n, h, t, s);
    ss_at_row(m->row, &c->in[SS_AT_OUT], n, t, h);
    for (int64_t j = 0; j < a->e; j++) d += dy[j] * m->row[j];
    for (int64_t i = 0; i < a->keys; i++) {
        s[i] = ss_expf(s[i] - lse);
        ds[i] = s[i] * (ds[i] - d);
    }
    terms_grad(c, a, m, n, h, t, ds);
}

/* Takes the gradient of a lengthened query apart. */
static void query_grad(const ss_attend *a, memory *m, int64_t t, const float *g)
{
    int64_t p[3] = {0};
    float *dq = m->dq + t * a->ep, *dterms = m->dterms + t * a->cp;
    for (int64_t j = 0; j < a->e; j++) dq[j] += a->scale * g[j];
    if (!a->rel) return;
    ss_at_place(a, t, p);
    if (a->rel == SS_REL_3D_OFFICIAL) {
        for (int64_t l = 0; l < a->grid[2]; l++) dterms[ss_at_col(a, 0, p[0], l)] += g[a->e + l];
        return;
    }
    for (int x = 0; x < a->axes; x++)
        for (int64_t i = 0; i < a->grid[x]; i++)
            dterms[ss_at_col(a, x, p[x], i)] += g[a->at[x] + i];
}

static void block(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h, int64_t t0,
                  int64_t count)
{
    const int64_t depth = a->e + a->ext, rows = ss_round_up(count, SS_TM);
    memset(m->q, 0, (size_t)(rows * a->xp) * 4);
    memset(m->dy, 0, (size_t)(rows * a->ep) * 4);
    for (int64_t r = 0; r < count; r++) {
        ss_at_query(c, a, &m->unit, n, h, t0 + r, m->q + r * a->xp);
        ss_at_row(m->dy + r * a->ep, &c->in[SS_AT_DY], n, t0 + r, h);
    }
    ss_gemm(rows, a->sp, depth, m->q, a->xp, 1, m->unit.kt, SS_TN, depth * SS_TN, m->s, a->sp,
            false);
    ss_gemm(rows, a->sp, a->e, m->dy, a->ep, 1, m->vt, SS_TN, a->e * SS_TN, m->ds, a->sp, false);
    for (int64_t r = 0; r < count; r++) row_grad(c, a, m, n, h, t0 + r, r);
    ss_gemm(a->keys, a->ep, count, m->s, 1, a->sp, m->dy, a->ep, SS_TN, m->dv, a->ep, true);
    ss_gemm(a->keys, a->xp, count, m->ds, 1, a->sp, m->q, a->xp, SS_TN, m->dk, a->xp, true);
    ss_gemm(rows, a->xp, a->keys, m->ds, a->sp, 1, m->keys, a->xp, SS_TN, m->g, a->xp, false);
    for (int64_t r = 0; r < count; r++) query_grad(a, m, t0 + r, m->g + r * a->xp);
}

static void store_rows(const ss_view *to, int64_t n, int64_t h, int64_t rows, const float *from,
                       int64_t ld)
{
    const int64_t e = to->shape[3];
    for (int64_t t = 0; t < rows; t++) {
        const int64_t at = ((n * rows + t) * to->shape[2] + h) * e;
        if (to->dtype == SS_F32)
            memcpy(ss_at(to, at), from + t * ld, (size_t)e * 4);
        else
            ss_block_done(to, at, e, from + t * ld);
    }
}

static void finish_unit(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h,
                        float *partial)
{
    if (a->rel) {
        end_line(a, m);
        ss_gemm(a->tq + 1, a->ep, a->cols, m->dterms, a->cp, 1, m->tables, a->ep, SS_TN, m->dq,
                a->ep, true);
        ss_gemm(a->cols, a->ep, a->tq + 1, m->dterms, 1, a->cp, m->unit.q, a->ep, SS_TN, partial,
                a->ep, true);
        partial += (a->cols + SS_TM) * a->ep;
    }
    store_rows(&c->out[SS_AT_Q], n, h, a->tq, m->dq, a->ep);
    store_rows(&c->out[SS_AT_K], n, h, a->tk, m->dk, a->xp);
    store_rows(&c->out[SS_AT_V], n, h, a->tk, m->dv, a->ep);
    if (!a->pad) return;
    for (int64_t j = 0; j < a->e; j++) {
        partial[h * a->e + j] += m->dq[a->tq * a->ep + j];
        partial[(a->heads + h) * a->e + j] += m->dk[a->tk * a->xp + j];
        partial[(2 * a->heads + h) * a->e + j] += m->dv[a->tk * a->ep + j];
    }
}

/* ---- all units ---------------------------------------------------------------------------------
 */

static void one_unit(ss_call *c, const ss_attend *a, memory *m, int64_t n, int64_t h,
                     float *partial)
{
    start_unit(c, a, m, n, h);
    for (int64_t t = 0; t < a->tq; t += a->block)
        block(c, a, m, n, h, t, ss_min64(a->block, a->tq - t));
    finish_unit(c, a, m, n, h, partial);
}

static void group(ss_call *c, const ss_attend *a, memory *m, int64_t i, int64_t groups,
                  float *partial)
{
    const ss_view *b = &c->in[SS_AT_BIAS];
    if (!wanted(c, SS_AT_BIAS)) {
        const int64_t units = a->n * a->heads;
        for (int64_t u = units * i / groups; u < units * (i + 1) / groups; u++)
            one_unit(c, a, m, u / a->heads, u % a->heads, partial);
        return;
    }
    for (int64_t n = 0; n < a->n; n++)
        for (int64_t h = 0; h < a->heads; h++) {
            const int64_t sample = b->shape[0] > 1 ? n : 0, head = b->shape[1] > 1 ? h : 0;
            if (sample * b->shape[1] + head == i) one_unit(c, a, m, n, h, partial);
        }
}

/* Adds the groups' partial gradients in order, after those of the bias in the last output. */
static void join(ss_call *c, const ss_attend *a, const float *partial, int64_t groups)
{
    const int64_t floats = partial_floats(a);
    float *to = ss_out_f32(c, 3);
    if (wanted(c, SS_AT_BIAS)) to += c->in[SS_AT_BIAS].count;
    for (int i = SS_AT_REL_H; i <= SS_AT_PAD; i++) {
        if (!wanted(c, i)) continue;
        int64_t at = 0, ld = a->ep, rows = c->in[i].count / ss_max64(1, a->e);
        for (int x = 0; x < a->axes && i != SS_AT_PAD; x++)
            if (a->table[x] == &c->in[i]) at = a->col[x] * a->ep;
        if (i == SS_AT_PAD) {
            at = a->cols ? (a->cols + SS_TM) * a->ep : 0;
            ld = a->e;
        }
        for (int64_t k = 0; k < rows * a->e; k++) {
            double s = 0;
            for (int64_t g = 0; g < groups; g++)
                s += (double)partial[g * floats + at + k / a->e * ld + k % a->e];
            to[k] = (float)s;
        }
        to += c->in[i].count;
    }
}

static ss_status cpu(ss_call *c)
{
    const ss_attend a = ss_attend_of(c);
    for (int i = 0; i < 4; i++)
        memset(c->out[i].data, 0, (size_t)c->out[i].count * ss_dtype_bytes(c->out[i].dtype));
    if (c->in[SS_AT_Q].count == 0 || a.keys == 0) return SS_OK;
    memory layout;
    const int64_t floats = lay_out(&layout, &a, (float *)c->scratch);
    const int64_t groups = group_count(c, &a), part = partial_floats(&a);
    float *partial = (float *)c->scratch + omp_get_max_threads() * floats;
    memset(partial, 0, (size_t)(groups * part) * 4);
    SS_PARALLEL_FOR_DYNAMIC (i, groups, c->in[SS_AT_Q].count / groups * a.keys) {
        memory m;
        if (ss_cancelled(c)) continue;
        lay_out(&m, &a, (float *)c->scratch + omp_get_thread_num() * floats);
        if (a.rel) {
            ss_at_pack_tables(&a, m.unit.t);
            memset(m.tables, 0, (size_t)(a.cols * a.ep) * 4);
            for (int64_t j = 0; j < a.cols * a.e; j++)
                m.tables[j / a.e * a.ep + j % a.e] = m.unit.t[j % a.e * a.cp + j / a.e];
        }
        group(c, &a, &m, i, groups, partial + i * part);
    }
    join(c, &a, partial, groups);
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

static double flops(const ss_call *c)
{
    return 10.0 * (double)c->in[SS_AT_Q].count * (double)c->in[SS_AT_K].shape[1];
}

const ss_op SS_OP(_attention_dx) = {
    .name = "_attention_dx",
    .sig = SS_AT_SIG ", out: float, lse: f32, dy: float, " SS_AT_ATTRS ", wanted: int = 0",
    .doc = "Gradients of attention: dq, dk, dv, and one flat tensor with those of the inputs whose "
           "bits are set in `wanted` (3 bias, 4 rel_h, 5 rel_w, 6 rel_d, 7 pad), in that order.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD | SS_OP_STRIDED,
    .nout = 4,
};
