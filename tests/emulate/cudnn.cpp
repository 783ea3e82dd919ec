/* cudnn.cpp — the stand-in for cuDNN's graph interface: descriptors, their life and their use. */
#include "cudnn_parts.h"
#include <new>
#include <stdint.h>
#include <stdlib.h>

using namespace emu_dnn_parts;

namespace
{
struct rule {
    int type, name, element;
};
/* What may be set on which descriptor, and as what. */
const rule rules[] = {
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_CONV_MODE,
     CUDNN_TYPE_CONVOLUTION_MODE},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_OPS,
     CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
     CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
     CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
     CUDNN_TYPE_VOID_PTR},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR},
};

bool is_operation(int type)
{
    return type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

bool allowed(cudnnBackendDescriptorType_t type, int name, int element)
{
    if (is_operation(type)) {
        const roles r = roles_of(type);
        if (name == r.alpha || name == r.beta) return element == CUDNN_TYPE_FLOAT;
        return element == CUDNN_TYPE_BACKEND_DESCRIPTOR &&
               (name == r.x || name == r.w || name == r.y || name == r.conv);
    }
    for (const rule &r : rules)
        if (r.type == type && r.name == name) return r.element == element;
    return false;
}

size_t size_of(int element)
{
    switch (element) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    }
    return 4;
}

bool holds(const contents &c, int name, cudnnBackendDescriptorType_t type)
{
    auto found = c.held.find(name);
    return found != c.held.end() && found->second->type == type;
}

bool complete(const contents &c)
{
    switch ((int)c.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return valid_tensor(c);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return valid_geometry(c);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return c.has(CUDNN_ATTR_OPERATIONGRAPH_HANDLE) &&
               c.held.count(CUDNN_ATTR_OPERATIONGRAPH_OPS) &&
               is_operation(c.held.at(CUDNN_ATTR_OPERATIONGRAPH_OPS)->type);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return c.has(CUDNN_ATTR_ENGINEHEUR_MODE) && holds(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                                                          CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return c.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) &&
               holds(c, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                     CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return c.has(CUDNN_ATTR_VARIANT_PACK_WORKSPACE) &&
               c.all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).size() ==
                   c.all<void *>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).size();
    }
    return is_operation(c.type) && valid_operation(c);
}

const contents &operation_of(const contents &heur)
{
    return *heur.held.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)
                ->held.at(CUDNN_ATTR_OPERATIONGRAPH_OPS);
}

/* The configurations a finalised heuristic offers, written into the caller's descriptors. */
cudnnStatus_t offer(const contents &heur, int64_t room, int64_t *count, void *elements)
{
    auto *to = (cudnnBackendDescriptor_t *)elements;
    const auto graph = heur.held.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    *count = 0;
    for (engine e : engines_for(operation_of(heur),
                                heur.one<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE))) {
        if (*count == room) break;
        emu_dnn_desc *d = to[(*count)++];
        if (!d || d->c->type != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) return CUDNN_STATUS_BAD_PARAM;
        d->c->which = e;
        d->c->held[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] = graph;
        d->finalised = true;
    }
    return CUDNN_STATUS_SUCCESS;
}

