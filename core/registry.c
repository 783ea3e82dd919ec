/* registry.c — the generated op tables, parsed once per process, for the best instruction set. */
#include "core.h"
#include "sig.h"
#include "ss_op_table.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static ss_opinfo *infos;
static int ninfo;
static const char *isa_name = "?";
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ss_opinfo *)a)->name, ((const ss_opinfo *)b)->name);
}

/* The level asked for by SEMISAM_ISA, else the highest the CPU has. */
static const ss_op *const *choose(int *n)
{
    const char *cap = getenv("SEMISAM_ISA");
    const int level = cap && strlen(cap) == 2 && cap[0] == 'v' ? cap[1] - '0' : 4;
#ifdef SS_HAVE_ISA_v4
    if (level >= 4 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd")) {
        isa_name = "v4";
        *n = (int)(sizeof ops_v4 / sizeof *ops_v4);
        return ops_v4;
    }
#endif
#ifdef SS_HAVE_ISA_v3
    if (level >= 3 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
        isa_name = "v3";
        *n = (int)(sizeof ops_v3 / sizeof *ops_v3);
        return ops_v3;
    }
#endif
    (void)level; /* a build for the baseline alone has nothing to choose */
    isa_name = "v2";
    *n = (int)(sizeof ops_v2 / sizeof *ops_v2);
    return ops_v2;
}

static void load(void)
{
    int n;
    const ss_op *const *ops = choose(&n);
    infos = calloc((size_t)n, sizeof *infos);
    for (int i = 0; infos && i < n; i++) {
        const ss_op *op = ops[i];
        ss_param *param;
        const char *at;
        ss_opinfo o = {.op = op, .name = op->name, .sig = op->sig, .doc = op->doc};
        /* A malformed signature makes the op unknown; the registry test names it. */
        if (ss__sig_parse(op->sig, &param, &o.ntensor, &o.nattr, &at)) continue;
        o.param = param;
        o.nout = op->flags & SS_OP_INPLACE ? 0 : (op->nout ? op->nout : 1) - op->hidden;
        o.internal = op->name[0] == '_';
        o.differentiable = op->grad != NULL && !(op->flags & SS_OP_NO_GRAD);
        o.inplace = (op->flags & SS_OP_INPLACE) != 0;
        o.view = (op->flags & SS_OP_VIEW) != 0;
        infos[ninfo++] = o;
    }
    if (ninfo) qsort(infos, (size_t)ninfo, sizeof *infos, by_name);
}

int ss_op_count(void)
{
    pthread_once(&once, load);
    return ninfo;
}

const ss_opinfo *ss_op_at(int i)
{
    return i >= 0 && i < ss_op_count() ? &infos[i] : NULL;
}

const ss_opinfo *ss_op_find(const char *name)
{
    if (ss_op_count() == 0) return NULL;
    ss_opinfo key = {.name = name};
    return bsearch(&key, infos, (size_t)ninfo, sizeof *infos, by_name);
}

const char *ss_isa(void)
{
    ss_op_count();
    return isa_name;
}
