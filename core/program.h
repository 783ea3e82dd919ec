/* program.h — a list of op calls on plain host arrays: what a loader thread runs.
 *
 * Registers hold arrays; each is written once. The first ones are given (bytes the caller keeps
 * alive) or fetched from a cache; each step fills the next. No context, no tape, no reference
 * counts: a program may run on any thread, and gives the same bits on every one. */
#ifndef SEMISAM_PROGRAM_H
#define SEMISAM_PROGRAM_H
#include "cache.h"
#include "op.h"
#include "semisam.h"

enum { SS_STEP_IN = 8, SS_REGISTERS = 96, SS_STEPS = 64, SS_RESULTS = 8 };

/* A register that is there before the first step. */
typedef struct ss_given {
    ss_view view;    /* host bytes, kept by the caller; or, with `key`, fetched when the job runs */
    const char *key; /* entry of the cache; NULL: view */
    const char *part;
} ss_given;

/* One call. Attributes are as a user gave them: dims 1-based or negative; n == SS_ATTR_ABSENT
 * stands for the default. Both are resolved when the rank of the input is known. */
enum { SS_ATTR_ABSENT = -2 };
typedef struct ss_step {
    const ss_opinfo *op;
    int nin, in[SS_STEP_IN];
    ss_attr attr[SS_MAX_ATTR];
} ss_step;

typedef struct ss_program {
    int ngiven, nstep, nout;
    ss_given given[SS_REGISTERS - SS_STEPS];
    ss_step step[SS_STEPS]; /* step i fills register ngiven + i */
    int out[SS_RESULTS];    /* registers that are the result */
} ss_program;

/* A result: contiguous elements in a malloc'ed block of their own. */
typedef struct ss_result {
    ss_view view;
    void *block; /* free() it */
} ss_result;

/* ss_program_run() — fills nout results. On failure none is filled and *err names the step. */
ss_status ss_program_run(const ss_program *p, ss_cache *cache, const volatile int *cancel,
                         ss_result *result, ss_error *err);
#endif
