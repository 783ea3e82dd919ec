/* amx.c — see amx.h. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, AMX. */
#include "amx.h"
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) &&                              \
    (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES __attribute__((target("amx-tile,amx-bf16")))

enum {
    CPUID_AMX_BF16 = 1 << 22,
    CPUID_AMX_TILE = 1 << 24,
    CPUID_AVX512_BF16 = 1 << 5,
    ARCH_REQ_XCOMP_PERM = 0x1023, /* asks Linux for the tiles' state */
    XFEATURE_XTILEDATA = 18
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable;

static void ask(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    if (!(d & CPUID_AMX_BF16) || !(d & CPUID_AMX_TILE)) return;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & CPUID_AVX512_BF16)) return;
    usable = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool ss_amx(void)
{
    pthread_once(&once, ask);
    return usable;
}

TILES void ss_amx_begin(void)
{
    struct {
        uint8_t palette, start, none[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    /* gcc is told that 8 of the 64 bytes are read, and may leave out what writes the others */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

TILES void ss_amx_end(void)
{
    _tile_release();
}

/* One block of C: 32 or 16 rows (`tall`) by 32 or 16 columns (`wide`); its tiles stay in registers
 * while k runs. Called with constants. */
TILES static inline __attribute__((always_inline)) void block(bool tall, bool wide, int64_t k,
                                                              const uint16_t *a, int64_t lda,
                                                              const uint16_t *b, int64_t panel,
                                                              float *c, int64_t ldc, bool add)
{
    const size_t step_a = (size_t)lda * 2, step_c = (size_t)ldc * 4;
    const uint16_t *a1 = a + 16 * lda, *b1 = b + panel;
    float *c1 = c + 16 * ldc;
    if (add) {
        _tile_loadd(0, c, step_c);
        if (wide) _tile_loadd(1, c + 16, step_c);
        if (tall) _tile_loadd(2, c1, step_c);
        if (tall && wide) _tile_loadd(3, c1 + 16, step_c);
    } else {
        _tile_zero(0);
        if (wide) _tile_zero(1);
        if (tall) _tile_zero(2);
        if (tall && wide) _tile_zero(3);
    }
    for (int64_t p = 0; p < k; p += SS_AMX_BLOCK) {
        _tile_loadd(4, a + p, step_a);
        if (tall) _tile_loadd(5, a1 + p, step_a);
        _tile_loadd(6, b + p * SS_AMX_PANEL, 64);
        if (wide) _tile_loadd(7, b1 + p * SS_AMX_PANEL, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) _tile_dpbf16ps(1, 4, 7);
        if (tall) _tile_dpbf16ps(2, 5, 6);
        if (tall && wide) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, step_c);
    if (wide) _tile_stored(1, c + 16, step_c);
    if (tall) _tile_stored(2, c1, step_c);
    if (tall && wide) _tile_stored(3, c1 + 16, step_c);
}

TILES void ss_amx_gemm(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda,
                       const uint16_t *b, int64_t panel, float *c, int64_t ldc, bool add)
{
    for (int64_t j = 0; j < n; j += SS_AMX_BLOCK) {
        const uint16_t *bj = b + j / SS_AMX_PANEL * panel;
        const bool wide = n - j > SS_AMX_PANEL;
        for (int64_t i = 0; i < m; i += SS_AMX_BLOCK) {
            const uint16_t *ai = a + i * lda;
            float *to = c + i * ldc + j;
            const bool tall = m - i > SS_AMX_PANEL;
            if (tall && wide)
                block(true, true, k, ai, lda, bj, panel, to, ldc, add);
            else if (tall)
                block(true, false, k, ai, lda, bj, panel, to, ldc, add);
            else if (wide)
                block(false, true, k, ai, lda, bj, panel, to, ldc, add);
            else
                block(false, false, k, ai, lda, bj, panel, to, ldc, add);
        }
    }
}

#else
bool ss_amx(void)
{
    return false;
}
void ss_amx_begin(void)
{
}
void ss_amx_end(void)
{
}
void ss_amx_gemm(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda, const uint16_t *b,
                 int64_t panel, float *c, int64_t ldc, bool add)
{
    (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)panel, (void)c, (void)ldc;
    (void)add;
}
#endif
