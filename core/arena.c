/* arena.c — device memory in segments, cut into blocks and joined again.
 *
 * Taking memory from CUDA can cost a millisecond and giving it back waits for the device, so in a
 * step that repeats neither may happen. Blocks kept by size would stand beside each other for every
 * size a step uses; cut from segments they share the same bytes. Which block is taken depends on
 * sizes and on the order of requests, never on addresses: "meta:cuda", whose addresses are made up,
 * takes what a device takes.
 */
#include "core.h"
#include <stdlib.h>

/* UNIT: sizes are multiples of it, so every block is aligned as CUDA's own. SMALL blocks live in
 * segments of their own: few, long-lived and small ones would hold large segments in pieces. */
#define UNIT ((size_t)512)
#define SMALL_BYTES ((size_t)1 << 20)
#define SMALL_SEGMENT ((size_t)2 << 20)
#define SEGMENT ((size_t)64 << 20)
#define KEPT_BYTES ((size_t)64 << 20) /* may wait for reuse in any case */
enum { KEPT_PART = 8 };               /* and this part of the most that was in use at once */

enum { BUCKETS = 4096 };

/* A piece of a segment. left, right: its neighbours there. */
typedef struct piece {
    struct piece *left, *right;
    struct piece *before, *next; /* in the list of its bin while free, `next` in its bucket else */
    char *at;
    size_t bytes;
    bool free, small;
} piece;

struct ss_arena {
    piece *bin[2][SS_BINS]; /* free pieces, small segments' apart; each list by ascending size */
    piece *bucket[BUCKETS]; /* pieces in use by address */
    uintptr_t imagined;     /* where the next segment of a device without memory begins */
};

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* ---- free pieces ------------------------------------------------------------------- */

/* Eight bins per power of two; a piece lies in the last one whose sizes are not above its own. */
static int bin_of(size_t bytes)
{
    const int log2 = 63 - __builtin_clzll((unsigned long long)bytes);
    return log2 * 8 + (int)((bytes >> (log2 - 3)) & 7);
}

static void put(ss_arena *a, piece *p)
{
    piece *before = NULL, **at = &a->bin[p->small][bin_of(p->bytes)];
    for (; *at && (*at)->bytes < p->bytes; at = &(*at)->next) before = *at;
    p->before = before;
    p->next = *at;
    if (p->next) p->next->before = p;
    *at = p;
    p->free = true;
}

static void unlist(ss_arena *a, piece *p)
{
    if (p->next) p->next->before = p->before;
    if (p->before)
        p->before->next = p->next;
    else
        a->bin[p->small][bin_of(p->bytes)] = p->next;
    p->free = false;
}

/* The smallest free piece of at least that many bytes. */
static piece *fitting(ss_arena *a, size_t bytes, bool small)
{
    for (int i = bin_of(bytes); i < SS_BINS; i++)
        for (piece *p = a->bin[small][i]; p; p = p->next)
            if (p->bytes >= bytes) return p;
    return NULL;
}

static bool whole(const piece *p)
{
    return p->free && !p->left && !p->right;
}

/* ---- segments ---------------------------------------------------------------------- */

static void *segment_memory(ss_device *d, size_t bytes)
{
    if (d->gpu) return ss__backend(NULL, 0)->alloc(d->gpu, bytes);
    char *p = (char *)d->arena->imagined;
    d->arena->imagined += bytes;
    return p;
}

static void drop_segment(ss_device *d, piece *p)
{
    unlist(d->arena, p);
    if (d->gpu) ss__backend(NULL, 0)->release(d->gpu, p->at);
    d->mem.reserved -= p->bytes;
    d->mem.cached -= p->bytes;
    free(p);
}

/* Segments of which nothing is in use go back, largest first, until at most `most` bytes are left.
 */
static void give_back(ss_device *d, size_t most)
{
    for (int small = 0; small < 2; small++)
        for (int i = SS_BINS - 1; i >= 0; i--)
            for (piece *p = d->arena->bin[small][i], *next; p; p = next) {
                next = p->next;
                if (d->mem.reserved <= most) return;
                if (whole(p)) drop_segment(d, p);
            }
}

static piece *new_segment(ss_device *d, size_t bytes, bool small)
{
    const size_t exact = round_up(bytes, SMALL_SEGMENT);
    size_t size = small ? SMALL_SEGMENT : bytes < SEGMENT / 2 ? SEGMENT : exact;
    const size_t limit = d->high + d->high / KEPT_PART + KEPT_BYTES;
    give_back(d, limit > size ? limit - size : 0);
    piece *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    char *at = segment_memory(d, size);
    if (!at && size > exact) at = segment_memory(d, size = exact); /* what little there is */
    if (!at) {
        free(p);
        return NULL;
    }
    *p = (piece){.at = at, .bytes = size, .small = small};
    d->mem.requests++;
    d->mem.reserved += size;
    d->mem.cached += size;
    if (d->mem.reserved > d->mem.reserved_peak) d->mem.reserved_peak = d->mem.reserved;
    put(d->arena, p);
    return p;
}

/* ---- blocks ------------------------------------------------------------------------ */

static piece **bucket_of(ss_arena *a, const void *at)
{
    return &a->bucket[(uintptr_t)at / UNIT * 0x9E3779B97F4A7C15u >> 52];
}

/* What p has beyond `bytes` becomes a piece of its own where it is worth one. */
static void cut(ss_arena *a, piece *p, size_t bytes)
{
    const size_t rest = p->bytes - bytes;
    piece *q = rest >= (p->small ? UNIT : SMALL_BYTES) ? calloc(1, sizeof *q) : NULL;
    if (!q) return;
    *q = (piece){
        .left = p, .right = p->right, .at = p->at + bytes, .bytes = rest, .small = p->small};
    if (q->right) q->right->left = q;
    p->right = q;
    p->bytes = bytes;
    put(a, q);
}

/* p takes in its right neighbour. */
static void join(piece *p)
{
    piece *q = p->right;
    p->bytes += q->bytes;
    p->right = q->right;
    if (p->right) p->right->left = p;
    free(q);
}

void *ss__arena_take(ss_device *d, size_t bytes)
{
    ss_arena *a = d->arena;
    if (!a && !(a = d->arena = calloc(1, sizeof *a))) return NULL;
    if (!a->imagined) a->imagined = (uintptr_t)SEGMENT;
    bytes = round_up(bytes ? bytes : 1, UNIT);
    const bool small = bytes <= SMALL_BYTES;
    piece *p = fitting(a, bytes, small);
    if (!p && !(p = new_segment(d, bytes, small))) return NULL;
    unlist(a, p);
    cut(a, p, bytes);
    d->mem.cached -= p->bytes;
    piece **list = bucket_of(a, p->at);
    p->next = *list;
    *list = p;
    return p->at;
}

void ss__arena_give(ss_device *d, void *at)
{
    ss_arena *a = d->arena;
    piece **list = bucket_of(a, at);
    while ((*list)->at != (char *)at) list = &(*list)->next;
    piece *p = *list;
    *list = p->next;
    d->mem.cached += p->bytes;
    if (p->right && p->right->free) unlist(a, p->right), join(p);
    if (p->left && p->left->free) {
        p = p->left;
        unlist(a, p);
        join(p);
    }
    put(a, p);
}

void ss__arena_trim(ss_device *d)
{
    if (d->arena) give_back(d, 0);
}

void ss__arena_close(ss_device *d)
{
    ss__arena_trim(d);
    free(d->arena);
    d->arena = NULL;
}
