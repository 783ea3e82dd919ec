/* file_out.c — atomic output, appending and the clean-up of left temporaries (see file.h). */
#include "file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BUFFER = 1 << 16, TRIES = 100, MARK_DIGITS = 8 };
static const char mark[] = ".tmp-"; /* a temporary is ".NAME" mark and MARK_DIGITS hex digits */

struct ss_outfile {
    int fd, dir_fd;
    char *path;              /* the target, links resolved */
    char temp[NAME_MAX + 1]; /* inside dir_fd */
    uint64_t written, reserved;
    size_t held; /* bytes waiting in `buffer` */
    char buffer[BUFFER];
};

static ss_status io_error(ss_error *err, const char *path, const char *what)
{
    const int e = errno;
    if (e == ENOMEM) return ss_error_set(err, SS_E_NOMEM, "%s: %s: out of memory", path, what);
    return ss_error_set(err, SS_E_IO, "%s: %s: %s", path, what, strerror(e));
}

static ss_status full_disk(ss_error *err, const ss_outfile *f, uint64_t needed)
{
    struct statvfs s;
    unsigned long long room = 0;
    if (fstatvfs(f->dir_fd, &s) == 0) room = (unsigned long long)s.f_bavail * s.f_frsize;
    return ss_error_set(err, SS_E_IO, "%s: the disk is full: %llu bytes are needed, %llu are free",
                        f->path, (unsigned long long)needed, room);
}

/* The target's own name and its folder: a link is followed, so that it stays a link. */
static char *resolve(const char *path)
{
    struct stat s;
    if (lstat(path, &s) == 0 && S_ISLNK(s.st_mode)) {
        char *real = realpath(path, NULL);
        if (real) return real;
    }
    return strdup(path);
}

static int open_folder(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash) return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const size_t n = slash == path ? 1 : (size_t)(slash - path);
    char *dir = strndup(path, n);
    if (!dir) return -1;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int e = errno;
    free(dir);
    errno = e;
    return fd;
}

/* Open a temporary with a new name. Unpredictable, though O_EXCL alone already refuses a planted
 * one. */
static ss_status open_temp(ss_outfile *f, const char *name, ss_error *err)
{
    struct stat old;
    const bool replaces = fstatat(f->dir_fd, name, &old, 0) == 0;
    if (replaces && S_ISDIR(old.st_mode))
        return ss_error_set(err, SS_E_IO, "%s: is a folder; a file is to be written", f->path);
    if (replaces && !S_ISREG(old.st_mode))
        return ss_error_set(err, SS_E_IO, "%s: is not a regular file", f->path);
    const size_t room = NAME_MAX - 1 - (sizeof mark - 1) - MARK_DIGITS;
    for (int i = 0; i < TRIES; i++) {
        uint32_t r;
        if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r) r = (uint32_t)getpid() * 2654435761u;
        r += (uint32_t)i;
        /* A name near the limit is cut: the temporary needs only to be unique. */
        snprintf(f->temp, sizeof f->temp, ".%.*s%s%0*x", (int)room, name, mark, MARK_DIGITS, r);
        f->fd = openat(f->dir_fd, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                       replaces ? old.st_mode & 0777 : 0666);
        if (f->fd >= 0) {
            /* The lock tells ss_file_sweep that we live; one that came before it took the name. */
            struct stat now;
            (void)flock(f->fd, LOCK_EX);
            if (replaces) (void)fchmod(f->fd, old.st_mode & 0777);
            if (fstat(f->fd, &now) == 0 && now.st_nlink > 0) return SS_OK;
            close(f->fd);
            f->fd = -1;
            continue;
        }
        if (errno != EEXIST) break;
    }
    f->temp[0] = 0;
    return io_error(err, f->path, "cannot be created");
}

ss_status ss_file_create(ss_outfile **out, const char *path, uint64_t bytes, ss_error *err)
{
    const char *name;
    ss_outfile *f = malloc(sizeof *f);
    *out = NULL;
    if (!f) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    *f = (ss_outfile){.fd = -1, .dir_fd = -1};
    ss_status s = SS_OK;
    if (!(f->path = resolve(path))) s = ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    if (!s && (f->dir_fd = open_folder(f->path, &name)) < 0)
        s = io_error(err, f->path, "its folder cannot be opened");
    if (!s && !*name) s = ss_error_set(err, SS_E_IO, "%s: no file name after the last /", path);
    if (!s) s = open_temp(f, name, err);
    if (!s && bytes > 0 && bytes < INT64_MAX) {
        int r;
        do r = fallocate(f->fd, 0, 0, (off_t)bytes);
        while (r && errno == EINTR);
        if (r && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            s = full_disk(err, f, bytes);
        else if (!r)
            f->reserved = bytes;
    }
    if (s) {
        ss_file_abort(f);
        return s;
    }
    *out = f;
    return SS_OK;
}

static ss_status write_fully(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k == 0) errno = EIO;
        if (k <= 0) return SS_E_IO;
        p += k;
        n -= (size_t)k;
    }
    return SS_OK;
}

