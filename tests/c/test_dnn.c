/* test_dnn.c — the oneDNN layer: several threads at once, more shapes than the cache holds. */
#include "support/mm.h"
#include "t.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 200, MOST = 24 };

typedef struct worker {
    unsigned seed;
    int wrong;
    float x[MOST * MOST], w[MOST * MOST], b[MOST], y[MOST * MOST];
} worker;

static float value(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 16) / 32768.0f - 1.0f;
}

/* One product of a random shape, against a sum in double. */
static bool product(worker *t)
{
    ss_call c = {0};
    ss_mm q = {.batch = 1,
               .compute = SS_F32,
               .x_type = SS_F32,
               .w_type = SS_F32,
               .b_type = SS_F32,
               .y_type = SS_F32,
               .bias = true,
               .w_transposed = true};
    q.m = 1 + (int64_t)(fabsf(value(&t->seed)) * (MOST - 1));
    q.k = 1 + (int64_t)(fabsf(value(&t->seed)) * (MOST - 1));
    q.n = 1 + (int64_t)(fabsf(value(&t->seed)) * (MOST - 1));
    for (int64_t i = 0; i < q.m * q.k; i++) t->x[i] = value(&t->seed);
    for (int64_t i = 0; i < q.n * q.k; i++) t->w[i] = value(&t->seed);
    for (int64_t i = 0; i < q.n; i++) t->b[i] = value(&t->seed);
    size_t bytes = 0;
    if (ss_mm_plan(&c, &q, &bytes)) return false;
    void *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!scratch) return false;
    bool ok = ss_mm_run(&c, &q, t->x, t->w, t->b, NULL, t->y, scratch) == SS_OK;
    free(scratch);
    for (int64_t i = 0; i < q.m && ok; i++)
        for (int64_t j = 0; j < q.n && ok; j++) {
            double sum = (double)t->b[j];
            for (int64_t k = 0; k < q.k; k++)
                sum += (double)t->x[i * q.k + k] * (double)t->w[j * q.k + k];
            ok = fabs(sum - (double)t->y[i * q.n + j]) < 1e-5;
        }
    return ok;
}

static void *work(void *arg)
{
    worker *t = arg;
    for (int i = 0; i < ROUNDS; i++) t->wrong += !product(t);
    return NULL;
}

static void test_threads(void)
{
    static worker workers[THREADS];
    pthread_t id[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i].seed = (unsigned)(7 * i + 1);
        T_INT(pthread_create(&id[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        T_INT(workers[i].wrong, 0);
    }
}

/* Held primitives survive however many others pass through the cache. */
static void test_held(void)
{
    ss_call c = {0};
    ss_dnn_desc d;
    ss_dnn *first = NULL, *again = NULL;
    const int64_t size[2] = {3, 5}, other[2] = {5, 2}, out[2] = {3, 2};
    memset(&d, 0, sizeof d);
    d.kind = SS_DNN_MATMUL;
    d.compute = SS_F32;
    ss_dnn_memory(&d, SS_DNN_X, SS_F32, 2, size);
    ss_dnn_memory(&d, SS_DNN_W, SS_F32, 2, other);
    ss_dnn_memory(&d, SS_DNN_Y, SS_F32, 2, out);
    T_INT(ss_dnn_get(&c, &d, &first), SS_OK);
    if (!first) { /* SEMISAM_DNN=off, or a processor that oneDNN has no code for */
        printf("skipped: oneDNN gives no primitive here\n");
        return;
    }
    worker t = {.seed = 99};
    for (int i = 0; i < 3 * ROUNDS; i++) t.wrong += !product(&t);
    T_INT(t.wrong, 0);
    T_INT(ss_dnn_get(&c, &d, &again), SS_OK);
    T_INT(first == again, 1);
    float x[15], w[10], y[6];
    for (int i = 0; i < 15; i++) x[i] = (float)i;
    for (int i = 0; i < 10; i++) w[i] = (float)(i % 3);
    char scratch[4096] __attribute__((aligned(64)));
    T_INT(ss_dnn_scratch(&c, first, NULL) <= sizeof scratch, 1);
    T_INT(ss_dnn_run(&c, first, (void *[SS_DNN_SLOTS]){x, w, NULL, y}, NULL, scratch), SS_OK);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++) {
            float sum = 0;
            for (int k = 0; k < 5; k++) sum += x[i * 5 + k] * w[k * 2 + j];
            T_INT(y[i * 2 + j], sum);
        }
    ss_dnn_put(again);
    ss_dnn_put(first);
}

int main(void)
{
    T_RUN(test_threads);
    T_RUN(test_held);
    return t_done();
}
