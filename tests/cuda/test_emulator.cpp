/* test_emulator.cpp — every planted fault is found under one of the schedules that the op tests run
 * under, and the same kernel without it is clean under all of them. Each run is a process of its
 * own: a fault stays, as on a device. */
#include "faults.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

static const char *const schedules[] = {"fwd", "grev", "grand:1"};

/* In the child: what was found, or "clean". */
static void work(const planted &p, bool broken)
{
    static ss_gpu g;
    float *y, host[ROOM];
    cudaStreamCreateWithFlags(&g.stream, cudaStreamNonBlocking);
    cudaMalloc((void **)&y, sizeof host);
    for (int i = 0; i < ROOM; i++) host[i] = (float)i;
    cudaMemcpyAsync(y, host, sizeof host, cudaMemcpyHostToDevice, g.stream);
    p.run(&g, broken, y);
    cudaError_t e = cudaGetLastError();
    cudaStreamSynchronize(g.stream);
    if (e == cudaSuccess) e = cudaGetLastError();
    memcpy(host, y, sizeof host);
    int wrong = -1;
    for (int i = 255; i >= 0; i--)
        if (!(host[i] == p.want(i))) wrong = i;
    if (e != cudaSuccess)
        printf("%s\n", cudaGetErrorString(e));
    else if (wrong >= 0)
        printf("wrong result: element %d is %g, want %g\n", wrong, (double)host[wrong],
               (double)p.want(wrong));
    else
        printf("clean\n");
    fflush(stdout);
}

static std::string run(const planted &p, bool broken, const char *schedule)
{
    int out[2];
    if (pipe(out)) return "no pipe";
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        setenv("SS_EMULATE_SCHEDULE", schedule, 1);
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(out[0]);
        work(p, broken);
        _exit(0);
    }
    close(out[1]);
    std::string text;
    char part[4096];
    for (ssize_t n; (n = read(out[0], part, sizeof part)) > 0;) text.append(part, (size_t)n);
    close(out[0]);
    waitpid(child, nullptr, 0);
    return text;
}

static bool is_it(const planted &p, const std::string &said)
{
    if (said.find(p.found ? p.found : "wrong result") != std::string::npos) return true;
    /* The sanitizer sees a write behind shared memory before the emulator does. */
    return p.found && strstr(p.found, "shared memory") &&
           (said.find("use-after-poison") != std::string::npos ||
            said.find("out of bounds for type") != std::string::npos);
}

static bool test(const planted &p)
{
    bool found = false;
    std::string said, clean;
    for (const char *s : schedules) {
        const std::string broken = run(p, true, s), whole = run(p, false, s);
        found = found || is_it(p, broken);
        said += std::string("  ") + s + ": " + broken.substr(0, 300) + "\n";
        if (whole != "clean\n") clean += std::string("  ") + s + ": " + whole.substr(0, 300) + "\n";
    }
    if (!found) printf("FAIL %s is not found\n%s", p.name, said.c_str());
    if (!clean.empty())
        printf("FAIL %s: found in the kernel without it\n%s", p.name, clean.c_str());
    return found && clean.empty();
}

int main(void)
{
    int passed = 0, failed = 0;
#if defined(__SANITIZE_ADDRESS__)
    const bool sanitizer = true;
#else
    const bool sanitizer = false;
#endif
    for (int i = 0; i < nfaults; i++) {
        if (faults[i].needs_sanitizer && !sanitizer)
            printf("skip %s: only the build with AddressSanitizer sees it\n", faults[i].name);
        else if (test(faults[i]))
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
