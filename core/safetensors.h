/* safetensors.h — named tensors in one file: 8 bytes of header length, a JSON header, the data.
 *
 * The reader is strict (Hugging Face's format description): a header of at most 100,000,000 bytes,
 * whole non-negative numbers only, every name once, data without holes, overlaps or a rest. Nothing
 * is allocated by what a header claims before it is held against the size of the file. The writer
 * is atomic, its bytes depend only on what is written. Usable from any thread. */
#ifndef SEMISAM_SAFETENSORS_H
#define SEMISAM_SAFETENSORS_H
#include "error.h"

/* Element types of the format, some without a counterpart among ss_dtype. X(name, bytes) */
/* clang-format off */
#define SS_ST_TYPE_MAP(X)                                                                          \
    X(F64, 8) X(F32, 4) X(F16, 2) X(BF16, 2) X(I64, 8) X(I32, 4) X(I16, 2) X(I8, 1) X(U64, 8)      \
    X(U32, 4) X(U16, 2) X(U8, 1) X(BOOL, 1)
typedef enum {
#define X(name, bytes) SS_ST_##name,
    SS_ST_TYPE_MAP(X)
#undef X
    SS_ST_TYPES
} ss_st_type;
/* clang-format on */

const char *ss_st_type_name(ss_st_type t);

typedef struct ss_st_info {
    const char *name;
    ss_st_type type;
    int ndim;
    int64_t shape[SS_MAX_DIM];
    int64_t count;
    uint64_t begin, bytes; /* within the data part */
} ss_st_info;

typedef struct ss_st ss_st;

ss_status ss_st_open(ss_st **out, const char *path, ss_error *err);
void ss_st_close(ss_st *st); /* NULL is fine */
int ss_st_count(const ss_st *st);
const ss_st_info *ss_st_at(const ss_st *st, int i); /* in the order of the data; borrowed */
uint64_t ss_st_data_at(const ss_st *st);            /* place of the data part in the file */
/* Metadata entry i as key and value; false past the last. */
bool ss_st_meta(const ss_st *st, int i, const char **key, const char **value);
/* ss_st_read() — the raw little-endian elements of tensor i; dst has room for info->bytes. */
ss_status ss_st_read(ss_st *st, int i, void *dst, ss_error *err);
/* ss_st_verify() — holds the data against the hash our writer leaves in the metadata entry
 * "xxh3"; a file without one passes. */
ss_status ss_st_verify(ss_st *st, ss_error *err);

typedef struct ss_st_item {
    const char *name;
    ss_st_type type;
    int ndim;
    const int64_t *shape;
    const void *data; /* contiguous */
} ss_st_item;

/* ss_st_write() — larger element types first, then by name (every tensor stays aligned). `meta`
 * holds nmeta pairs key, value; the entry "xxh3" is added. */
ss_status ss_st_write(const char *path, int n, const ss_st_item *item, int nmeta,
                      const char *const (*meta)[2], ss_error *err);
#endif
