/* loader.c — see loader.h. One list of jobs from oldest to newest; workers take the oldest that
 * nobody has begun, the owner takes results from the head. */
#include "loader.h"
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_WORKERS = 64 };

typedef struct job {
    struct job *next;
    ss_program *p;
    void (*free_program)(ss_program *);
    enum { WAITING, RUNNING, DONE } state;
    ss_status status;
    ss_error err;
    ss_result result[SS_RESULTS];
} job;

struct ss_loader {
    pthread_mutex_t lock;
    pthread_cond_t work, ready; /* a job waits; a job is done */
    pthread_t thread[MAX_WORKERS];
    int workers, pending;
    volatile int stop;
    job *head, *tail;
    ss_cache *cache;
    double waited;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void job_free(job *j)
{
    for (int i = 0; i < SS_RESULTS; i++) free(j->result[i].block);
    if (j->free_program) j->free_program(j->p);
    free(j->p);
    free(j);
}

static void run(ss_loader *l, job *j)
{
    j->status = ss_program_run(j->p, l->cache, &l->stop, j->result, &j->err);
}

static job *first_waiting(ss_loader *l)
{
    job *j = l->head;
    while (j && j->state != WAITING) j = j->next;
    return j;
}

static void *worker(void *arg)
{
    ss_loader *l = arg;
    omp_set_num_threads(1); /* of this thread: jobs are parallel, kernels are not */
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        job *j = first_waiting(l);
        if (!j) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        j->state = RUNNING;
        pthread_mutex_unlock(&l->lock);
        run(l, j);
        pthread_mutex_lock(&l->lock);
        j->state = DONE;
        pthread_cond_broadcast(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void init_sync(ss_loader *l)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, &a);
    pthread_condattr_destroy(&a);
}

ss_status ss_loader_new(ss_loader **out, int workers, ss_cache *cache, ss_error *err)
{
    *out = NULL;
    if (workers < 0 || workers > MAX_WORKERS)
        return ss_error_set(err, SS_E_ARG, "loader: %d workers, expected 0 to %d", workers,
                            MAX_WORKERS);
    ss_loader *l = calloc(1, sizeof *l);
    if (!l) return ss_error_set(err, SS_E_NOMEM, "loader: out of memory");
    l->cache = cache;
    init_sync(l);
    while (l->workers < workers) {
        int rc = pthread_create(&l->thread[l->workers], NULL, worker, l);
        if (rc) {
            ss_loader_free(l);
            return ss_error_set(err, SS_E_STATE, "loader: a thread could not be started: %s",
                                strerror(rc));
        }
        l->workers++;
    }
    *out = l;
    return SS_OK;
}

void ss_loader_free(ss_loader *l)
{
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = 1;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->workers; i++) pthread_join(l->thread[i], NULL);
    while (l->head) {
        job *j = l->head;
        l->head = j->next;
        job_free(j);
    }
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

ss_status ss_loader_submit(ss_loader *l, ss_program *p, void (*free_program)(ss_program *),
                           ss_error *err)
{
    job *j = calloc(1, sizeof *j);
    if (!j) {
        if (free_program) free_program(p);
        free(p);
        return ss_error_set(err, SS_E_NOMEM, "loader: out of memory for a job");
    }
    j->p = p;
    j->free_program = free_program;
    pthread_mutex_lock(&l->lock);
    if (l->tail)
        l->tail->next = j;
    else
        l->head = j;
    l->tail = j;
    l->pending++;
    pthread_cond_signal(&l->work);
    pthread_mutex_unlock(&l->lock);
    return SS_OK;
}

int ss_loader_pending(const ss_loader *l)
{
    return l->pending;
}

double ss_loader_waited(const ss_loader *l)
{
    return l->waited;
}

/* Waits for the head to be done; false when `ms` are over. The lock is held. */
static bool wait_head(ss_loader *l, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (l->head->state != DONE)
        if (pthread_cond_timedwait(&l->ready, &l->lock, &until) == ETIMEDOUT) break;
    return l->head->state == DONE;
}

ss_status ss_loader_next(ss_loader *l, int ms, bool *done, int *nout, ss_result *result,
                         ss_error *err)
{
    *done = false;
    *nout = 0;
    if (!l->head) return ss_error_set(err, SS_E_STATE, "loader: next() without a submitted job");
    double from = now();
    if (l->workers == 0) {
        run(l, l->head);
        l->head->state = DONE;
    }
    pthread_mutex_lock(&l->lock);
    bool ready = wait_head(l, ms);
    job *j = l->head;
    if (ready) {
        l->head = j->next;
        if (!l->head) l->tail = NULL;
        l->pending--;
    }
    pthread_mutex_unlock(&l->lock);
    l->waited += now() - from;
    if (!ready) return SS_OK;
    *done = true;
    ss_status s = j->status;
    if (s) {
        *err = j->err;
    } else {
        *nout = j->p->nout;
        memcpy(result, j->result, sizeof *result * (size_t)*nout);
        memset(j->result, 0, sizeof j->result);
    }
    job_free(j);
    return s;
}
