/* components.c — connected components by union-find over a raster scan. */
#include "mask.h"

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* The smaller index becomes the root: it is the component's first voxel in raster order. */
static void join(int32_t *parent, int32_t a, int32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

typedef struct {
    int dz, dy, dx;
} step;

/* Neighbours that a raster scan has already seen. */
static int steps_back(ss_connectivity k, step out[13])
{
    int n = 0;
    for (int dz = -1; dz <= 0; dz++)
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                if (dz == 0 && (dy > 0 || (dy == 0 && dx >= 0))) continue;
                const int moved = (dz != 0) + (dy != 0) + (dx != 0);
                if (moved <= (int)k + 1) out[n++] = (step){dz, dy, dx};
            }
    return n;
}

static void unite_all(const uint8_t *inside, int64_t d, int64_t h, int64_t w, ss_connectivity k,
                      int32_t *parent)
{
    step back[13];
    const int nback = steps_back(k, back);
    for (int64_t z = 0; z < d; z++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                const int64_t i = (z * h + y) * w + x;
                if (!inside[i]) {
                    parent[i] = -1;
                    continue;
                }
                parent[i] = (int32_t)i;
                for (int s = 0; s < nback; s++) {
                    const int64_t zz = z + back[s].dz, yy = y + back[s].dy, xx = x + back[s].dx;
                    if (zz < 0 || yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
                    const int64_t j = (zz * h + yy) * w + xx;
                    if (inside[j]) join(parent, (int32_t)i, (int32_t)j);
                }
            }
}

size_t ss_components_work(int64_t count)
{
    return (size_t)(3 * count + 2) * sizeof(int32_t);
}

int64_t ss_components(const uint8_t *inside, int64_t d, int64_t h, int64_t w, ss_connectivity k,
                      int32_t *label, void *work)
{
    const int64_t count = d * h * w;
    int32_t *size = work, *place = size + count, *histogram = place + count;
    int32_t found = 0;
    unite_all(inside, d, h, w, k, label);
    /* A root comes before its members: number roots in raster order, members copy the number.
     * Numbers are stored as -2 - number so that they differ from parents. */
    for (int64_t i = 0; i < count; i++) {
        if (label[i] < 0) continue;
        int32_t number;
        if (label[i] == i) {
            number = found++;
            size[number] = 0;
        } else {
            number = -2 - label[label[i]]; /* the parent has its number already */
        }
        size[number]++;
        label[i] = -2 - number;
    }
    /* Counting sort by falling size; stable, so ties stay in raster order. */
    memset(histogram, 0, (size_t)(count + 2) * sizeof(int32_t));
    for (int32_t i = 0; i < found; i++) histogram[count - size[i] + 1]++;
    for (int64_t i = 1; i <= count + 1; i++) histogram[i] += histogram[i - 1];
    for (int32_t i = 0; i < found; i++) place[i] = ++histogram[count - size[i]];
    for (int64_t i = 0; i < count; i++) label[i] = label[i] == -1 ? 0 : place[-2 - label[i]];
    return found;
}
