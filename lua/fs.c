/* fs.c — ss.fs: files and folders; ss.hash. Every function raises on failure, except lock, which
 * returns nil and a sentence while somebody else holds the file. */
#include "file.h"
#include "files.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "semisam.lock"
#define READ_LIMIT (INT64_C(1) << 30)

static const char *path_at(lua_State *L, int i, const char *fn)
{
    size_t n;
    if (lua_type(L, i) != LUA_TSTRING)
        ssL_fail(L, "fs.%s: path: expected a string, got %s", fn, luaL_typename(L, i));
    const char *p = lua_tolstring(L, i, &n);
    if (strlen(p) != n) ssL_fail(L, "fs.%s: path: contains a zero byte", fn);
    return p;
}

static void release_pointer(void *p)
{
    free(*(void **)p);
}

/* read(path, {limit = bytes}) — the whole file; 1 GiB at most unless `limit` says otherwise. */
static int read_file(lua_State *L)
{
    static const char *const known[] = {"limit", NULL};
    const char *path = path_at(L, 1, "read");
    ss_error err;
    size_t n;
    ssL_checkoptions(L, 2, "fs.read", known);
    ssL_optfield(L, 2, "limit");
    const lua_Integer limit = luaL_optinteger(L, -1, READ_LIMIT);
    char **data = ssL_newguard(L, sizeof *data, release_pointer);
    ssL_file_try(L, "fs.read", &err,
                 ss_file_read(data, &n, path, limit < 0 ? 0 : (uint64_t)limit, &err));
    lua_pushlstring(L, *data, n);
    free(*data);
    *data = NULL;
    return 1;
}

/* write(path, text) — replaces the file as a whole, or leaves it as it was. */
static int write_file(lua_State *L)
{
    size_t n;
    ss_error err;
    const char *path = path_at(L, 1, "write"), *text = luaL_checklstring(L, 2, &n);
    ssL_file_try(L, "fs.write", &err, ss_file_write(path, text, n, &err));
    return 0;
}

/* append(path, text) — adds to the end and syncs. */
static int append(lua_State *L)
{
    size_t n;
    ss_error err;
    const char *path = path_at(L, 1, "append"), *text = luaL_checklstring(L, 2, &n);
    ssL_file_try(L, "fs.append", &err, ss_file_append(path, text, n, &err));
    return 0;
}

static int exists(lua_State *L)
{
    lua_pushboolean(L, ss_file_exists(path_at(L, 1, "exists")));
    return 1;
}

static int is_dir(lua_State *L)
{
    lua_pushboolean(L, ss_file_is_dir(path_at(L, 1, "is_dir")));
    return 1;
}

typedef struct name_list {
    char **names;
    int count;
} name_list;

static void release_names(void *p)
{
    name_list *l = p;
    ss_file_free_list(l->names, l->count);
}

/* list(path) — sorted names in the folder. */
static int list(lua_State *L)
{
    ss_error err;
    const char *path = path_at(L, 1, "list");
    name_list *l = ssL_newguard(L, sizeof *l, release_names);
    ssL_file_try(L, "fs.list", &err, ss_file_list(&l->names, &l->count, path, &err));
    lua_createtable(L, l->count, 0);
    for (int i = 0; i < l->count; i++) {
        lua_pushstring(L, l->names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    release_names(l);
    *l = (name_list){0};
    return 1;
}

/* mkdir(path) — with the folders above it; existing ones are fine. */
static int make_dir(lua_State *L)
{
    ss_error err;
    ssL_file_try(L, "fs.mkdir", &err, ss_file_mkdir(path_at(L, 1, "mkdir"), &err));
    return 0;
}

/* remove(path, {tree = true}) — a file or empty folder; with `tree` a folder and all in it. */
static int remove_path(lua_State *L)
{
    static const char *const known[] = {"tree", NULL};
    ss_error err;
    const char *path = path_at(L, 1, "remove");
    ssL_checkoptions(L, 2, "fs.remove", known);
    ssL_optfield(L, 2, "tree");
    ssL_file_try(L, "fs.remove", &err, ss_file_remove(path, lua_toboolean(L, -1), &err));
    return 0;
}

static int rename_path(lua_State *L)
{
    ss_error err;
    const char *from = path_at(L, 1, "rename"), *to = path_at(L, 2, "rename");
    ssL_file_try(L, "fs.rename", &err, ss_file_rename(from, to, &err));
    return 0;
}

/* hash(path) — XXH3 128-bit hash of the contents, 32 hexadecimal digits. */
static int hash_file(lua_State *L)
{
    ss_error err;
    char hex[SS_HASH_CHARS];
    ssL_file_try(L, "fs.hash", &err, ss_file_hash(hex, path_at(L, 1, "hash"), &err));
    lua_pushstring(L, hex);
    return 1;
}

/* ss.hash(text or tensor) — the same hash of a string's bytes or of a tensor's elements. */
static int hash_value(lua_State *L)
{
    char hex[SS_HASH_CHARS];
    size_t n;
    if (lua_type(L, 1) == LUA_TSTRING) {
        const char *p = lua_tolstring(L, 1, &n);
        ss_hash(hex, p, n);
    } else {
        const ss_view v = ssL_hostview(L, 1, "hash");
        ss_hash(hex, v.data, ss_tensor_bytes(ssL_checktensor(L, 1)));
    }
    lua_pushstring(L, hex);
    return 1;
}

/* stat(path) — {size, mtime, is_dir, is_file}, or nil if there is nothing. */
static int stat_path(lua_State *L)
{
    struct stat st;
    const char *path = path_at(L, 1, "stat");
    if (stat(path, &st)) {
        if (errno == ENOENT || errno == ENOTDIR) {
            lua_pushnil(L);
            return 1;
        }
        return ssL_fail(L, "fs.stat: %s: %s", path, strerror(errno));
    }
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)st.st_size), lua_setfield(L, -2, "size");
    lua_pushnumber(L, (lua_Number)st.st_mtim.tv_sec + 1e-9 * (lua_Number)st.st_mtim.tv_nsec);
    lua_setfield(L, -2, "mtime");
    lua_pushboolean(L, S_ISDIR(st.st_mode)), lua_setfield(L, -2, "is_dir");
    lua_pushboolean(L, S_ISREG(st.st_mode)), lua_setfield(L, -2, "is_file");
    return 1;
}

