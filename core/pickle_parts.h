/* pickle_parts.h — what the files of the pickle reader share. */
#ifndef SEMISAM_PICKLE_PARTS_H
#define SEMISAM_PICKLE_PARTS_H
#include "pickle.h"

typedef struct pk_block {
    struct pk_block *next;
    max_align_t bytes[];
} pk_block;

struct ss_pickle {
    const char *path;
    pk_block *block;
    char *room; /* free part of the newest block */
    size_t left;
    uint64_t used, limit;
    /* the pickle being run */
    const unsigned char *text;
    size_t size, pos, op_at;
    uint64_t base; /* position of text[0] for sentences */
    pk_value **stack, **memo;
    size_t nstack, stack_room, nmemo, memo_room;
    uint32_t marks; /* open MARKs */
    /* found so far */
    pk_storage *storage;
    size_t nstorage, storage_room;
    uint32_t *slot; /* hash table of storages by key: index + 1, 0 is free */
    size_t nslot;
    ss_error *err;
};

/* What an allowed global does when it is called. */
typedef enum {
    FN_NONE, /* only ever an argument */
    FN_DICT,
    FN_FIELDS, /* a record with fields */
    FN_SEQUENCE,
    FN_TENSOR,
    FN_TENSOR_V2,
    FN_TENSOR_V3,
    FN_PARAMETER,
    FN_FROM_TYPE,
    FN_RECONSTRUCT, /* copyreg's way to make a record */
    FN_ENCODE,
    FN_OPAQUE,
    FN_STORAGE, /* the class of a storage */
    FN_DTYPE
} pk_fn;

typedef struct pk_name {
    const char *module, *name;
    pk_fn fn;
    ss_torch_type type; /* FN_STORAGE, FN_DTYPE */
} pk_name;

ss_status pk_fail(ss_pickle *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
ss_status pk_no_memory(ss_pickle *p);

pk_value *pk_new(ss_pickle *p, pk_kind kind); /* NULL: out of memory */
/* pk_append() — one more item of a tuple, list or dict. */
ss_status pk_append(ss_pickle *p, pk_value *list, pk_value *item);
/* pk_grow() — makes room for one more element in an array of the reader; rooms are powers of 2. */
bool pk_grow(ss_pickle *p, void **array, size_t n, size_t *room, size_t bytes);

/* pk_global() — the value of module.name, or a refusal. */
ss_status pk_global(ss_pickle *p, const char *module, size_t nmodule, const char *name,
                    size_t nname, pk_value **out);
const pk_name *pk_name_at(int64_t row);
/* pk_call() — REDUCE and NEWOBJ: what an allowed callable makes of its arguments. */
ss_status pk_call(ss_pickle *p, const pk_value *callable, const pk_value *args, pk_value **out);
/* pk_build() — BUILD: gives `state` to an object. */
ss_status pk_build(ss_pickle *p, pk_value *object, pk_value *state);
/* pk_persistent() — BINPERSID: the storage that an id stands for. */
ss_status pk_persistent(ss_pickle *p, const pk_value *id, pk_value **out);
#endif
