/* loader.h — programs run by worker threads, results in the order of submission.
 *
 * One thread owns the loader and makes all calls; the workers are the loader's own. */
#ifndef SEMISAM_LOADER_H
#define SEMISAM_LOADER_H
#include "program.h"

typedef struct ss_loader ss_loader;

/* ss_loader_new() — `workers` threads, each with one kernel thread; 0: jobs run in
 * ss_loader_next(). `cache` is borrowed and may be NULL. */
ss_status ss_loader_new(ss_loader **out, int workers, ss_cache *cache, ss_error *err);
/* ss_loader_free() — cancels what runs, drops what waits, joins the threads. NULL is fine. */
void ss_loader_free(ss_loader *l);

/* ss_loader_submit() — takes over p (malloc'ed; freed with free_program, which may be NULL, then
 * free). Never waits. The bytes p refers to must live until its result is taken. */
ss_status ss_loader_submit(ss_loader *l, ss_program *p, void (*free_program)(ss_program *),
                           ss_error *err);
int ss_loader_pending(const ss_loader *l); /* submitted, not yet taken */
/* ss_loader_next() — result of the oldest job; waits for it, but not longer than `ms` milliseconds
 * (then *done is false). A failed job gives its own status and sentence; later ones still come. */
ss_status ss_loader_next(ss_loader *l, int ms, bool *done, int *nout, ss_result *result,
                         ss_error *err);
double ss_loader_waited(const ss_loader *l); /* seconds spent waiting in next(), or working there */
#endif
