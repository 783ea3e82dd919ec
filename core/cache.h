/* cache.h — preprocessed cases on disk: LMDB, mapped, crash-safe, shared by processes and threads.
 *
 * A key names an entry of a few named arrays. Every entry carries a hash that is checked when it is
 * read. All functions may be called from any thread. */
#ifndef SEMISAM_CACHE_H
#define SEMISAM_CACHE_H
#include "error.h"

typedef struct ss_cache ss_cache;

enum { SS_PARTS = 8, SS_PART_NAME = 24 };

typedef struct ss_part {
    char name[SS_PART_NAME];
    ss_view view; /* contiguous */
} ss_part;

/* ss_cache_open() — the cache in folder `dir`, made if missing. It may grow to `limit` bytes (of
 * address space and, as it fills, of disk). A folder opened twice is one cache. */
ss_status ss_cache_open(ss_cache **out, const char *dir, uint64_t limit, ss_error *err);
void ss_cache_close(ss_cache *c); /* NULL is fine; the last close of a folder frees it */

/* ss_cache_put() — stores or replaces an entry; on return it is on the disk. */
ss_status ss_cache_put(ss_cache *c, const char *key, int n, const ss_part *part, ss_error *err);

/* ss_cache_get() — a copy of an entry in one malloc'ed block that the parts point into; free it
 * with free(*block). *n is 0 and *block NULL if there is none. */
ss_status ss_cache_get(ss_cache *c, const char *key, void **block, int *n, ss_part *part,
                       ss_error *err);
bool ss_cache_has(ss_cache *c, const char *key);
ss_status ss_cache_remove(ss_cache *c, const char *key, ss_error *err); /* a missing key is fine */
#endif
