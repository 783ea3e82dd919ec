/* engine.c — the module semisam.core: context, memory, threads, clocks. */
#include "ssl.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char state_key = 0;

ssL_state *ssL_get(lua_State *L)
{
    return *(ssL_state **)lua_getextraspace(L);
}

static const char *device_at(lua_State *L, int i)
{
    return luaL_optstring(L, i, ssL_get(L)->device);
}

/* memory(device) — {used, cached, peak, reserved, reserved_peak, budget} in bytes, {requests} and
 * {trace}. */
static int memory(lua_State *L)
{
    ss_memory m;
    ssL_try(L, ss_memory_get(ssL_ctx(L), device_at(L, 1), &m));
    lua_createtable(L, 0, 8);
    lua_pushinteger(L, (lua_Integer)m.used), lua_setfield(L, -2, "used");
    lua_pushinteger(L, (lua_Integer)m.cached), lua_setfield(L, -2, "cached");
    lua_pushinteger(L, (lua_Integer)m.peak), lua_setfield(L, -2, "peak");
    lua_pushinteger(L, (lua_Integer)m.reserved), lua_setfield(L, -2, "reserved");
    lua_pushinteger(L, (lua_Integer)m.reserved_peak), lua_setfield(L, -2, "reserved_peak");
    lua_pushinteger(L, (lua_Integer)m.requests), lua_setfield(L, -2, "requests");
    lua_pushinteger(L, (lua_Integer)(m.budget > INT64_MAX ? INT64_MAX : m.budget));
    lua_setfield(L, -2, "budget");
    lua_pushfstring(L, "%p", (void *)(uintptr_t)m.trace), lua_setfield(L, -2, "trace");
    return 1;
}

static int reset_peak(lua_State *L)
{
    ssL_try(L, ss_memory_reset_peak(ssL_ctx(L), device_at(L, 1)));
    return 0;
}

static int trim(lua_State *L)
{
    ssL_try(L, ss_memory_trim(ssL_ctx(L), device_at(L, 1)));
    return 0;
}

static int set_budget(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 2);
    if (n < 0) return ssL_fail(L, "set_budget: %I bytes", n);
    ssL_try(L, ss_memory_set_budget(ssL_ctx(L), luaL_checkstring(L, 1), (size_t)n));
    return 0;
}

/* threads([n]) — sets and returns the number of threads kernels use. */
static int threads(lua_State *L)
{
    lua_Integer n = luaL_optinteger(L, 1, 0);
    if (!lua_isnoneornil(L, 1) && (n < 1 || n > 1024))
        return ssL_fail(L, "threads: expected 1 to 1024, got %I", n);
    lua_pushinteger(L, ss_threads((int)n));
    return 1;
}

/* default_device([name]) — where new tensors are made. */
static int default_device(lua_State *L)
{
    ss_memory m;
    if (!lua_isnoneornil(L, 1)) {
        const char *name = luaL_checkstring(L, 1);
        ssL_try(L, ss_memory_get(ssL_ctx(L), name, &m));
        ssL_get(L)->device = ss_device_name(ssL_ctx(L), name);
    }
    lua_pushstring(L, ssL_get(L)->device);
    return 1;
}

static int live(lua_State *L)
{
    int64_t tensors, bytes;
    ss_live(ssL_ctx(L), &tensors, &bytes);
    lua_pushinteger(L, tensors);
    lua_pushinteger(L, bytes);
    return 2;
}

/* wait([device]) — until everything asked of the device is done. */
static int wait_for(lua_State *L)
{
    ssL_try(L, ss_wait(ssL_ctx(L), device_at(L, 1)));
    return 0;
}

static int flops(lua_State *L)
{
    lua_pushnumber(L, ss_flops(ssL_ctx(L)));
    return 1;
}

static double number_at(lua_State *L, const char *key)
{
    lua_getfield(L, 1, key);
    const double x = luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return x;
}

/* _pace{flops_f32=, flops_f16=, bytes=, launch=} — see ss_profile_pace() and ss_meta_ones(); nil:
 * none. */
