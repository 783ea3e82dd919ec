/* fibers.h — the smallest coroutine: a stack of its own that is entered and left. */
#ifndef SEMISAM_FIBERS_H
#define SEMISAM_FIBERS_H
struct fiber;
/* fiber_start() — runs fn(arg) on a pooled stack until it yields or ends. NULL: no memory. */
fiber *fiber_start(void (*fn)(void *arg), void *arg);
void fiber_resume(fiber *f);
void fiber_yield(void);           /* from inside: back to who started or resumed it */
bool fiber_ended(const fiber *f); /* then its stack may be used by the next */
void fiber_recycle(fiber *f);     /* also of one that has not ended: it never runs again */
#endif