static int cwd(lua_State *L)
{
    char **p = ssL_newguard(L, sizeof *p, release_pointer);
    if (!(*p = getcwd(NULL, 0))) return ssL_fail(L, "fs.cwd: %s", strerror(errno));
    lua_pushstring(L, *p);
    return 1;
}

/* tmpdir() — makes a new private folder below $TMPDIR or /tmp; the caller removes it. */
static int tmpdir(lua_State *L)
{
    const char *base = getenv("TMPDIR");
    lua_pushfstring(L, "%s/semisam-XXXXXX", base && *base ? base : "/tmp");
    char **p = ssL_newguard(L, sizeof *p, release_pointer);
    if (!(*p = strdup(lua_tostring(L, -2)))) return luaL_error(L, "fs.tmpdir: out of memory");
    if (!mkdtemp(*p)) return ssL_fail(L, "fs.tmpdir: %s: %s", *p, strerror(errno));
    lua_pushstring(L, *p);
    return 1;
}

/* realpath(path) — absolute, without links. */
static int real_path(lua_State *L)
{
    const char *path = path_at(L, 1, "realpath");
    char **p = ssL_newguard(L, sizeof *p, release_pointer);
    if (!(*p = realpath(path, NULL)))
        return ssL_fail(L, "fs.realpath: %s: %s", path, strerror(errno));
    lua_pushstring(L, *p);
    return 1;
}

/* sweep(dir) — removes temporaries of killed writers; returns how many. */
static int sweep(lua_State *L)
{
    ss_error err;
    int n;
    ssL_file_try(L, "fs.sweep", &err, ss_file_sweep(path_at(L, 1, "sweep"), &n, &err));
    lua_pushinteger(L, n);
    return 1;
}

static int lock_drop(lua_State *L)
{
    ss_lock **box = luaL_checkudata(L, 1, LOCK);
    ss_lock_drop(*box);
    *box = NULL;
    return 0;
}

/* lock(path) — an object that holds the file until close(), its scope's end or collection; nil and
 * a sentence while another process (or lock) holds it. */
static int lock(lua_State *L)
{
    ss_error err;
    const char *path = path_at(L, 1, "lock");
    ss_lock **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, LOCK);
    const ss_status s = ss_lock_take(box, path, &err);
    if (s == SS_OK) return 1;
    if (s != SS_E_STATE) return ssL_file_error(L, "fs.lock", &err);
    lua_pushnil(L);
    lua_pushstring(L, err.msg);
    return 2;
}

void ssL_open_fs(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", read_file},
                                         {"write", write_file},
                                         {"append", append},
                                         {"exists", exists},
                                         {"is_dir", is_dir},
                                         {"list", list},
                                         {"mkdir", make_dir},
                                         {"remove", remove_path},
                                         {"rename", rename_path},
                                         {"hash", hash_file},
                                         {"stat", stat_path},
                                         {"cwd", cwd},
                                         {"tmpdir", tmpdir},
                                         {"realpath", real_path},
                                         {"sweep", sweep},
                                         {"lock", lock},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"close", lock_drop}, {NULL, NULL}};
    luaL_newmetatable(L, LOCK);
    lua_pushcfunction(L, lock_drop), lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, lock_drop), lua_setfield(L, -2, "__close");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "fs");
    lua_pushcfunction(L, hash_value);
    lua_setfield(L, -2, "hash");
}