static int pace(lua_State *L)
{
    ss_pace p = {0};
    ss_meta_ones(ssL_ctx(L), !lua_isnoneornil(L, 1));
    if (lua_isnoneornil(L, 1)) {
        ssL_try(L, ss_profile_pace(ssL_ctx(L), NULL));
        return 0;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    p.flops_f32 = number_at(L, "flops_f32");
    p.flops_f16 = number_at(L, "flops_f16");
    p.bytes = number_at(L, "bytes");
    p.launch = number_at(L, "launch");
    ssL_try(L, ss_profile_pace(ssL_ctx(L), &p));
    return 0;
}

/* _profile(on) — starts or stops counting; returns what was counted: name -> {calls, seconds,
 * flops, bytes, asked}. */
static int profile(lua_State *L)
{
    ss_ctx *ctx = ssL_ctx(L);
    lua_newtable(L);
    for (int i = 0; i < ss_op_count(); i++) {
        const ss_profile_row *row = ss_profile_at(ctx, i);
        if (!row || row->calls == 0) continue;
        lua_createtable(L, 0, 3);
        lua_pushinteger(L, row->calls);
        lua_setfield(L, -2, "calls");
        lua_pushnumber(L, row->seconds);
        lua_setfield(L, -2, "seconds");
        lua_pushnumber(L, row->flops);
        lua_setfield(L, -2, "flops");
        lua_pushnumber(L, row->bytes);
        lua_setfield(L, -2, "bytes");
        lua_pushnumber(L, row->asked);
        lua_setfield(L, -2, "asked");
        lua_setfield(L, -2, ss_op_at(i)->name);
    }
    if (lua_toboolean(L, 1))
        ssL_try(L, ss_profile_start(ctx));
    else
        ss_profile_stop(ctx);
    return 1;
}

static void push_device(lua_State *L, int index)
{
    ss_cuda_device d;
    ssL_try(L, ss_cuda_device_get(ssL_ctx(L), index, &d));
    lua_createtable(L, 0, 5);
    lua_pushstring(L, d.name), lua_setfield(L, -2, "name");
    lua_pushinteger(L, d.capability), lua_setfield(L, -2, "capability");
    lua_pushinteger(L, d.multiprocessors), lua_setfield(L, -2, "multiprocessors");
    lua_pushinteger(L, (lua_Integer)d.bytes), lua_setfield(L, -2, "bytes");
    lua_pushinteger(L, (lua_Integer)d.free_bytes), lua_setfield(L, -2, "free");
}

/* cuda([index]) — {path, build, twins, devices, why}: the CUDA module, how many operations it has
 * code for and how many devices can be used; `why` says why there is no module (then `path` is
 * absent too) or no device. With an index from 0: that device, {name, capability, multiprocessors,
 * bytes, free}. */
static int cuda(lua_State *L)
{
    if (!lua_isnoneornil(L, 1)) {
        const lua_Integer index = luaL_checkinteger(L, 1);
        push_device(L, index < 0 || index > 1000 ? 1000 : (int)index);
        return 1;
    }
    ss_cuda_info *info = lua_newuserdatauv(L, sizeof *info, 0);
    const ss_status s = ss_cuda_report(info);
    lua_createtable(L, 0, 5);
    if (info->path[0]) lua_pushstring(L, info->path), lua_setfield(L, -2, "path");
    if (info->build[0]) lua_pushstring(L, info->build), lua_setfield(L, -2, "build");
    if (s) lua_pushstring(L, info->why), lua_setfield(L, -2, "why");
    lua_pushinteger(L, info->twins), lua_setfield(L, -2, "twins");
    lua_pushinteger(L, info->devices), lua_setfield(L, -2, "devices");
    return 1;
}

/* _cuda_libraries() — {name, found, text} of each of NVIDIA's libraries: its version, or why it was
 * not found. */
static int cuda_libraries(lua_State *L)
{
    ss_library l;
    lua_newtable(L);
    for (int i = 0; ss_cuda_library(i, &l); i++) {
        lua_createtable(L, 0, 3);
        lua_pushstring(L, l.name), lua_setfield(L, -2, "name");
        lua_pushboolean(L, l.found), lua_setfield(L, -2, "found");
        lua_pushstring(L, l.text), lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int isa(lua_State *L)
{
    lua_pushstring(L, ss_isa());
    return 1;
}

/* clock() — seconds on a steady clock. */
static int steady_clock(lua_State *L)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
    return 1;
}

/* _debug{fail_alloc = n} — test hooks; returns the damaged guard bands found so far. */
static int debug_hooks(lua_State *L)
{
    if (lua_istable(L, 1) && lua_getfield(L, 1, "fail_alloc") == LUA_TNUMBER)
        ss_debug_fail_alloc(ssL_ctx(L), lua_tointeger(L, -1));
    lua_pushinteger(L, ss_debug_guard_faults(ssL_ctx(L)));
    return 1;
}

/* check_finite(on) — see ss_ctx_check_finite(). */
static int check_finite(lua_State *L)
{
    ss_ctx_check_finite(ssL_ctx(L), lua_toboolean(L, 1));
    return 0;
}

static int cancel(lua_State *L)
{
    ss_ctx_cancel(ssL_ctx(L), lua_isnone(L, 1) || lua_toboolean(L, 1));
    return 0;
}

/* last_error() — name of the status and sentence of the last failure of the core or of a file. */
static int last_error(lua_State *L)
{
    const ss_error *e = &ssL_get(L)->last;
    lua_pushstring(L, ss_status_name(e->status));
    lua_pushstring(L, e->msg);
    return 2;
}

/* The budget is nearly spent: dead handles that no scope has released go now. */
static void pressure(void *ud, const char *device, size_t want)
{
    (void)device;
    (void)want;
    lua_gc(((ssL_state *)ud)->L, LUA_GCCOLLECT, 0);
}

static int state_gc(lua_State *L)
{
    ssL_state *S = lua_touserdata(L, 1);
    ss_ctx_release(S->ctx);
    return 0;
}

/* The state outlives every handle: it is anchored in the registry and made before them. */
static ssL_state *state_new(lua_State *L)
{
    ssL_state *S = lua_newuserdatauv(L, sizeof *S, 0);
    *S = (ssL_state){.device = "cpu", .L = L};
    if (ss_ctx_new(&S->ctx)) luaL_error(L, "out of memory for the context");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    ss_ctx_on_pressure(S->ctx, pressure, S);
    *(ssL_state **)lua_getextraspace(L) = S;
    return S;
}

int luaopen_semisam_core(lua_State *L)
{
    static const luaL_Reg functions[] = {{"memory", memory},
                                         {"reset_peak", reset_peak},
                                         {"trim", trim},
                                         {"set_budget", set_budget},
                                         {"threads", threads},
                                         {"default_device", default_device},
                                         {"live", live},
                                         {"flops", flops},
                                         {"isa", isa},
                                         {"wait", wait_for},
                                         {"cuda", cuda},
                                         {"_cuda_libraries", cuda_libraries},
                                         {"_profile", profile},
                                         {"_pace", pace},
                                         {"clock", steady_clock},
                                         {"_debug", debug_hooks},
                                         {"check_finite", check_finite},
                                         {"cancel", cancel},
                                         {"last_error", last_error},
                                         {NULL, NULL}};
    /* Generational collection would let dead handles grow old and stay. */
    lua_gc(L, LUA_GCINC, 0, 0, 0);
    state_new(L);
    luaL_newlib(L, functions);
    lua_pushstring(L, SS_VERSION);
    lua_setfield(L, -2, "version");
    ssL_open_ops(L);
    ssL_open_tensor(L);
    ssL_open_make(L);
    ssL_open_scope(L);
    ssL_open_phantom(L);
    ssL_open_summary(L);
    ssL_open_files(L);
    return 1;
}
