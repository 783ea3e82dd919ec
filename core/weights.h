/* weights.h — the tensors of a checkpoint file, whichever format it has: PyTorch's zip format, its
 * older one, or safetensors. The format is recognised by the contents, never by the name.
 *
 * Nothing in a file is run, and nothing is allocated by what it claims before that is held against
 * its size: opening takes at most the file's size and 4 MiB, and every storage is loaded once.
 * Tensors that share a storage in the file share it here. A handle belongs to the thread of the
 * context its tensors are made in. */
#ifndef SEMISAM_WEIGHTS_H
#define SEMISAM_WEIGHTS_H
#include "pickle.h"
#include "semisam.h"

typedef struct ss_weights ss_weights;

typedef struct ss_w_tensor {
    const char *name; /* within its container */
    int container;
    const pk_tensor *where; /* shape, strides, type */
} ss_w_tensor;

/* A dict or list that holds tensors itself. */
typedef struct ss_w_container {
    const char *path; /* keys from the outermost dict on, joined by dots; "" is that dict */
    int tensors;
} ss_w_container;

/* A number or text beside the tensors (epoch, learning rate), or an entry of the metadata. */
typedef struct ss_w_note {
    const char *key, *value;
} ss_w_note;

enum {
    SS_W_ROUND = 1, /* float64 that float32 cannot hold exactly is rounded, else refused */
    SS_W_COPY = 2   /* never map the file */
};

/* ss_weights_open() — reads what the file holds, not the tensors. crc: hold its checksums against
 * the data (PyTorch can be told to write none). */
ss_status ss_weights_open(ss_weights **out, const char *path, bool crc, ss_error *err);
void ss_weights_close(ss_weights *w); /* NULL is fine; loaded tensors stay */

const char *ss_weights_format(const ss_weights *w); /* "PyTorch zip" ... */
uint64_t ss_weights_bytes(const ss_weights *w);     /* of the file */
int ss_weights_count(const ss_weights *w);
const ss_w_tensor *ss_weights_at(const ss_weights *w, int i); /* in the order of the file */
int ss_weights_containers(const ss_weights *w);
const ss_w_container *ss_weights_container(const ss_weights *w, int i);
int ss_weights_notes(const ss_weights *w);
const ss_w_note *ss_weights_note(const ss_weights *w, int i);

/* ss_weights_load() — tensor i. Where the element type is one of ours and its place is aligned it
 * is a private window on the file: writing to it does not change the file, and nobody may shorten
 * the file meanwhile. int8, int16 and uint16 become i32, uint32 and uint64 i64, float64 f32; values
 * that do not fit are refused, as are complex and quantised tensors. *err names the tensor. */
ss_status ss_weights_load(ss_weights *w, ss_ctx *ctx, int i, int flags, ss_tensor **out,
                          ss_error *err);

/* ss_weights_mapped() — the path of the file that a window at p shows, NULL for other memory. For
 * the handler of SIGBUS, which comes when somebody shortens such a file: it takes no lock. */
const char *ss_weights_mapped(const void *p);
#endif
