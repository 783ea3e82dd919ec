/* fault.c — see fault.h. */
#include "fault.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 256 }; /* checks between two looks whose sentences are kept whole */

struct ss_faults {
    ss_fault *device, *host; /* host: page-locked */
    unsigned checks;         /* so far */
    bool pending;            /* some since the last look */
    ss_expected record[RECORDS];
};

#define TRY(call)                                                                                  \
    do {                                                                                           \
        ss_status s_ = ss_gpu_check(g, call, #call);                                               \
        if (s_) return s_;                                                                         \
    } while (0)

/* Nobody writes `host` again before a look has waited for this copy. */
static ss_status reset(ss_gpu *g)
{
    struct ss_faults *f = g->faults;
    *f->host = (ss_fault){.place = ~0ull};
    f->pending = false;
    TRY(cudaMemcpyAsync(f->device, f->host, sizeof *f->host, cudaMemcpyHostToDevice, g->stream));
    return SS_OK;
}

ss_status ss_faults_open(ss_gpu *g)
{
    g->faults = calloc(1, sizeof *g->faults);
    if (!g->faults) return ss_gpu_fail(g, "out of memory for a device");
    TRY(cudaMalloc((void **)&g->faults->device, sizeof(ss_fault)));
    TRY(cudaHostAlloc((void **)&g->faults->host, sizeof(ss_fault), cudaHostAllocDefault));
    return reset(g);
}

void ss_faults_close(ss_gpu *g)
{
    if (!g->faults) return;
    if (g->faults->device) cudaFree(g->faults->device);
    if (g->faults->host) cudaFreeHost(g->faults->host);
    free(g->faults);
}

unsigned ss_faults_expect(ss_gpu *g, const ss_call *c, const ss_view *v, const char *what,
                          double lo, double hi, ss_fault **on_device)
{
    struct ss_faults *f = g->faults;
    if (++f->checks == 0) ++f->checks; /* 0 means none */
    ss_expected *e = &f->record[f->checks % RECORDS];
    *e = (ss_expected){f->checks, c->op->name, what, v->dtype, v->ndim, {0}, lo, hi, false, 0};
    memcpy(e->shape, v->shape, sizeof e->shape);
    f->pending = true;
    *on_device = f->device;
    return f->checks;
}

void ss_faults_ignore(ss_gpu *g, unsigned check, int64_t ignore)
{
    ss_expected *e = &g->faults->record[check % RECORDS];
    e->ignores = true;
    e->ignore = ignore;
}

/* "[2,1]", counted from 1. */
static void place_text(const ss_expected *e, int64_t at, char *to, size_t n)
{
    int64_t place[SS_MAX_DIM];
    size_t used = 0;
    for (int a = e->ndim - 1; a >= 0; a--) {
        place[a] = at % e->shape[a] + 1;
        at /= e->shape[a];
    }
    to[0] = 0;
    for (int a = 0; a < e->ndim && used < n; a++)
        used += (size_t)snprintf(to + used, n - used, "%s%" PRId64, a ? "," : "", place[a]);
}

static void say(ss_gpu *g, const ss_fault *h)
{
    const ss_expected *e = &g->faults->record[h->check % RECORDS];
    char place[160], value[40];
    if (e->check != h->check) {
        ss_gpu_fail(g, "one of the last operations was given a number outside its range");
        return;
    }
    if (e->ignores) {
        ss_gpu_fail(g,
                    "%s: %s must be %.17g to %.17g or ignore = %" PRId64 ", element %" PRId64
                    " is %" PRId64,
                    e->op, e->what, e->lo, e->hi, e->ignore, h->at + 1, h->value);
        return;
    }
    if (ss_is_float(e->type)) {
        float f;
        memcpy(&f, &h->value, sizeof f);
        snprintf(value, sizeof value, "%g", (double)f);
    } else {
        snprintf(value, sizeof value, "%" PRId64, h->value);
    }
    place_text(e, h->at, place, sizeof place);
    ss_gpu_fail(g, "%s: %s %s at place [%s] is outside %.17g to %.17g", e->op, e->what, value,
                place, e->lo, e->hi);
}

ss_status ss_faults_look(ss_gpu *g)
{
    struct ss_faults *f = g->faults;
    if (!f->pending) return SS_OK;
    TRY(cudaMemcpyAsync(f->host, f->device, sizeof *f->host, cudaMemcpyDeviceToHost, g->stream));
    TRY(cudaStreamSynchronize(g->stream));
    f->pending = false;
    if (f->host->check == 0) return SS_OK;
    say(g, f->host);
    const ss_status s = reset(g);
    return s ? s : SS_E_ARG;
}
