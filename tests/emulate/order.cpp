/* order.cpp — who goes first: the schedule named by $SS_EMULATE_SCHEDULE. */
#include "emulate_parts.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace emu
{

static uint64_t draw_state = 1;

static size_t draw(size_t n)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(draw_state >> 33) % n;
}

static schedule read()
{
    const char *named = getenv("SS_EMULATE_SCHEDULE");
    const char *how = named ? named : "fwd";
    if (strcmp(how, "rev") == 0) return {false, BACKWARDS, BACKWARDS};
    if (strcmp(how, "gfwd") == 0) return {true, FORWARDS, FORWARDS};
    if (strcmp(how, "grev") == 0) return {true, BACKWARDS, BACKWARDS};
    if (strncmp(how, "grand:", 6) == 0) {
        draw_state = strtoull(how + 6, nullptr, 10) * 2 + 1;
        return {true, DRAWN, DRAWN};
    }
    return {false, FORWARDS, FORWARDS};
}

const schedule &schedule_now()
{
    static const schedule s = read();
    return s;
}

static size_t divisor(size_t a, size_t b)
{
    while (b) {
        const size_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

walk::walk(size_t count, order o) : n(count), start(0), stride(1)
{
    if (n < 2 || o == FORWARDS) return;
    start = n - 1;
    stride = n - 1; /* one back, around the end */
    if (o == BACKWARDS) return;
    start = draw(n);
    do stride = 1 + draw(n - 1);
    while (divisor(n, stride) != 1);
}

} // namespace emu
