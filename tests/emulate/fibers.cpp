/* fibers.cpp — coroutines on pooled stacks; the sanitizer is told of every switch. */
#include "fibers.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
static const size_t STACK = 512 << 10;
#else
static const size_t STACK = 128 << 10;
#endif

struct fiber {
    ucontext_t uc;
    void *sp; /* x86-64: where it left */
    char *stack;
    void *fake; /* the sanitizer's second stack */
    void (*fn)(void *);
    void *arg;
    bool ended;
};

/* Never destroyed: what waits in it is not lost when the process ends. */
static std::vector<fiber *> &pool = *new std::vector<fiber *>();
static fiber *current;
static void *main_sp;
#if !defined(__x86_64__)
static ucontext_t main_uc;
#endif
#if defined(__SANITIZE_ADDRESS__)
static const void *main_bottom;
static size_t main_size;
static void *main_fake;
#endif

#if defined(__x86_64__)
extern "C" __attribute__((visibility("hidden"))) void ss_fiber_switch(void **from, void *to);
asm(".text\n.globl ss_fiber_switch\n.hidden ss_fiber_switch\n.type "
    "ss_fiber_switch,@function\nss_fiber_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".size ss_fiber_switch,.-ss_fiber_switch\n");
#endif

static void leave(bool for_good)
{
    fiber *f = current;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &f->fake, main_bottom, main_size);
#else
    (void)for_good;
#endif
#if defined(__x86_64__)
    ss_fiber_switch(&f->sp, main_sp);
#else
    swapcontext(&f->uc, &main_uc);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(f->fake, &main_bottom, &main_size);
#endif
}

static void body(void)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &main_bottom, &main_size);
#endif
    fiber *f = current;
    f->fn(f->arg);
    f->ended = true;
    leave(true);
    abort(); /* an ended fiber is never resumed */
}

static void enter(fiber *f)
{
    current = f;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&main_fake, f->stack, STACK);
#endif
#if defined(__x86_64__)
    ss_fiber_switch(&main_sp, f->sp);
#else
    swapcontext(&main_uc, &f->uc);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(main_fake, nullptr, nullptr);
#endif
    current = nullptr;
}

static void prepare(fiber *f)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(f->stack, STACK);
#endif
#if defined(__x86_64__)
    /* Six saved registers, body's address, and a slot that keeps the stack aligned for a call. */
    void **sp = (void **)(f->stack + STACK) - 8;
    for (int i = 0; i < 8; i++) sp[i] = nullptr;
    sp[6] = (void *)body;
    f->sp = sp;
#else
    getcontext(&f->uc);
    f->uc.uc_stack.ss_sp = f->stack;
    f->uc.uc_stack.ss_size = STACK;
    makecontext(&f->uc, body, 0);
#endif
}

fiber *fiber_start(void (*fn)(void *arg), void *arg)
{
    fiber *f;
    if (pool.empty()) {
        void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED) return nullptr;
        f = new fiber();
        f->stack = (char *)stack;
    } else {
        f = pool.back();
        pool.pop_back();
    }
    f->fn = fn;
    f->arg = arg;
    f->ended = false;
    prepare(f);
    enter(f);
    return f;
}

void fiber_resume(fiber *f)
{
    enter(f);
}
void fiber_yield(void)
{
    leave(false);
}
bool fiber_ended(const fiber *f)
{
    return f->ended;
}
void fiber_recycle(fiber *f)
{
    pool.push_back(f);
}
