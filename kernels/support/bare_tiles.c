/* bare_tiles.c — the rate of the tile unit by itself. At times, most likely beside a busy sibling
 * of a core (SMT), products and loads of tiles are each about as fast as ever, but not in turn:
 * four loads and four products then take four times as long. Where timings of bf16 vary, this
 * tells. */
#include "../cpu.h"
#include "amx.h"
#include "bare.h"
#include <stdlib.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) &&                              \
    (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#include <immintrin.h>
#include <omp.h>

#define CODE __attribute__((target("amx-tile,amx-bf16")))

enum { TILE = SS_AMX_PANEL * SS_AMX_BLOCK, TILES = 16 }; /* elements of a tile; 16 KiB of them */

CODE static void alone(int64_t steps)
{
    for (int64_t i = 0; i < steps; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

/* As a matrix product does it: 32 x 32 sums, two tiles of either operand for each step. */
CODE static void loaded(const uint16_t *x, int64_t steps)
{
    for (int64_t i = 0; i < steps; i++) {
        const uint16_t *at = x + i % (TILES / 4) * 4 * TILE;
        _tile_loadd(4, at, 64);
        _tile_loadd(6, at + TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, at + 2 * TILE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, at + 3 * TILE, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

CODE static void work(const uint16_t *x, int64_t steps, bool loads)
{
    ss_amx_begin();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    loaded(x, 1); /* so that every tile has numbers */
    if (loads)
        loaded(x, steps);
    else
        alone(steps);
    ss_amx_end();
}

ss_status ss_bare_tiles(ss_call *c, int64_t steps, bool loads, int repeats, float *seconds)
{
    if (!ss_amx()) return ss_fail(c, SS_E_STATE, "this processor has no tile unit (AMX)");
    uint16_t *x = aligned_alloc(64, TILES * TILE * sizeof *x);
    if (!x) return ss_fail(c, SS_E_NOMEM, "no memory for %d tiles", TILES);
    for (int64_t i = 0; i < TILES * TILE; i++) x[i] = 0x3c00; /* 2^-7: sums stay finite */
    for (int i = -1; i < repeats; i++) {
        const double t = omp_get_wtime();
#pragma omp parallel
        work(x, steps, loads);
        if (i >= 0) seconds[i] = (float)(omp_get_wtime() - t);
    }
    free(x);
    return SS_OK;
}

#else
ss_status ss_bare_tiles(ss_call *c, int64_t steps, bool loads, int repeats, float *seconds)
{
    (void)steps, (void)loads, (void)repeats, (void)seconds;
    return ss_fail(c, SS_E_STATE, "this build has no code for a tile unit (AMX)");
}
#endif
