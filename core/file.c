/* file.c — reading, folders, hashes and locks (see file.h; output is in file_out.c). */
#include "file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { READ_CHUNK = 1 << 20, MAX_DEPTH = 64 };

static ss_status io_error(ss_error *err, const char *path, const char *what)
{
    const int e = errno;
    if (e == ENOMEM) return ss_error_set(err, SS_E_NOMEM, "%s: %s: out of memory", path, what);
    return ss_error_set(err, SS_E_IO, "%s: %s: %s", path, what, strerror(e));
}

static ss_status no_memory(ss_error *err, const char *path, size_t bytes)
{
    return ss_error_set(err, SS_E_NOMEM, "%s: out of memory (%zu bytes wanted)", path, bytes);
}

static const char *kind_of(mode_t m)
{
    if (S_ISDIR(m)) return "a folder";
    if (S_ISFIFO(m)) return "a pipe";
    if (S_ISSOCK(m)) return "a socket";
    return "a device";
}

ss_status ss_file_open(int *fd, uint64_t *size, const char *path, ss_error *err)
{
    struct stat st;
    /* O_NONBLOCK: opening a pipe without a writer would wait for ever. */
    const int f = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    *fd = -1;
    if (f < 0) return io_error(err, path, "cannot be opened");
    ss_status s = SS_OK;
    if (fstat(f, &st))
        s = io_error(err, path, "cannot be examined");
    else if (!S_ISREG(st.st_mode))
        s = ss_error_set(err, SS_E_IO, "%s: is %s; a regular file is needed", path,
                         kind_of(st.st_mode));
    if (s) {
        close(f);
        return s;
    }
    *fd = f;
    *size = (uint64_t)st.st_size;
    return SS_OK;
}

ss_status ss_read_fully(int fd, void *p, size_t n, uint64_t at, const char *path, ss_error *err)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t k = pread(fd, (char *)p + done, n - done, (off_t)(at + done));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return io_error(err, path, "cannot be read");
        if (k == 0)
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: ends after %llu bytes; %zu are needed from %llu on", path,
                                (unsigned long long)(at + done), n, (unsigned long long)at);
        done += (size_t)k;
    }
    return SS_OK;
}

/* Reads to the end whatever fstat said: the files of /proc claim no size. */
static ss_status slurp(int fd, char **data, size_t *size, size_t room, const char *path,
                       uint64_t limit, ss_error *err)
{
    size_t n = 0;
    for (;;) {
        if (n + 1 >= room) {
            room += room / 2 + READ_CHUNK;
            char *more = realloc(*data, room);
            if (!more) return no_memory(err, path, room);
            *data = more;
        }
        const ssize_t k = read(fd, *data + n, room - n - 1);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return io_error(err, path, "cannot be read");
        if (k == 0) break;
        n += (size_t)k;
        if (n > limit)
            return ss_error_set(err, SS_E_FORMAT, "%s: is larger than the limit of %llu bytes",
                                path, (unsigned long long)limit);
    }
    (*data)[n] = 0;
    *size = n;
    return SS_OK;
}

ss_status ss_file_read(char **data, size_t *size, const char *path, uint64_t limit, ss_error *err)
{
    int fd;
    uint64_t st_size;
    *data = NULL;
    *size = 0;
    ss_status s = ss_file_open(&fd, &st_size, path, err);
    if (s) return s;
    if (limit > SIZE_MAX / 4) limit = SIZE_MAX / 4;
    if (st_size > limit) {
        s = ss_error_set(err, SS_E_FORMAT, "%s: has %llu bytes, more than the limit of %llu", path,
                         (unsigned long long)st_size, (unsigned long long)limit);
    } else {
        const size_t room = (size_t)st_size + 2; /* one to see the end, one for the zero */
        *data = malloc(room);
        s = *data ? slurp(fd, data, size, room, path, limit, err) : no_memory(err, path, room);
    }
    close(fd);
    if (s) {
        free(*data);
        *data = NULL;
        *size = 0;
    }
    return s;
}

bool ss_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool ss_file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

ss_status ss_file_mkdir(const char *path, ss_error *err)
{
    char *p = strdup(path);
    if (!p) return no_memory(err, path, strlen(path) + 1);
    ss_status s = SS_OK;
    if (!*p) s = ss_error_set(err, SS_E_IO, "a folder needs a name; the path is empty");
    for (char *q = p + 1; !s && *p; q++) {
        if (*q && *q != '/') continue;
        const char end = *q;
        *q = 0;
        if (mkdir(p, 0777) && !ss_file_is_dir(p)) s = io_error(err, p, "cannot be made a folder");
        *q = end;
        if (!end) break;
    }
    free(p);
    return s;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void ss_file_free_list(char **names, int count)
{
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

ss_status ss_file_list(char ***names, int *count, const char *path, ss_error *err)
{
    char **list = NULL;
    int n = 0, room = 0;
    *names = NULL;
    *count = 0;
    DIR *d = opendir(path);
    if (!d) return io_error(err, path, "cannot be listed");
    ss_status s = SS_OK;
    while (!s) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e && errno) s = io_error(err, path, "cannot be listed");
        if (!e) break;
        if (is_dots(e->d_name)) continue;
        if (n == room) {
            const int want = room ? 2 * room : 64;
            char **more = realloc(list, (size_t)want * sizeof *list);
            if (more) list = more, room = want;
        }
        if (n == room || !(list[n] = strdup(e->d_name)))
            s = no_memory(err, path, (size_t)n * sizeof *list);
        else
            n++;
    }
    closedir(d);
    if (s) {
        ss_file_free_list(list, n);
        return s;
    }
    if (n) qsort(list, (size_t)n, sizeof *list, by_bytes);
    *names = list;
    *count = n;
    return SS_OK;
}

