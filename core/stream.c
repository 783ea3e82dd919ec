/* stream.c — see stream.h. zlib checks each gzip member's CRC-32 and length when its end is
 * reached. */
#include "stream.h"
#include "file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* DEFLATE_MOST: the best that deflate can do is 258 bytes for 2 bits (RFC 1951). */
enum { BUFFER = 1 << 16, DEFLATE_MOST = 1032, GZIP_WINDOW = 15 + 16 };

struct ss_stream {
    const char *name;
    char *own_name;
    int fd; /* -1: memory */
    const unsigned char *memory;
    uint64_t size, from; /* bytes in the source; bytes taken from it */
    uint64_t at;         /* bytes delivered */
    bool gzip, inflating, ended;
    z_stream z;
    unsigned char *buffer; /* what was read of the source, [head, tail) unused */
    size_t head, tail;
};

/* Take more of the source into the empty buffer; at the end of the source nothing is added. */
static ss_status refill(ss_stream *s, ss_error *err)
{
    s->head = s->tail = 0;
    if (s->fd < 0) {
        const uint64_t left = s->size - s->from;
        s->tail = left < BUFFER ? (size_t)left : BUFFER;
        if (s->tail) memcpy(s->buffer, s->memory + s->from, s->tail);
    } else {
        ssize_t k;
        do k = read(s->fd, s->buffer, BUFFER);
        while (k < 0 && errno == EINTR);
        if (k < 0)
            return ss_error_set(err, SS_E_IO, "%s: cannot be read: %s", s->name, strerror(errno));
        s->tail = (size_t)k;
    }
    s->from += s->tail;
    return SS_OK;
}