static ss_status put(ss_outfile *f, const void *p, size_t n, ss_error *err)
{
    if (write_fully(f->fd, p, n)) {
        if (errno == ENOSPC || errno == EDQUOT) return full_disk(err, f, f->written + n);
        return io_error(err, f->path, "cannot be written");
    }
    f->written += n;
    return SS_OK;
}

ss_status ss_file_put(ss_outfile *f, const void *p, size_t n, ss_error *err)
{
    if (n < BUFFER - f->held) {
        if (n) memcpy(f->buffer + f->held, p, n);
        f->held += n;
        return SS_OK;
    }
    ss_status s = put(f, f->buffer, f->held, err);
    f->held = 0;
    if (s) return s;
    if (n >= BUFFER) return put(f, p, n, err);
    if (n) memcpy(f->buffer, p, n);
    f->held = n;
    return SS_OK;
}

static int sync_fd(int fd)
{
    int r;
    do r = fsync(fd);
    while (r && errno == EINTR);
    return r;
}

ss_status ss_file_commit(ss_outfile *f, ss_error *err)
{
    const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
    ss_status s = put(f, f->buffer, f->held, err);
    f->held = 0;
    if (!s && f->reserved > f->written && ftruncate(f->fd, (off_t)f->written))
        s = io_error(err, f->path, "cannot be cut to its size");
    /* A failed sync is final: the kernel may have dropped the pages, a second sync would lie. */
    if (!s && sync_fd(f->fd)) s = io_error(err, f->path, "cannot be synced to the disk");
    if (!s) {
        const int fd = f->fd;
        if (renameat(f->dir_fd, f->temp, f->dir_fd, name)) {
            s = io_error(err, f->path, "cannot be given its name");
        } else {
            f->temp[0] = 0;
            f->fd = -1;
            if (close(fd) && errno != EINTR) s = io_error(err, f->path, "cannot be closed");
            if (!s && sync_fd(f->dir_fd) && errno != EINVAL)
                s = io_error(err, f->path, "its folder cannot be synced");
        }
    }
    ss_file_abort(f);
    return s;
}

void ss_file_abort(ss_outfile *f)
{
    if (!f) return;
    if (f->temp[0]) (void)unlinkat(f->dir_fd, f->temp, 0);
    if (f->fd >= 0) close(f->fd);
    if (f->dir_fd >= 0) close(f->dir_fd);
    free(f->path);
    free(f);
}

ss_status ss_file_write(const char *path, const void *p, size_t n, ss_error *err)
{
    ss_outfile *f;
    ss_status s = ss_file_create(&f, path, n, err);
    if (s) return s;
    s = ss_file_put(f, p, n, err);
    if (!s) return ss_file_commit(f, err);
    ss_file_abort(f);
    return s;
}

ss_status ss_file_append(const char *path, const void *p, size_t n, ss_error *err)
{
    const int fd =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) return io_error(err, path, "cannot be opened for appending");
    struct stat st;
    ss_status s = SS_OK;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        s = ss_error_set(err, SS_E_IO, "%s: is not a regular file", path);
    else if (write_fully(fd, p, n))
        s = io_error(err, path, "cannot be appended to");
    else if (sync_fd(fd))
        s = io_error(err, path, "cannot be synced to the disk");
    if (close(fd) && !s && errno != EINTR) s = io_error(err, path, "cannot be closed");
    return s;
}

static bool is_temp(const char *name)
{
    const size_t n = strlen(name), tail = sizeof mark - 1 + MARK_DIGITS;
    if (name[0] != '.' || n <= tail + 1) return false;
    const char *digits = name + n - MARK_DIGITS;
    return memcmp(name + n - tail, mark, sizeof mark - 1) == 0 &&
           strspn(digits, "0123456789abcdef") == MARK_DIGITS;
}

ss_status ss_file_sweep(const char *dir, int *removed, ss_error *err)
{
    int count = 0;
    DIR *d = opendir(dir);
    if (!d) return io_error(err, dir, "cannot be listed");
    for (struct dirent *e; (e = readdir(d));) {
        if (!is_temp(e->d_name)) continue;
        const int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) continue;
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
            count += unlinkat(dirfd(d), e->d_name, 0) == 0;
        close(fd);
    }
    closedir(d);
    if (removed) *removed = count;
    return SS_OK;
}
