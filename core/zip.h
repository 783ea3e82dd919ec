/* zip.h — the directory of a zip file that stores its entries as they are.
 *
 * One interpretation only: what another reader could see differently is refused. The end record is
 * the last thing in the file, the first local header is its first byte, entries follow one another
 * without overlap, each local header agrees with the directory, names are unique, nothing is
 * compressed or encrypted. zip64 records are understood. Nothing is allocated by what a record
 * claims before it is held against the size of the file. Source: PKWARE APPNOTE 6.3. */
#ifndef SEMISAM_ZIP_H
#define SEMISAM_ZIP_H
#include "error.h"

typedef struct ss_zip_entry {
    const char *name;
    uint64_t header_at, data_at, bytes; /* places in the file */
    uint32_t crc;
} ss_zip_entry;

typedef struct ss_zip ss_zip;

/* ss_zip_open() — of an open file of `size` bytes; fd and path must outlive it. */
ss_status ss_zip_open(ss_zip **out, int fd, uint64_t size, const char *path, ss_error *err);
void ss_zip_close(ss_zip *z); /* NULL is fine */
int ss_zip_count(const ss_zip *z);
const ss_zip_entry *ss_zip_at(const ss_zip *z, int i); /* in the order of the names; borrowed */
const ss_zip_entry *ss_zip_find(const ss_zip *z, const char *name); /* NULL: not there */
#endif
