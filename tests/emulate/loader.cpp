/* loader.cpp — dlopen and dlsym of the stand-in libraries. */
#include "emulate_libs.h"
#include "libs_api.h"
#include <stdlib.h>
#include <string.h>

namespace
{
struct symbol {
    const char *name;
    void *address;
};
#define SYMBOL(f) {#f, (void *)f},
const symbol lt[] = {SS_LT_FUNCTIONS(SYMBOL){nullptr, nullptr}};
const symbol dnn[] = {SS_DNN_FUNCTIONS(SYMBOL){nullptr, nullptr}};
struct library {
    const char *name, *short_name;
    const symbol *symbols;
};
const library known[] = {{"libcublasLt.so.13", "cublasLt", lt}, {"libcudnn.so.9", "cudnn", dnn}};

/* Names between commas. */
bool listed(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = list; at && *at;) {
        const size_t len = strcspn(at, ",");
        if (len == n && strncmp(at, name, n) == 0) return true;
        at += len + (at[len] == ',');
    }
    return false;
}
} // namespace

void *emu_dlopen(const char *name, int)
{
    for (const library &l : known)
        if (strcmp(name, l.name) == 0 && !listed(getenv("SS_EMULATE_MISSING"), l.short_name))
            return (void *)&l;
    return nullptr;
}

void *emu_dlsym(void *so, const char *name)
{
    for (const symbol *s = ((const library *)so)->symbols; s->name; s++)
        if (strcmp(s->name, name) == 0) return s->address;
    return nullptr;
}

int emu_dlclose(void *)
{
    return 0;
}
