/* shared.cpp — the shared memory of the running block. It begins as NaN: what is read before it is
 * written shows. Behind every piece lies a guard; with the sanitizer nobody may touch it. */
#include "emulate.h"
#include "emulate_parts.h"
#include <vector>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace emu
{

uint64_t block_serial = 1;

static const size_t GUARD = 128, ARENA = SHARED_LIMIT + (16 << 10);
static const unsigned char GUARD_FILL = 0xA5;
alignas(128) static unsigned char arena[ARENA];

struct piece {
    size_t at, bytes, end; /* of its guard */
};
static std::vector<piece> pieces;
static size_t used, asked, dynamic_bytes;

static void *place(size_t bytes)
{
    const piece p = {used, bytes, used + (bytes + 127) / 128 * 128 + GUARD};
    if (p.end > ARENA) return nullptr;
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(arena + p.at, bytes);
    __asan_poison_memory_region(arena + p.at + bytes, p.end - p.at - bytes);
#else
    memset(arena + p.at + bytes, GUARD_FILL, p.end - p.at - bytes);
#endif
    memset(arena + p.at, 0xFF, bytes);
    pieces.push_back(p);
    used = p.end;
    asked += bytes;
    return arena + p.at;
}

void shared_begin(size_t dynamic)
{
    block_serial++;
    pieces.clear();
    used = asked = 0;
    dynamic_bytes = dynamic;
    if (dynamic) place(dynamic);
}

bool shared_damaged()
{
#if !defined(__SANITIZE_ADDRESS__)
    for (const piece &p : pieces)
        for (size_t i = p.at + p.bytes; i < p.end; i++)
            if (arena[i] != GUARD_FILL) return true;
#endif
    return false;
}

void *shared(shared_slot *slot, size_t bytes)
{
    void *p = asked + bytes > SHARED_LIMIT ? nullptr : place(bytes);
    if (!p) {
        shared_fault("more than 48 KiB of shared memory");
        static unsigned char beyond[1 << 20]; /* the fault ends the block before it matters */
        p = beyond;
    }
    slot->block = block_serial;
    slot->at = p;
    return p;
}

void *dynamic_shared()
{
    if (!dynamic_bytes) shared_fault("uses the launch's shared memory, and the launch gives none");
    return arena;
}

} // namespace emu
