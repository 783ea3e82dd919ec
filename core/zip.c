/* zip.c — the strict reader of zip directories; see zip.h. */
#include "zip.h"
#include "file.h"
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    DESCRIPTOR_MARK = 0x08074b50,
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    MAX_ENTRIES = 100000,
    MAX_NAME = 4096,
    DESCRIPTOR = 24, /* largest data descriptor */
    FLAGS = 0x0808   /* the only ones known: a data descriptor follows, names are UTF-8 */
};

struct ss_zip {
    int fd, count;
    const char *path;
    uint64_t size, dir_at, dir_bytes; /* of the file, of the directory */
    unsigned char *dir; /* the directory as it stands in the file; the names live in it */
    ss_zip_entry *entry;
};

static uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static ss_status bad(const ss_zip *z, const char *what, ss_error *err)
{
    return ss_error_set(err, SS_E_FORMAT, "%s: damaged zip file: %s", z->path, what);
}

static ss_status bad_entry(const ss_zip *z, const char *name, const char *what, ss_error *err)
{
    return ss_error_set(err, SS_E_FORMAT, "%s: zip entry '%.200s': %s", z->path, name, what);
}

/* ---- the end records ------------------------------------------------------------------- */

static ss_status read_end64(ss_zip *z, uint64_t end_at, uint64_t *count, ss_error *err)
{
    unsigned char loc[LOCATOR64_BYTES], e[END64_BYTES];
    ss_status s;
    if ((s = ss_read_fully(z->fd, loc, sizeof loc, end_at - sizeof loc, z->path, err))) return s;
    const uint64_t at = u64(loc + 8);
    if (u32(loc + 4) != 0 || u32(loc + 16) != 1 || end_at < sizeof loc + sizeof e ||
        at != end_at - sizeof loc - sizeof e)
        return bad(z, "its zip64 end record is not where it should be", err);
    if ((s = ss_read_fully(z->fd, e, sizeof e, at, z->path, err))) return s;
    if (u32(e) != END64 || u64(e + 4) != END64_BYTES - 12 || u32(e + 16) || u32(e + 20) ||
        u64(e + 24) != u64(e + 32))
        return bad(z, "its zip64 end record is malformed", err);
    *count = u64(e + 32);
    z->dir_bytes = u64(e + 40);
    z->dir_at = u64(e + 48);
    if (z->dir_at > at || z->dir_bytes != at - z->dir_at)
        return bad(z, "its directory does not end where the end record begins", err);
    return SS_OK;
}

/* With a zip64 record the short one holds the same numbers, or all bits set. */
static bool agrees(uint64_t wide, uint64_t shortened, uint64_t all)
{
    return shortened == wide || shortened == all;
}

static ss_status read_end(ss_zip *z, uint64_t *count, ss_error *err)
{
    unsigned char e[END_BYTES], sig[4] = {0};
    ss_status s;
    if (z->size < END_BYTES) return bad(z, "it is too short", err);
    const uint64_t at = z->size - END_BYTES;
    if ((s = ss_read_fully(z->fd, e, sizeof e, at, z->path, err))) return s;
    if (u32(e) != END || u16(e + 20) != 0)
        return bad(z, "no end record at its end; it was cut off or something was appended", err);
    if (u16(e + 4) || u16(e + 6) || u16(e + 8) != u16(e + 10))
        return bad(z, "it is one of several volumes", err);
    *count = u16(e + 10);
    z->dir_bytes = u32(e + 12);
    z->dir_at = u32(e + 16);
    if (at >= LOCATOR64_BYTES &&
        (s = ss_read_fully(z->fd, sig, 4, at - LOCATOR64_BYTES, z->path, err)))
        return s;
    if (u32(sig) == LOCATOR64) {
        const uint64_t n = *count, bytes = z->dir_bytes, from = z->dir_at;
        if ((s = read_end64(z, at, count, err))) return s;
        if (!agrees(*count, n, 0xffff) || !agrees(z->dir_bytes, bytes, 0xffffffff) ||
            !agrees(z->dir_at, from, 0xffffffff))
            return bad(z, "its two end records differ", err);
    } else if (z->dir_at > at || z->dir_bytes != at - z->dir_at) {
        return bad(z, "its directory does not end where the end record begins", err);
    }
    if (*count > MAX_ENTRIES)
        return ss_error_set(err, SS_E_FORMAT, "%s: zip file of %llu entries, at most %d are read",
                            z->path, (unsigned long long)*count, MAX_ENTRIES);
    if (*count > z->dir_bytes / CENTRAL_BYTES)
        return bad(z, "its directory is too short for its entries", err);
    return SS_OK;
}

/* ---- the directory ----------------------------------------------------------------------- */