/* A list of one note, or of none when it is negative. */
cudnnStatus_t note(int32_t n, int64_t *count, void *elements)
{
    *count = n >= 0;
    if (*count) memcpy(elements, &n, sizeof n);
    return CUDNN_STATUS_SUCCESS;
}
} // namespace

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t *h)
{
    *h = new (std::nothrow) emu_dnn();
    return *h ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t h)
{
    delete h;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t s)
{
    h->stream = s;
    return CUDNN_STATUS_SUCCESS;
}
size_t cudnnGetVersion(void)
{
    return 91900;
}
const char *cudnnGetErrorString(cudnnStatus_t st)
{
    return st == CUDNN_STATUS_SUCCESS         ? "CUDNN_STATUS_SUCCESS"
           : st == CUDNN_STATUS_BAD_PARAM     ? "CUDNN_STATUS_BAD_PARAM"
           : st == CUDNN_STATUS_NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED"
                                              : "another CUDNN_STATUS";
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *d)
{
    *d = new emu_dnn_desc{std::make_shared<contents>(), false};
    (*d)->c->type = type;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d)
{
    delete d;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void *elements)
{
    if (!d || d->finalised || count < 1 || !elements || !allowed(d->c->type, name, type))
        return CUDNN_STATUS_BAD_PARAM;
    const char *from = (const char *)elements;
    d->c->attr[name] = {type, count, std::vector<char>(from, from + (size_t)count * size_of(type))};
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) return CUDNN_STATUS_SUCCESS;
    const emu_dnn_desc *other = d->c->one<emu_dnn_desc *>(name);
    if (count != 1 || !other || !other->finalised) return CUDNN_STATUS_BAD_PARAM;
    d->c->held[name] = other->c;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d)
{
    if (!d || d->finalised || !complete(*d->c)) return CUDNN_STATUS_BAD_PARAM;
    if (d->c->type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR &&
        engines_for(operation_of(*d->c),
                    d->c->one<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE))
            .empty())
        return CUDNN_STATUS_NOT_SUPPORTED;
    d->finalised = true;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t room,
                                       int64_t *count, void *elements)
{
    if (!d || !d->finalised || room < 1) return CUDNN_STATUS_BAD_PARAM;
    const contents &c = *d->c;
    if (c.type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR && name == CUDNN_ATTR_ENGINEHEUR_RESULTS &&
        type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return offer(c, room, count, elements);
    if (c.type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR && name == CUDNN_ATTR_ENGINECFG_ENGINE &&
        type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        emu_dnn_desc *e = *(cudnnBackendDescriptor_t *)elements;
        if (!e || e->c->type != CUDNN_BACKEND_ENGINE_DESCRIPTOR) return CUDNN_STATUS_BAD_PARAM;
        e->c->which = c.which;
        e->finalised = true;
        *count = 1;
        return CUDNN_STATUS_SUCCESS;
    }
    if (c.type == CUDNN_BACKEND_ENGINE_DESCRIPTOR && name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE &&
        type == CUDNN_TYPE_NUMERICAL_NOTE) {
        return note(c.which == UNSTEADY ? (int32_t)CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC
                    : c.which == NARROW ? (int32_t)CUDNN_NUMERICAL_NOTE_TENSOR_CORE
                                        : -1,
                    count, elements);
    }
    if (c.type == CUDNN_BACKEND_ENGINE_DESCRIPTOR && name == CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE &&
        type == CUDNN_TYPE_BEHAVIOR_NOTE) {
        return note(c.which == SLOW_COMPILER ? (int32_t)CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION
                                             : -1,
                    count, elements);
    }
    if (c.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR &&
        name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE && type == CUDNN_TYPE_INT64) {
        *(int64_t *)elements =
            workspace_of(c.held.at(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->which);
        *count = 1;
        return CUDNN_STATUS_SUCCESS;
    }
    return CUDNN_STATUS_BAD_PARAM;
}

static void run_task(void *arg)
{
    task *t = *(task **)arg;
    compute(*t);
    delete t;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t h, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack)
{
    if (!h || !plan || !plan->finalised || !pack || !pack->finalised ||
        plan->c->one<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) != h)
        return CUDNN_STATUS_BAD_PARAM;
    const auto config = plan->c->held.at(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const auto op = config->held.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)
                        ->held.at(CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const roles r = roles_of(op->type);
    const int part[3] = {r.x, r.w, r.y};
    const auto ids = pack->c->all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const auto at = pack->c->all<void *>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    auto *t =
        new task{op, config->which, {}, pack->c->one<void *>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE)};
    bool ok = t->work || workspace_of(t->which) == 0;
    for (int i = 0; i < 3; i++) {
        const contents &tensor = *op->held.at(part[i]);
        for (size_t k = 0; k < ids.size(); k++)
            if (ids[k] == tensor.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)) t->data[i] = at[k];
        ok = ok && t->data[i] &&
             (uintptr_t)t->data[i] %
                     (uintptr_t)tensor.one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) ==
                 0;
    }
    auto **arg = (task **)malloc(sizeof(task *));
    if (!ok || !arg) {
        delete t;
        free(arg);
        return CUDNN_STATUS_BAD_PARAM;
    }
    *arg = t;
    emu_host_task(h->stream, run_task, arg);
    return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
