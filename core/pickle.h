/* pickle.h — what torch.save writes, read without running anything.
 *
 * A pickle is a program for a stack machine. This one knows typed values only and a fixed list of
 * names: tensors, storages, ordered dicts, and records that cannot act (argparse.Namespace, numpy
 * scalars ...). Any other name is refused with its byte position; there is no other mode. Memory is
 * bounded by ss_pickle_limits. Source: the opcode descriptions of CPython's pickletools. */
#ifndef SEMISAM_PICKLE_H
#define SEMISAM_PICKLE_H
#include "error.h"

/* Element types of torch. X(name, bytes, the class of typed storages) */
/* clang-format off */
#define SS_TORCH_TYPE_MAP(X)                                                                       \
    X(float64, 8, "DoubleStorage") X(float32, 4, "FloatStorage") X(float16, 2, "HalfStorage")      \
    X(bfloat16, 2, "BFloat16Storage") X(int64, 8, "LongStorage") X(int32, 4, "IntStorage")         \
    X(int16, 2, "ShortStorage") X(int8, 1, "CharStorage") X(uint64, 8, "") X(uint32, 4, "")        \
    X(uint16, 2, "") X(uint8, 1, "ByteStorage") X(bool, 1, "BoolStorage")                          \
    X(complex32, 4, "") X(complex64, 8, "ComplexFloatStorage")                                     \
    X(complex128, 16, "ComplexDoubleStorage") X(qint8, 1, "QInt8Storage")                          \
    X(quint8, 1, "QUInt8Storage") X(qint32, 4, "QInt32Storage") X(float8_e4m3fn, 1, "")            \
    X(float8_e5m2, 1, "") X(untyped, 1, "UntypedStorage")
typedef enum {
#define X(name, bytes, storage) SS_TORCH_##name,
    SS_TORCH_TYPE_MAP(X)
#undef X
    SS_TORCH_TYPES
} ss_torch_type;
/* clang-format on */

const char *ss_torch_type_name(ss_torch_type t);
size_t ss_torch_type_bytes(ss_torch_type t);

typedef enum {
    PK_NONE,
    PK_BOOL,
    PK_INT,
    PK_FLOAT,
    PK_TEXT,
    PK_BYTES,
    PK_TUPLE,
    PK_LIST,
    PK_DICT, /* items: key, value, key, value ...; also records with fields */
    PK_NAME, /* an allowed global */
    PK_STORAGE,
    PK_TENSOR,
    PK_OPAQUE, /* something allowed that holds no tensors for us */
    PK_MARK
} pk_kind;

typedef struct pk_value pk_value;
typedef struct pk_tensor pk_tensor;

struct pk_value {
    uint8_t kind;
    bool seen;   /* for whoever walks the values */
    bool fields; /* a dict that takes BUILD */
    uint32_t n;  /* items in use; bytes of text */
    union {
        int64_t i; /* INT, BOOL; STORAGE: its index; NAME: row of the list */
        double f;
        const char *s;   /* TEXT, BYTES: not ended by a zero */
        pk_value **item; /* TUPLE, LIST, DICT: room for at least n, rounded up to a power of 2 */
        pk_tensor *t;
    };
};

struct pk_tensor {
    int64_t storage;
    ss_torch_type type;
    int ndim;
    int64_t offset, count;
    int64_t shape[SS_MAX_DIM], stride[SS_MAX_DIM]; /* in elements */
};

typedef struct pk_storage {
    const char *key; /* its name in the file */
    ss_torch_type type;
    int64_t numel;
} pk_storage;

typedef struct ss_pickle ss_pickle;

/* ss_pickle_new() — a reader for the pickles of the file called `path`, which may take at most
 * `limit` bytes of memory. */
ss_status ss_pickle_new(ss_pickle **out, const char *path, uint64_t limit, ss_error *err);
void ss_pickle_free(ss_pickle *p); /* with every value; NULL is fine */

/* ss_pickle_load() — runs one pickle that begins at text[0] and ends at STOP; *used is its length,
 * *root what it left. `at` is added to positions in sentences. Values point into `text`, which must
 * outlive p. The memo is empty at the start of each pickle; storages stay. */
ss_status ss_pickle_load(ss_pickle *p, const char *text, size_t n, uint64_t at, pk_value **root,
                         size_t *used, ss_error *err);

int ss_pickle_storages(const ss_pickle *p);
const pk_storage *ss_pickle_storage(const ss_pickle *p, int i); /* borrowed */
/* ss_pickle_find() — index of the storage called key[0..n), -1: none. */
int ss_pickle_find(const ss_pickle *p, const char *key, size_t n);

bool ss_pickle_is(const pk_value *v, const char *text); /* v is this text */
/* ss_pickle_alloc() — memory that lives as long as p, within its limit; NULL when it is used up. */
void *ss_pickle_alloc(ss_pickle *p, size_t bytes);
#endif