static ss_status begin(ss_stream *s, ss_error *err)
{
    s->buffer = malloc(BUFFER);
    if (!s->buffer) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", s->name);
    ss_status st = refill(s, err);
    if (st) return st;
    s->gzip = s->tail >= 2 && s->buffer[0] == 0x1f && s->buffer[1] == 0x8b;
    if (!s->gzip) return SS_OK;
    if (inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
        return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", s->name);
    s->inflating = true;
    return SS_OK;
}

static ss_stream *new_stream(const char *name)
{
    ss_stream *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->fd = -1;
    if (!(s->own_name = strdup(name))) {
        free(s);
        return NULL;
    }
    s->name = s->own_name;
    return s;
}

static ss_status give(ss_stream **out, ss_stream *s, ss_status st)
{
    if (st) {
        ss_stream_close(s);
        return st;
    }
    *out = s;
    return SS_OK;
}

ss_status ss_stream_open(ss_stream **out, const char *path, ss_error *err)
{
    *out = NULL;
    ss_stream *s = new_stream(path);
    if (!s) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    ss_status st = ss_file_open(&s->fd, &s->size, path, err);
    if (!st) st = begin(s, err);
    return give(out, s, st);
}

ss_status ss_stream_memory(ss_stream **out, const char *name, const void *p, size_t n,
                           ss_error *err)
{
    *out = NULL;
    ss_stream *s = new_stream(name);
    if (!s) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", name);
    s->memory = p;
    s->size = n;
    return give(out, s, begin(s, err));
}

void ss_stream_close(ss_stream *s)
{
    if (!s) return;
    if (s->inflating) inflateEnd(&s->z);
    if (s->fd >= 0) close(s->fd);
    free(s->buffer);
    free(s->own_name);
    free(s);
}

bool ss_stream_is_gzip(const ss_stream *s)
{
    return s->gzip;
}

uint64_t ss_stream_at(const ss_stream *s)
{
    return s->at;
}

uint64_t ss_stream_most(const ss_stream *s)
{
    uint64_t most;
    if (!s->gzip) return s->size;
    return __builtin_mul_overflow(s->size, (uint64_t)DEFLATE_MOST, &most) ? UINT64_MAX : most;
}

/* After a member: either the source ends or another member starts. */
static ss_status next_member(ss_stream *s, ss_error *err)
{
    unsigned char magic[2];
    for (size_t i = 0; i < 2; i++) {
        if (s->head == s->tail) {
            ss_status st = refill(s, err);
            if (st) return st;
        }
        if (s->head == s->tail && i == 0) {
            s->ended = true;
            return SS_OK;
        }
        magic[i] = s->head < s->tail ? s->buffer[s->head++] : 0;
    }
    if (magic[0] != 0x1f || magic[1] != 0x8b)
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: bytes that are not gzip follow the end of the gzip data", s->name);
    /* The two bytes may have lain in different buffers: hand them to zlib on their own. */
    if (inflateReset(&s->z) != Z_OK)
        return ss_error_set(err, SS_E_FORMAT, "%s: gzip data cannot be continued", s->name);
    s->z.next_in = magic;
    s->z.avail_in = 2;
    s->z.next_out = magic; /* nothing is written by a header */
    s->z.avail_out = 0;
    const int r = inflate(&s->z, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_BUF_ERROR)
        return ss_error_set(err, SS_E_FORMAT, "%s: gzip data is damaged: bad member", s->name);
    return SS_OK;
}

static ss_status inflate_some(ss_stream *s, unsigned char *p, size_t n, size_t *got, ss_error *err)
{
    *got = 0;
    while (*got == 0 && !s->ended) {
        if (s->head == s->tail) {
            ss_status st = refill(s, err);
            if (st) return st;
            if (s->head == s->tail)
                return ss_error_set(err, SS_E_FORMAT,
                                    "%s: the gzip data is cut off: it ends after %llu bytes, "
                                    "which hold %llu",
                                    s->name, (unsigned long long)s->from,
                                    (unsigned long long)s->at);
        }
        s->z.next_in = s->buffer + s->head;
        s->z.avail_in = (uInt)(s->tail - s->head);
        s->z.next_out = p;
        s->z.avail_out = n > BUFFER ? BUFFER : (uInt)n;
        const uInt room = s->z.avail_out;
        const int r = inflate(&s->z, Z_NO_FLUSH);
        s->head = s->tail - s->z.avail_in;
        *got = room - s->z.avail_out;
        if (r == Z_MEM_ERROR) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", s->name);
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            return ss_error_set(err, SS_E_FORMAT, "%s: the gzip data is damaged near byte %llu: %s",
                                s->name, (unsigned long long)(s->from - (s->tail - s->head)),
                                s->z.msg ? s->z.msg : "unknown reason");
        if (r == Z_STREAM_END) {
            ss_status st = next_member(s, err);
            if (st) return st;
        }
    }
    return SS_OK;
}

/* Some of the next bytes, at least one unless the end is reached. */
static ss_status take(ss_stream *s, unsigned char *p, size_t n, size_t *got, ss_error *err)
{
    ss_status st = SS_OK;
    *got = 0;
    if (s->gzip) {
        st = inflate_some(s, p, n, got, err);
    } else {
        if (s->head == s->tail) st = refill(s, err);
        if (st) return st;
        *got = s->tail - s->head < n ? s->tail - s->head : n;
        if (*got) memcpy(p, s->buffer + s->head, *got);
        s->head += *got;
        s->ended = s->head == s->tail && *got == 0;
    }
    s->at += *got;
    return st;
}

ss_status ss_stream_read(ss_stream *s, void *p, size_t n, ss_error *err)
{
    const uint64_t want = s->at + n;
    for (size_t done = 0, got; done < n; done += got) {
        ss_status st = take(s, (unsigned char *)p + done, n - done, &got, err);
        if (st) return st;
        if (got == 0)
            return ss_error_set(err, SS_E_FORMAT, "%s: ends after %llu bytes%s; %llu are needed",
                                s->name, (unsigned long long)s->at,
                                s->gzip ? " (uncompressed)" : "", (unsigned long long)want);
    }
    return SS_OK;
}

ss_status ss_stream_skip(ss_stream *s, uint64_t n, ss_error *err)
{
    unsigned char sink[4096];
    while (n > 0) {
        const size_t k = n < sizeof sink ? (size_t)n : sizeof sink;
        ss_status st = ss_stream_read(s, sink, k, err);
        if (st) return st;
        n -= k;
    }
    return SS_OK;
}

ss_status ss_stream_end(ss_stream *s, uint64_t limit, uint64_t *left, ss_error *err)
{
    unsigned char sink[4096];
    *left = 0;
    for (size_t got;; *left += got) {
        ss_status st = take(s, sink, sizeof sink, &got, err);
        if (st) return st;
        if (got == 0) return SS_OK;
        if (*left + got > limit)
            return ss_error_set(
                err, SS_E_FORMAT, "%s: more than %llu bytes follow the expected end at %llu",
                s->name, (unsigned long long)limit, (unsigned long long)(s->at - *left - got));
    }
}