/* The zip64 part of an extra field gives the numbers that are all ones in the header, in this
 * order: size, stored size, place. */
static bool widen(const unsigned char *p, size_t n, uint64_t *size, uint64_t *stored, uint64_t *at)
{
    uint64_t *const field[3] = {size, stored, at};
    bool seen = false;
    while (n >= 4) {
        const size_t part = u16(p + 2);
        if (part > n - 4) return false;
        if (u16(p) == 1) {
            size_t used = 0;
            if (seen) return false;
            seen = true;
            for (int i = 0; i < 3; i++) {
                if (!field[i] || *field[i] != 0xffffffff) continue;
                if (used + 8 > part) return false;
                *field[i] = u64(p + 4 + used);
                used += 8;
            }
        }
        p += 4 + part;
        n -= 4 + part;
    }
    return n == 0;
}

static bool plain_name(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\') return false;
    return n > 0 && n <= MAX_NAME && name[0] != '/';
}

/* Takes one entry off the directory at p with `left` bytes; *used says how many it has. Its name
 * moves to the byte before, where a zero fits behind it. */
static ss_status read_entry(ss_zip *z, unsigned char *p, size_t left, ss_zip_entry *e, size_t *used,
                            ss_error *err)
{
    if (left < CENTRAL_BYTES || u32(p) != CENTRAL) return bad(z, "its directory is malformed", err);
    const size_t nname = u16(p + 28), nextra = u16(p + 30), ncomment = u16(p + 32);
    if (nname + nextra + ncomment > left - CENTRAL_BYTES)
        return bad(z, "its directory is malformed", err);
    uint64_t stored = u32(p + 20);
    e->crc = u32(p + 16);
    e->bytes = u32(p + 24);
    e->header_at = u32(p + 42);
    const bool whole = widen(p + CENTRAL_BYTES + nname, nextra, &e->bytes, &stored, &e->header_at);
    char *name = (char *)p + CENTRAL_BYTES - 1;
    memmove(name, name + 1, nname);
    name[nname] = 0;
    if (!plain_name(name, nname)) return bad(z, "a name in its directory is not text", err);
    e->name = name;
    if (u16(p + 8) & 1) return bad_entry(z, name, "is encrypted", err);
    if (u16(p + 8) & ~FLAGS) return bad_entry(z, name, "has unknown flags", err);
    if (u16(p + 10) != 0)
        return bad_entry(z, name, "is compressed; only stored ones are read", err);
    if (!whole || u16(p + 34) || ncomment)
        return bad_entry(z, name, "its directory entry is malformed", err);
    if (stored != e->bytes) return bad_entry(z, name, "its two sizes differ", err);
    *used = CENTRAL_BYTES + nname + nextra;
    return SS_OK;
}

static ss_status read_directory(ss_zip *z, uint64_t count, ss_error *err)
{
    z->dir = malloc(z->dir_bytes + 1);
    z->entry = calloc(count + 1, sizeof *z->entry);
    ss_status s = z->dir && z->entry
                      ? ss_read_fully(z->fd, z->dir, z->dir_bytes, z->dir_at, z->path, err)
                      : ss_error_set(err, SS_E_NOMEM, "%s: out of memory", z->path);
    size_t at = 0, used = 0;
    for (; !s && (uint64_t)z->count < count; at += used)
        s = read_entry(z, z->dir + at, z->dir_bytes - at, &z->entry[z->count++], &used, err);
    if (!s && at != z->dir_bytes) s = bad(z, "its directory holds more than its entries", err);
    return s;
}

/* ---- local headers ------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const ss_zip_entry *x = a, *y = b;
    return x->header_at == y->header_at ? 0 : x->header_at < y->header_at ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ss_zip_entry *)a)->name, ((const ss_zip_entry *)b)->name);
}

/* A header that announces a descriptor may leave crc and sizes 0. */
static bool same_numbers(const ss_zip_entry *e, const unsigned char *h, uint64_t size,
                         uint64_t stored)
{
    const bool later = u16(h + 6) & 8;
    if (later && u32(h + 14) == 0 && size == 0 && stored == 0) return true;
    return u32(h + 14) == e->crc && size == e->bytes && stored == e->bytes;
}

