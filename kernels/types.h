/* types.h — status codes, element types and the plain view that every layer shares. */
#ifndef SEMISAM_TYPES_H
#define SEMISAM_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_STATUS_MAP(X)                                                                           \
    X(OK, 0, "success")                                                                            \
    X(E_ARG, -1, "invalid argument")                                                               \
    X(E_SHAPE, -2, "shapes do not fit")                                                            \
    X(E_DTYPE, -3, "element type not supported")                                                   \
    X(E_DEVICE, -4, "device missing or mismatched")                                                \
    X(E_NOMEM, -5, "out of memory")                                                                \
    X(E_IO, -6, "file could not be read or written")                                               \
    X(E_FORMAT, -7, "file contents are not valid")                                                 \
    X(E_STATE, -8, "object is in the wrong state")                                                 \
    X(E_CANCEL, -9, "interrupted")                                                                 \
    X(E_CUDA, -10, "CUDA reported an error")

typedef enum {
#define X(name, code, text) SS_##name = code,
    SS_STATUS_MAP(X)
#undef X
} ss_status;

/* X(enum, name, bytes): the order is the promotion order of mixed arithmetic, lowest first,
 * except that f16 with bf16 gives f32. */
#define SS_DTYPE_MAP(X)                                                                            \
    X(BOOL, "bool", 1)                                                                             \
    X(U8, "u8", 1)                                                                                 \
    X(I32, "i32", 4)                                                                               \
    X(I64, "i64", 8)                                                                               \
    X(F16, "f16", 2)                                                                               \
    X(BF16, "bf16", 2)                                                                             \
    X(F32, "f32", 4)

typedef enum {
#define X(name, text, bytes) SS_##name,
    SS_DTYPE_MAP(X)
#undef X
        SS_DTYPE_COUNT
} ss_dtype;

enum { SS_MAX_DIM = 8 };

/* A strided array somewhere in memory. Axis 0 is the slowest in the usual layout. */
typedef struct ss_view {
    void *data; /* first element; NULL on the meta device and for an absent optional input */
    ss_dtype dtype;
    int ndim;
    int64_t shape[SS_MAX_DIM];
    int64_t stride[SS_MAX_DIM]; /* in elements; 0 repeats the axis */
    int64_t count;              /* product of shape; 1 for a scalar, 0 when empty */
    uint64_t id;                /* names the bytes: same id and version, same contents */
    uint32_t version;
    bool present;  /* false: the optional input was not given */
    bool constant; /* frozen parameter: a packed copy may be kept (ss_env.pack) */
} ss_view;

#endif
