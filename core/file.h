/* file.h — files that are either complete or absent, and reading that cannot hang.
 *
 * Every function may be called from any thread. Paths are UTF-8 as the system sees them; a relative
 * path starts at the working directory. A failure fills *err (NULL is fine) with one sentence. */
#ifndef SEMISAM_FILE_H
#define SEMISAM_FILE_H
#include "error.h"

/* ---- atomic output --------------------------------------------------------
 * The bytes go to `.NAME.tmp-XXXXXXXX` beside the target and take its name only in
 * ss_file_commit(), after they have reached the disk; a reader sees the old file or the new one.
 * The file gets the permissions of the one it replaces, else what the umask leaves. */
typedef struct ss_outfile ss_outfile;

/* ss_file_create() — begin to write `path`. `bytes`: the expected size, reserved on the disk so
 * that a full disk is found out before the work is done; 0 when unknown. */
ss_status ss_file_create(ss_outfile **out, const char *path, uint64_t bytes, ss_error *err);
/* ss_file_put() — append n bytes. After a failure only ss_file_abort() makes sense. */
ss_status ss_file_put(ss_outfile *f, const void *p, size_t n, ss_error *err);
/* ss_file_commit() — sync, rename, sync the folder. Frees f; on failure the temporary is gone and
 * the target untouched (or, when only the last sync failed, already new). */
ss_status ss_file_commit(ss_outfile *f, ss_error *err);
/* ss_file_abort() — remove the temporary and free f (NULL is fine). */
void ss_file_abort(ss_outfile *f);
/* ss_file_write() — the whole file at once. */
ss_status ss_file_write(const char *path, const void *p, size_t n, ss_error *err);
/* ss_file_append() — add to the end and sync; creates the file. A kill may leave a part of the last
 * append: for logs, one call per line. */
ss_status ss_file_append(const char *path, const void *p, size_t n, ss_error *err);
/* ss_file_sweep() — remove temporaries that a killed process left in `dir`; those of living writers
 * are locked and stay. *removed (NULL is fine) counts them. */
ss_status ss_file_sweep(const char *dir, int *removed, ss_error *err);

/* ---- input ---------------------------------------------------------------- */

/* ss_file_open() — open a regular file for reading; folders, pipes and devices are refused at once.
 * *size is its size. The caller closes *fd. */
ss_status ss_file_open(int *fd, uint64_t *size, const char *path, ss_error *err);
/* ss_file_read() — the whole file, at most `limit` bytes. *data is malloc'ed, the caller frees it,
 * and holds a zero byte after the *size bytes. */
ss_status ss_file_read(char **data, size_t *size, const char *path, uint64_t limit, ss_error *err);
/* ss_read_fully() — n bytes at offset `at` of fd; `path` is for the sentence. */
ss_status ss_read_fully(int fd, void *p, size_t n, uint64_t at, const char *path, ss_error *err);

/* ---- folders and names ---------------------------------------------------- */

bool ss_file_exists(const char *path);
bool ss_file_is_dir(const char *path);
/* ss_file_mkdir() — make the folder and those above it; an existing folder is fine. */
ss_status ss_file_mkdir(const char *path, ss_error *err);
/* ss_file_list() — names in a folder without "." and "..", in byte order. Free with
 * ss_file_free_list(). */
ss_status ss_file_list(char ***names, int *count, const char *path, ss_error *err);
void ss_file_free_list(char **names, int count);
/* ss_file_remove() — a file, or an empty folder; `tree`: a folder with everything in it (links are
 * removed, not followed). A missing path is fine. */
ss_status ss_file_remove(const char *path, bool tree, ss_error *err);
/* ss_file_rename() — give another name within one file system and sync the folder. */
ss_status ss_file_rename(const char *from, const char *to, ss_error *err);

/* ---- hashes and locks ----------------------------------------------------- */

enum { SS_HASH_CHARS = 33 }; /* 32 hexadecimal digits and the final zero */
/* ss_hash() — XXH3 128-bit hash of n bytes as text. Finds damage and changes; not cryptographic. */
void ss_hash(char hex[SS_HASH_CHARS], const void *p, size_t n);
ss_status ss_file_hash(char hex[SS_HASH_CHARS], const char *path, ss_error *err);

/* ss_lock_take() — hold `path` exclusively until ss_lock_drop() or the end of the process, however
 * it ends. Fails at once with SS_E_STATE, naming the holder, when another process has it. */
typedef struct ss_lock ss_lock;
ss_status ss_lock_take(ss_lock **out, const char *path, ss_error *err);
void ss_lock_drop(ss_lock *lock); /* NULL is fine */
#endif
