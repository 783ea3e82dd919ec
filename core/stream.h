/* stream.h — bytes in order from a file or from memory, plain or gzip, with every byte checked.
 *
 * gzip is recognised by its first two bytes, whatever the name says. Members may follow one
 * another; anything else behind a member is an error, and so is a member whose CRC or length is
 * wrong: only ss_stream_end() makes the bytes trustworthy. One thread uses a stream. */
#ifndef SEMISAM_STREAM_H
#define SEMISAM_STREAM_H
#include "error.h"

typedef struct ss_stream ss_stream;

/* ss_stream_open() — a regular file. */
ss_status ss_stream_open(ss_stream **out, const char *path, ss_error *err);
/* ss_stream_memory() — n bytes that outlive the stream; `name` stands for the path in sentences. */
ss_status ss_stream_memory(ss_stream **out, const char *name, const void *p, size_t n,
                           ss_error *err);
void ss_stream_close(ss_stream *s); /* NULL is fine */

bool ss_stream_is_gzip(const ss_stream *s);
/* ss_stream_most() — an upper bound of the bytes that can come: the file's size, or what deflate
 * can make of it at best. Compare before allocating. */
uint64_t ss_stream_most(const ss_stream *s);
uint64_t ss_stream_at(const ss_stream *s); /* bytes delivered so far */

/* ss_stream_read() — exactly n bytes; fewer left is SS_E_FORMAT with both numbers. */
ss_status ss_stream_read(ss_stream *s, void *p, size_t n, ss_error *err);
ss_status ss_stream_skip(ss_stream *s, uint64_t n, ss_error *err);
/* ss_stream_end() — read to the end, which verifies gzip. *left counts the bytes that nobody had
 * asked for; more than `limit` of them is an error. */
ss_status ss_stream_end(ss_stream *s, uint64_t limit, uint64_t *left, ss_error *err);
#endif
