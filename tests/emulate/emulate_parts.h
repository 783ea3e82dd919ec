/* emulate_parts.h — between the parts of the emulator. */
#ifndef SEMISAM_EMULATE_PARTS_H
#define SEMISAM_EMULATE_PARTS_H
#include "emulate_api.h"
#include <functional>
namespace emu
{
void queue(cudaStream_t s, std::function<void()> task);
void refuse(cudaError_t e);          /* the error of a call; cudaGetLastError() gives it once */
void report_fault(const char *text); /* a lasting error, as after a bad access on a device */
bool faulted();
void note_launch(const char *file, int line);
} // namespace emu
#endif
