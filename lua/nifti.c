/* nifti.c — ss.nifti_read, ss.nifti_head, ss.nifti_write. */
#include "nifti.h"
#include "files.h"
#include <string.h>

static void release_nifti(void *p)
{
    ss_nifti_free(p);
}

static void set_int(lua_State *L, const char *name, int64_t v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

static void push_affine(lua_State *L, const double a[4][4])
{
    lua_createtable(L, 4, 0);
    for (int i = 0; i < 4; i++) {
        lua_createtable(L, 4, 0);
        for (int j = 0; j < 4; j++) {
            lua_pushnumber(L, a[i][j]);
            lua_rawseti(L, -2, j + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
}

/* Everything but the voxels. */
static void push_info(lua_State *L, const ss_nifti *img)
{
    static const char *const source[] = {"sform", "qform", "pixdim"};
    lua_createtable(L, 0, 16);
    push_affine(L, img->affine);
    lua_setfield(L, -2, "affine");
    lua_createtable(L, 3, 0);
    for (int i = 0; i < 3; i++) {
        lua_pushnumber(L, img->spacing[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "spacing");
    lua_createtable(L, img->ndim, 0);
    for (int i = 0; i < img->ndim; i++) {
        lua_pushinteger(L, img->shape[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "shape");
    lua_createtable(L, img->warnings.n, 0);
    for (int i = 0; i < img->warnings.n; i++) {
        lua_pushstring(L, img->warnings.text[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "warnings");
    set_int(L, "qform_code", img->geom.qform_code);
    set_int(L, "sform_code", img->geom.sform_code);
    set_int(L, "version", img->geom.version);
    set_int(L, "volumes", img->volumes);
    set_int(L, "nonfinite", img->nonfinite);
    lua_pushnumber(L, img->slope), lua_setfield(L, -2, "slope");
    lua_pushnumber(L, img->inter), lua_setfield(L, -2, "inter");
    lua_pushstring(L, img->stored), lua_setfield(L, -2, "dtype");
    lua_pushstring(L, img->axes), lua_setfield(L, -2, "axes");
    lua_pushstring(L, source[img->source]), lua_setfield(L, -2, "source");
    lua_pushlstring(L, (const char *)&img->geom, sizeof img->geom), lua_setfield(L, -2, "header");
}

/* The word at options[name] as its position in `words`. */
static int choice(lua_State *L, int i, const char *fn, const char *name, const char *const *words)
{
    int k = 0;
    if (ssL_optfield(L, i, name) != LUA_TNIL) {
        const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
        while (words[k] && strcmp(words[k], word)) k++;
        if (!words[k]) {
            luaL_Buffer b;
            luaL_buffinit(L, &b);
            for (k = 0; words[k]; k++) {
                if (k) luaL_addstring(&b, ", ");
                luaL_addstring(&b, words[k]);
            }
            luaL_pushresult(&b);
            ssL_fail(L, "%s: %s is '%s'; one of %s is expected", fn, name, word,
                     lua_tostring(L, -1));
        }
    }
    lua_pop(L, 1);
    return k;
}

static int64_t whole(lua_State *L, int i, const char *fn, const char *name)
{
    lua_Integer v = 0;
    int ok = 1;
    if (ssL_optfield(L, i, name) != LUA_TNIL) v = lua_tointegerx(L, -1, &ok);
    if (!ok || (v < 1 && !lua_isnil(L, -1)))
        ssL_fail(L, "%s: %s: a whole number from 1 on is expected", fn, name);
    lua_pop(L, 1);
    return v;
}

static int read_image(lua_State *L, const char *fn, bool header_only)
{
    static const char *const known[] = {"as", "volume", "nonfinite", "max_voxels", NULL};
    static const char *const kinds[] = {"image", "label", NULL};
    static const char *const policies[] = {"error", "zero", "mean", "keep", NULL};
    const char *path = luaL_checkstring(L, 1);
    ss_error err;
    ssL_checkoptions(L, 2, fn, known);
    const ss_nifti_how how = {
        .label = choice(L, 2, fn, "as", kinds) == 1,
        .header_only = header_only,
        .volume = whole(L, 2, fn, "volume"),
        .max_voxels = whole(L, 2, fn, "max_voxels"),
        .nonfinite = (ss_nifti_nonfinite)choice(L, 2, fn, "nonfinite", policies),
    };
    ss_nifti *img = ssL_newguard(L, sizeof *img, release_nifti);
    ssL_file_try(L, fn, &err, ss_nifti_read(img, path, &how, &err));
    push_info(L, img);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "path");
    if (!header_only) {
        ssL_pushcopy(L, img->dtype, img->ndim, img->shape, img->data);
        lua_setfield(L, -2, "data");
    }
    ss_nifti_free(img);
    return 1;
}

/* nifti_read(path, {as = "image"|"label", volume = k, nonfinite = "error"|"zero"|"mean"|"keep",
 * max_voxels = n}) — a table:
 *   data       tensor [z,y,x] (f32; labels u8 or i32), [t,z,y,x] if the file holds several volumes
 *   affine     4 rows of 4: voxel (x, y, z) of the file, from 0, to mm; spacing {x,y,z} in mm;
 *   axes       "RAS"...; source "sform"|"qform"|"pixdim"; qform_code, sform_code
 *   dtype      stored type; slope, inter; shape; volumes; version 1|2; nonfinite (voxels); path
 *   warnings   list of sentences; header: string to write another file `like` this one */
static int nifti_read(lua_State *L)
{
    return read_image(L, "nifti_read", false);
}

/* nifti_head(path) — the same without data: the header, checked against the size of the file. */
static int nifti_head(lua_State *L)
{
    return read_image(L, "nifti_head", true);
}

static void read_affine(lua_State *L, int i, double a[4][4])
{
    for (int r = 0; r < 4; r++) {
        int is_row = lua_istable(L, i) && lua_geti(L, i, r + 1) == LUA_TTABLE;
        for (int c = 0; c < 4; c++) {
            int ok = 0;
            if (is_row) {
                lua_geti(L, -1, c + 1);
                a[r][c] = lua_tonumberx(L, -1, &ok);
                lua_pop(L, 1);
            }
            if (!ok)
                ssL_fail(L,
                         "nifti_write: affine: 4 rows of 4 numbers are expected; row %d, column "
                         "%d is none",
                         r + 1, c + 1);
        }
        lua_pop(L, 1);
    }
}

/* The options' `like` (a header string, or a table with one) or `affine` as geometry. */
static void geometry(lua_State *L, int i, ss_nifti_geom *g)
{
    ss_error err;
    double affine[4][4];
    size_t n;
    const bool has_affine = ssL_optfield(L, i, "affine") != LUA_TNIL;
    if (has_affine) read_affine(L, lua_gettop(L), affine);
    int kind = ssL_optfield(L, i, "like");
    if (kind == LUA_TTABLE) kind = lua_getfield(L, -1, "header");
    if (has_affine == (kind != LUA_TNIL))
        ssL_fail(L,
                 "nifti_write: the geometry is needed: either like (what nifti_read returned) or "
                 "affine");
    if (has_affine) {
        ssL_file_try(L, "nifti_write", &err, ss_nifti_geom_from_affine(g, affine, &err));
        return;
    }
    const char *p = kind == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    if (!p || n != sizeof *g)
        ssL_fail(L, "nifti_write: like: expected the table or header that nifti_read returned");
    memcpy(g, p, sizeof *g);
}

/* nifti_write(path, tensor, {like = image or its header | affine = 4x4, dtype = "u8"}) — [z,y,x] or
 * [t,z,y,x]; .nii or .nii.gz by the name. `like` repeats the geometry of the source bit for bit and
 * demands its grid. */
static int nifti_write(lua_State *L)
{
    static const char *const known[] = {"like", "affine", "dtype", NULL};
    const char *path = luaL_checkstring(L, 1);
    ss_nifti_geom g;
    ss_error err;
    lua_settop(L, 3);
    ssL_checktensor(L, 2);
    ssL_checkoptions(L, 3, "nifti_write", known);
    geometry(L, 3, &g);
    const char *stored = NULL;
    if (ssL_optfield(L, 3, "dtype") != LUA_TNIL) stored = luaL_checkstring(L, -1);
    const ss_view v = ssL_hostview(L, 2, "nifti_write");
    ssL_file_try(L, "nifti_write", &err, ss_nifti_write(path, &v, &g, stored, &err));
    return 0;
}

void ssL_open_nifti(lua_State *L)
{
    static const luaL_Reg functions[] = {{"nifti_read", nifti_read},
                                         {"nifti_head", nifti_head},
                                         {"nifti_write", nifti_write},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
