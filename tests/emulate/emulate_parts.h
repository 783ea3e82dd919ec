/* emulate_parts.h — between the parts of the emulator. */
#ifndef SEMISAM_EMULATE_PARTS_H
#define SEMISAM_EMULATE_PARTS_H
#include "emulate.h"
#include <functional>
namespace emu
{
void queue(cudaStream_t s, std::function<void()> task);
void refuse(cudaError_t e);          /* the error of a call; cudaGetLastError() gives it once */
void report_fault(const char *text); /* a lasting error, as after a bad access on a device */
bool faulted();
void note_launch(const launch_info &l);

/* Memory a block may declare and ask for together: more wants an opt-in that no launch makes. */
static const size_t SHARED_LIMIT = 48 << 10;
void shared_begin(size_t dynamic); /* of a new block */
bool shared_damaged();             /* something was written behind a declaration */
void shared_fault(const char *why);

enum order { FORWARDS, BACKWARDS, DRAWN };
struct schedule {
    bool greedy; /* one warp as far as it gets, then the next */
    order threads, blocks;
};
const schedule &schedule_now();

/* All of 0..n-1, each once, in an order. */
struct walk {
    size_t n, start, stride;
    walk(size_t count, order o);
    size_t at(size_t i) const
    {
        return n < 2 ? 0 : (start + i * stride) % n;
    }
};
bool at_least(int capability); /* of the device, 80 for sm_80 */
} // namespace emu
#endif