/* What follows the data: nothing, or the descriptor that the flags announce. */
static ss_status check_gap(const ss_zip *z, const ss_zip_entry *e, uint64_t gap, bool announced,
                           ss_error *err)
{
    unsigned char d[DESCRIPTOR];
    if (gap == 0) return SS_OK;
    const bool marked = gap == 16 || gap == 24;
    if (!announced || (!marked && gap != 12 && gap != 20))
        return bad_entry(z, e->name, "is followed by bytes that belong to nothing", err);
    ss_status s = ss_read_fully(z->fd, d, gap, e->data_at + e->bytes, z->path, err);
    if (s) return s;
    const unsigned char *p = marked ? d + 4 : d;
    const bool wide = gap >= 20;
    const uint64_t stored = wide ? u64(p + 4) : u32(p + 4);
    const uint64_t size = wide ? u64(p + 12) : u32(p + 8);
    if ((marked && u32(d) != DESCRIPTOR_MARK) || u32(p) != e->crc || stored != e->bytes ||
        size != e->bytes)
        return bad_entry(z, e->name, "the record behind it says otherwise than the directory", err);
    return SS_OK;
}

static ss_status check_local(ss_zip *z, ss_zip_entry *e, uint64_t next, ss_error *err)
{
    unsigned char h[LOCAL_BYTES];
    char *rest = NULL;
    if (e->header_at > next || next - e->header_at < LOCAL_BYTES)
        return bad_entry(z, e->name, "overlaps its neighbour", err);
    ss_status s = ss_read_fully(z->fd, h, sizeof h, e->header_at, z->path, err);
    if (s) return s;
    if (u32(h) != LOCAL) return bad_entry(z, e->name, "no entry begins where it should", err);
    if (u16(h + 6) & 1) return bad_entry(z, e->name, "is encrypted", err);
    if (u16(h + 8) != 0 || u16(h + 6) & ~FLAGS)
        return bad_entry(z, e->name, "its header says otherwise than the directory", err);
    const size_t nname = u16(h + 26), nextra = u16(h + 28);
    uint64_t size = u32(h + 22), stored = u32(h + 18);
    e->data_at = e->header_at + LOCAL_BYTES + nname + nextra;
    if (e->data_at > next || e->bytes > next - e->data_at)
        return bad_entry(z, e->name, "does not fit before its neighbour", err);
    s = check_gap(z, e, next - e->data_at - e->bytes, u16(h + 6) & 8, err);
    if (s) return s;
    if (!(rest = malloc(nname + nextra + 1)))
        return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", z->path);
    s = ss_read_fully(z->fd, rest, nname + nextra, e->header_at + LOCAL_BYTES, z->path, err);
    /* PyTorch pads with an extra field whose length may leave 1 to 3 bytes over. */
    if (!s && (nname != strlen(e->name) || memcmp(rest, e->name, nname)))
        s = bad_entry(z, e->name, "has another name in its own header", err);
    if (!s && (size == 0xffffffff || stored == 0xffffffff) &&
        !widen((const unsigned char *)rest + nname, nextra, &size, &stored, NULL))
        s = bad_entry(z, e->name, "its extra field is malformed", err);
    if (!s && !same_numbers(e, h, size, stored))
        s = bad_entry(z, e->name, "its header gives another size or checksum than the directory",
                      err);
    free(rest);
    return s;
}

static ss_status check_entries(ss_zip *z, ss_error *err)
{
    ss_status s = SS_OK;
    if (z->count) qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_place);
    if (z->count && z->entry[0].header_at != 0)
        return bad(z, "something stands before its first entry", err);
    for (int i = 0; i < z->count && !s; i++)
        s = check_local(z, &z->entry[i], i + 1 < z->count ? z->entry[i + 1].header_at : z->dir_at,
                        err);
    if (s) return s;
    if (z->count) qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_name);
    for (int i = 1; i < z->count; i++)
        if (!strcmp(z->entry[i].name, z->entry[i - 1].name))
            return bad_entry(z, z->entry[i].name, "appears twice", err);
    return SS_OK;
}

ss_status ss_zip_open(ss_zip **out, int fd, uint64_t size, const char *path, ss_error *err)
{
    uint64_t count = 0;
    *out = NULL;
    ss_zip *z = calloc(1, sizeof *z);
    if (!z) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    z->fd = fd;
    z->path = path;
    z->size = size;
    ss_status s = read_end(z, &count, err);
    if (!s) s = read_directory(z, count, err);
    if (!s) s = check_entries(z, err);
    if (s)
        ss_zip_close(z);
    else
        *out = z;
    return s;
}

void ss_zip_close(ss_zip *z)
{
    if (!z) return;
    free(z->dir);
    free(z->entry);
    free(z);
}

int ss_zip_count(const ss_zip *z)
{
    return z->count;
}

const ss_zip_entry *ss_zip_at(const ss_zip *z, int i)
{
    return i >= 0 && i < z->count ? &z->entry[i] : NULL;
}

const ss_zip_entry *ss_zip_find(const ss_zip *z, const char *name)
{
    const ss_zip_entry key = {.name = name};
    return z->count ? bsearch(&key, z->entry, (size_t)z->count, sizeof key, by_name) : NULL;
}
