/* dnn_make.h — inside of dnn.c and dnn_make.c: what a prepared primitive consists of. */
#ifndef SEMISAM_DNN_MAKE_H
#define SEMISAM_DNN_MAKE_H
#include "dnn.h"
#include <dnnl.h>

enum { SS_DNN_ALIGN = 64 };

/* One memory of a primitive. The caller's data goes through up to two steps before (input) or
 * after (output) the primitive: conversion to f32 and change of layout. */
typedef struct ss_dnn_mem {
    bool used, output, convert;
    int arg;
    size_t count;                   /* elements of the caller's memory */
    dnnl_memory_desc_t plain, prim; /* the caller's memory (f32 when converted); what runs */
    dnnl_primitive_t reorder;       /* between the two; NULL when they are equal */
    size_t convert_at, reorder_at;  /* offsets in scratch */
} ss_dnn_mem;

struct ss_dnn {
    ss_dnn_desc desc;
    uint64_t hash, used_at;
    int refs;
    bool refused, cached;
    dnnl_primitive_t prim;
    const char *impl;
    ss_dnn_mem slot[SS_DNN_SLOTS];
    size_t work_bytes, work_at; /* oneDNN's own workspace, shared by the reorders */
    size_t scratch_packed, scratch_all;
};

static inline size_t ss_dnn_pad(size_t bytes)
{
    return (bytes + SS_DNN_ALIGN - 1) / SS_DNN_ALIGN * SS_DNN_ALIGN;
}

/* ss_dnn_make() — prepares p->desc on `engine`. `attr` asks for workspace from the caller.
 * dnnl_unimplemented: there is no fast code for it. The caller destroys p in any case. */
dnnl_status_t ss_dnn_make(ss_dnn *p, dnnl_engine_t engine, dnnl_primitive_attr_t attr);
void ss_dnn_destroy(ss_dnn *p);
#endif