static ss_status remove_tree(int at, const char *name, int depth, const char *path, ss_error *err)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT) return SS_OK;
    if (errno != EISDIR && errno != EPERM) return io_error(err, path, "cannot be removed");
    if (depth > MAX_DEPTH)
        return ss_error_set(err, SS_E_IO, "%s: folders are nested deeper than %d", path, MAX_DEPTH);
    const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        ss_status s = io_error(err, path, "cannot be removed");
        if (fd >= 0) close(fd);
        return s;
    }
    ss_status s = SS_OK;
    for (struct dirent *e; !s && (e = readdir(d));)
        if (!is_dots(e->d_name)) s = remove_tree(fd, e->d_name, depth + 1, path, err);
    closedir(d);
    if (!s && unlinkat(at, name, AT_REMOVEDIR) && errno != ENOENT)
        s = io_error(err, path, "cannot be removed");
    return s;
}

ss_status ss_file_remove(const char *path, bool tree, ss_error *err)
{
    if (tree) return remove_tree(AT_FDCWD, path, 0, path, err);
    if (remove(path) && errno != ENOENT) return io_error(err, path, "cannot be removed");
    return SS_OK;
}

ss_status ss_file_rename(const char *from, const char *to, ss_error *err)
{
    if (rename(from, to))
        return ss_error_set(err, SS_E_IO, "%s: cannot be renamed to %s: %s", from, to,
                            strerror(errno));
    const char *slash = strrchr(to, '/');
    char *dir = slash ? strndup(to, slash == to ? 1 : (size_t)(slash - to)) : strdup(".");
    const int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(dir);
    ss_status s = SS_OK;
    if (fd < 0 || (fsync(fd) && errno != EINVAL)) s = io_error(err, to, "folder cannot be synced");
    if (fd >= 0) close(fd);
    return s;
}

static void hash_text(char hex[SS_HASH_CHARS], XXH128_hash_t h)
{
    snprintf(hex, SS_HASH_CHARS, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
}

void ss_hash(char hex[SS_HASH_CHARS], const void *p, size_t n)
{
    hash_text(hex, XXH3_128bits(p, n));
}

ss_status ss_file_hash(char hex[SS_HASH_CHARS], const char *path, ss_error *err)
{
    int fd;
    uint64_t size;
    ss_status s = ss_file_open(&fd, &size, path, err);
    if (s) return s;
    XXH3_state_t *h = XXH3_createState();
    char *buffer = malloc(READ_CHUNK);
    if (!h || !buffer) s = no_memory(err, path, READ_CHUNK);
    if (!s) XXH3_128bits_reset(h);
    while (!s) {
        const ssize_t k = read(fd, buffer, READ_CHUNK);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) s = io_error(err, path, "cannot be read");
        if (k <= 0) break;
        XXH3_128bits_update(h, buffer, (size_t)k);
    }
    if (!s) hash_text(hex, XXH3_128bits_digest(h));
    XXH3_freeState(h);
    free(buffer);
    close(fd);
    return s;
}

struct ss_lock {
    int fd;
};

ss_status ss_lock_take(ss_lock **out, const char *path, ss_error *err)
{
    char who[128] = "";
    *out = NULL;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) return io_error(err, path, "cannot be opened");
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        ss_status s;
        if (errno == EWOULDBLOCK) {
            const ssize_t n = pread(fd, who, sizeof who - 1, 0);
            who[n > 0 ? strcspn(who, "\n") : 0] = 0;
            s = ss_error_set(err, SS_E_STATE, "%s: is in use by %s", path,
                             *who ? who : "another process");
        } else {
            s = io_error(err, path, "cannot be locked");
        }
        close(fd);
        return s;
    }
    ss_lock *lock = malloc(sizeof *lock);
    if (!lock) {
        close(fd);
        return no_memory(err, path, sizeof *lock);
    }
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    const int n = snprintf(who, sizeof who, "process %ld on %s\n", (long)getpid(), host);
    /* The name of the holder is a courtesy: a full disk must not prevent the lock. */
    if (ftruncate(fd, 0) == 0 && n > 0 && pwrite(fd, who, (size_t)n, 0) < 0) errno = 0;
    lock->fd = fd;
    *out = lock;
    return SS_OK;
}

void ss_lock_drop(ss_lock *lock)
{
    if (!lock) return;
    close(lock->fd);
    free(lock);
}
