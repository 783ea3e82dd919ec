/* luacache.h — the cache handle as other bindings see it. */
#ifndef SEMISAM_LUACACHE_H
#define SEMISAM_LUACACHE_H
#include "cache.h"
#include "ssl.h"

#define SSL_CACHE "semisam.cache"

ss_cache *ssL_checkcache(lua_State *L, int i); /* raises on a closed one [-0, +0, m] */
void ssL_open_cache(lua_State *L);
void ssL_open_loader(lua_State *L);
#endif
