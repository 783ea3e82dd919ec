/* devices.h — descriptions of GPUs in cuDNN's own form, so that it plans for them without one.
 * Sources: the CUDA programming guide's table of compute capabilities and NVIDIA's data sheets. */
#ifndef SEMISAM_TEST_DEVICES_H
#define SEMISAM_TEST_DEVICES_H

typedef struct gpu_model {
    const char *name;
    int capability, multiprocessors, shared_kib, blocks, threads, clock_mhz, memory_mhz, l2_kib;
    double gib;
} gpu_model;

static const gpu_model gpu_models[] = {
    {"T4", 75, 40, 64, 16, 1024, 1590, 5001, 4096, 15.0},
    {"A100", 80, 108, 163, 32, 2048, 1410, 1215, 40960, 39.4},
    {"RTX 3090", 86, 82, 99, 16, 1536, 1695, 9751, 6144, 23.7},
    {"H100", 90, 132, 227, 32, 2048, 1980, 2619, 51200, 79.1},
};
enum { GPU_MODELS = sizeof gpu_models / sizeof *gpu_models };

static inline int gpu_json(const gpu_model *m, char *out, size_t n)
{
    return snprintf(
        out, n,
        "{\"deviceVer\":%d,\"multiProcessorCount\":%d,\"warpSize\":32,"
        "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":%d,"
        "\"reservedSharedMemoryPerBlock\":%d,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":%d,"
        "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":%d,\"regsPerBlock\":65536,"
        "\"totalGlobalMem\":%.0f,\"smClockRateKHz\":%d,\"memClockRateKHz\":%d,\"l2CacheSize\":%d,"
        "\"maxBlockSize\":[1024,1024,64],\"maxGridSize\":[2147483647,65535,65535],"
        "\"supportCoopLaunch\":1,\"pciDeviceId\":0,\"isTccDriver\":0,\"cudaDeviceId\":0,"
        "\"driverVer\":13000,\"deviceName\":\"%s\"}",
        m->capability / 10 * 100 + m->capability % 10 * 10, m->multiprocessors,
        m->shared_kib * 1024, m->capability >= 80 ? 1024 : 0, m->blocks, m->threads,
        m->gib * 1073741824.0, m->clock_mhz * 1000, m->memory_mhz * 1000, m->l2_kib * 1024,
        m->name);
}
#endif
