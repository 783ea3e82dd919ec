/* cudnn_parts.h — between the parts of the stand-in for cuDNN. */
#ifndef SEMISAM_EMULATE_CUDNN_PARTS_H
#define SEMISAM_EMULATE_CUDNN_PARTS_H
#include "emulate_libs.h"
#include <map>
#include <memory>
#include <string.h>
#include <vector>

namespace emu_dnn_parts
{
struct value {
    cudnnBackendAttributeType_t type;
    int64_t count;
    std::vector<char> bytes;
};
enum engine { SLOW_COMPILER, UNSTEADY, HUNGRY, NARROW, PLAIN, ENGINES };

/* A descriptor's attributes. Others that it refers to are copied when it is finalised, so that they
 * may be destroyed. */
struct contents {
    cudnnBackendDescriptorType_t type;
    std::map<int, value> attr;
    std::map<int, std::shared_ptr<contents>> held;
    engine which = PLAIN; /* of an engine or its configuration */

    template <class T> std::vector<T> all(int name) const
    {
        std::vector<T> v;
        auto found = attr.find(name);
        if (found == attr.end()) return v;
        v.resize(found->second.bytes.size() / sizeof(T));
        if (!v.empty()) memcpy(v.data(), found->second.bytes.data(), v.size() * sizeof(T));
        return v;
    }
    template <class T> T one(int name) const
    {
        const std::vector<T> v = all<T>(name);
        return v.empty() ? T() : v[0];
    }
    bool has(int name) const
    {
        return attr.count(name) != 0;
    }
};

/* Names of what the three directions call x, w, y and the geometry. */
struct roles {
    int x, w, y, conv, alpha, beta;
};
roles roles_of(cudnnBackendDescriptorType_t op);

bool valid_tensor(const contents &d);
bool valid_geometry(const contents &d);
bool valid_operation(const contents &d);
/* Engines that have code for the operation. */
std::vector<engine> engines_for(const contents &op, cudnnBackendHeurMode_t mode);
int64_t workspace_of(engine e);

/* One convolution, ready to be computed. */
struct task {
    std::shared_ptr<contents> op;
    engine which;
    void *data[3], *work; /* x, w, y */
};
void compute(const task &t);
} // namespace emu_dnn_parts

struct emu_dnn {
    cudaStream_t stream;
};
struct emu_dnn_desc {
    std::shared_ptr<emu_dnn_parts::contents> c;
    bool finalised;
};
#endif
