/* weights_parts.h — what the files of the checkpoint reader share. */
#ifndef SEMISAM_WEIGHTS_PARTS_H
#define SEMISAM_WEIGHTS_PARTS_H
#include "weights.h"

struct ss_st;

typedef struct w_storage {
    uint64_t at, bytes; /* its place in the file */
    uint32_t crc;
    bool has_crc, checked;
    ss_tensor *base; /* all of it as elements of base_type, once loaded */
    ss_torch_type base_type;
} w_storage;

typedef struct w_map { /* the mapped file, shared by the tensors on it */
    struct w_map *next;
    unsigned char *data;
    size_t bytes;
    int refs;
    char *path;
} w_map;

struct ss_weights {
    int fd;
    char *path, *text;     /* text: the pickles, which the values point into */
    uint64_t size, handed; /* of the file; bytes of the tensors given out */
    const char *format;
    bool crc;
    ss_pickle *p; /* values, and memory for what is below */
    struct ss_st *st;
    w_storage *storage;
    int nstorage;
    ss_w_tensor *tensor;
    ss_w_container *container;
    ss_w_note *note;
    size_t ntensor, ncontainer, nnote;
    w_map *map;
};

enum { W_SPARE = 4 << 20, W_MAX_TENSORS = 100000 };

/* One more element of an array in the reader's memory; n is counted by the caller. */
void *w_more(ss_weights *w, void *array, size_t n, size_t bytes);
ss_status w_no_memory(const ss_weights *w, ss_error *err);
char *w_text(ss_weights *w, const char *s, size_t n); /* a copy ended by a zero; NULL: no memory */
ss_status w_add_note(ss_weights *w, const char *key, const char *value, ss_error *err);

ss_status w_open_zip(ss_weights *w, ss_error *err);
ss_status w_open_legacy(ss_weights *w, ss_error *err);
ss_status w_open_safetensors(ss_weights *w, ss_error *err);
/* w_walk() — fills tensors, containers and notes from the values below root. */
ss_status w_walk(ss_weights *w, pk_value *root, ss_error *err);
/* w_new_storages() — an entry for each storage the pickle named. */
ss_status w_new_storages(ss_weights *w, ss_error *err);
/* w_crc() — CRC-32 of a part of the file. */
ss_status w_crc(const ss_weights *w, uint64_t at, uint64_t bytes, uint32_t *crc, ss_error *err);
#endif
