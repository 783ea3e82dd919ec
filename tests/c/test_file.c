/* test_file.c — atomic output under failures, kills and odd file types; locks; hashes. */
#include "file.h"
#include "t.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64] = "/tmp/ss-test-file-XXXXXX";
static char name[128];

static const char *at(const char *file)
{
    snprintf(name, sizeof name, "%s/%s", dir, file);
    return name;
}

static int entries(void)
{
    char **names;
    int n;
    if (ss_file_list(&names, &n, dir, NULL)) return -1;
    ss_file_free_list(names, n);
    return n;
}

static void check_text(const char *path, const char *want)
{
    char *data;
    size_t n;
    ss_error err = {0};
    if (!T_INT(ss_file_read(&data, &n, path, 1 << 20, &err), SS_OK)) {
        printf("  %s\n", err.msg);
        return;
    }
    T_INT(n, strlen(want));
    T_STR(data, want);
    free(data);
}

static void test_write_replace(void)
{
    const char *path = at("a.txt");
    T_INT(ss_file_write(path, "one", 3, NULL), SS_OK);
    T_INT(chmod(path, 0600), 0);
    T_INT(ss_file_write(path, "second", 6, NULL), SS_OK);
    check_text(path, "second");
    struct stat st;
    T_INT(stat(path, &st), 0);
    T_INT(st.st_mode & 0777, 0600); /* kept from the file replaced */
    T_INT(entries(), 1);
    T_INT(ss_file_append(path, "+", 1, NULL), SS_OK);
    check_text(path, "second+");
    T_INT(ss_file_write(path, "", 0, NULL), SS_OK);
    check_text(path, "");
}

static void test_large_pieces(void)
{
    enum { N = 300001 };
    static char a[N];
    ss_outfile *f;
    for (int i = 0; i < N; i++) a[i] = (char)(i * 7 + i / 1000);
    T_INT(ss_file_create(&f, at("big"), 2 * N, NULL), SS_OK); /* reserves more than is written */
    for (size_t i = 0, k = 1; i < N; i += k, k = k * 3 % 70000 + 1) {
        if (k > N - i) k = N - i;
        T_INT(ss_file_put(f, a + i, k, NULL), SS_OK);
    }
    T_INT(ss_file_commit(f, NULL), SS_OK);
    char *back, h1[SS_HASH_CHARS], h2[SS_HASH_CHARS];
    size_t n;
    T_INT(ss_file_read(&back, &n, at("big"), N, NULL), SS_OK);
    T_INT(n, N);
    T_OK(memcmp(back, a, N) == 0);
    ss_hash(h1, a, N);
    T_INT(ss_file_hash(h2, at("big"), NULL), SS_OK);
    T_STR(h2, h1);
    free(back);
    ss_error err = {0};
    T_INT(ss_file_read(&back, &n, at("big"), N - 1, &err), SS_E_FORMAT);
    T_HAS(err.msg, "300001 bytes, more than the limit of 300000");
}

static void test_full_disk_keeps_old(void)
{
    const char *path = at("old");
    static char block[200000];
    struct rlimit was, few = {65536, 65536};
    ss_outfile *f;
    ss_error err = {0};
    ss_file_write(path, "old", 3, NULL);
    getrlimit(RLIMIT_FSIZE, &was);
    few.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &few);
    const int before = entries();
    T_INT(ss_file_create(&f, path, sizeof block, &err), SS_E_IO);
    T_HAS(err.msg, "the disk is full: 200000 bytes are needed");
    T_INT(ss_file_create(&f, path, 0, &err), SS_OK);
    T_INT(ss_file_put(f, block, sizeof block, &err), SS_E_IO);
    T_HAS(err.msg, "cannot be written");
    ss_file_abort(f);
    setrlimit(RLIMIT_FSIZE, &was);
    T_INT(entries(), before);
    check_text(path, "old");
}

static void test_killed_writer(void)
{
    const char *path = at("victim");
    ss_outfile *f;
    int ready[2], removed = -1;
    char c;
    ss_file_write(path, "before", 6, NULL);
    const int before = entries();
    T_INT(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (ss_file_create(&f, path, 0, NULL) == SS_OK) ss_file_put(f, "half", 4, NULL);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    T_INT(read(ready[0], &c, 1), 1);
    T_INT(entries(), before + 1);
    T_INT(ss_file_sweep(dir, &removed, NULL), SS_OK);
    T_INT(removed, 0);               /* the writer lives */
    if (pid > 0) kill(pid, SIGKILL); /* -1 would be everyone */
    waitpid(pid, NULL, 0);
    T_INT(ss_file_sweep(dir, &removed, NULL), SS_OK);
    T_INT(removed, 1);
    T_INT(entries(), before);
    check_text(path, "before");
    close(ready[0]);
    close(ready[1]);
}

static void refused(const char *path, const char *part)
{
    ss_error err = {0};
    char *data;
    size_t n;
    const ss_status s = ss_file_read(&data, &n, path, 1 << 20, &err);
    T_OK(s == SS_E_IO);
    T_HAS(err.msg, part);
    T_OK(data == NULL);
}

static void test_odd_files(void)
{
    char link_name[160];
    ss_error err = {0};
    ss_outfile *f;
    T_INT(mkfifo(at("pipe"), 0600), 0);
    refused(at("pipe"), "is a pipe; a regular file is needed");
    refused(dir, "is a folder; a regular file is needed");
    refused("/dev/zero", "is a device; a regular file is needed");
    refused(at("none"), "No such file");
    snprintf(link_name, sizeof link_name, "%s/loop", dir);
    T_INT(symlink("loop", link_name), 0);
    refused(link_name, "symbolic links");
    T_INT(ss_file_create(&f, dir, 0, &err), SS_E_IO);
    T_HAS(err.msg, "is a folder; a file is to be written");
    T_INT(ss_file_create(&f, at("pipe"), 0, &err), SS_E_IO);
    T_HAS(err.msg, "is not a regular file");
    T_INT(ss_file_create(&f, at("no/where"), 0, &err), SS_E_IO);
    T_HAS(err.msg, "folder cannot be opened: No such file");
    T_INT(ss_file_append(at("pipe"), "x", 1, &err), SS_E_IO);
}

static void test_link_stays_link(void)
{
    char real[160], link_name[160];
    struct stat st;
    snprintf(real, sizeof real, "%s/real", dir);
    snprintf(link_name, sizeof link_name, "%s/link", dir);
    ss_file_write(real, "1", 1, NULL);
    T_INT(symlink("real", link_name), 0);
    T_INT(ss_file_write(link_name, "22", 2, NULL), SS_OK);
    T_INT(lstat(link_name, &st), 0);
    T_OK(S_ISLNK(st.st_mode));
    check_text(real, "22");
}

static void test_folders(void)
{
    char deep[160];
    char **names;
    int n;
    snprintf(deep, sizeof deep, "%s/x/y//z/", dir);
    T_INT(ss_file_mkdir(deep, NULL), SS_OK);
    T_INT(ss_file_mkdir(deep, NULL), SS_OK);
    T_OK(ss_file_is_dir(deep));
    ss_file_write(at("x/b"), "", 0, NULL);
    ss_file_write(at("x/A"), "", 0, NULL);
    T_INT(ss_file_list(&names, &n, at("x"), NULL), SS_OK);
    if (T_INT(n, 3)) {
        T_STR(names[0], "A");
        T_STR(names[1], "b");
        T_STR(names[2], "y");
    }
    ss_file_free_list(names, n);
    ss_error err = {0};
    T_INT(ss_file_remove(at("x"), false, &err), SS_E_IO); /* not empty */
    ss_file_write(at("kept"), "k", 1, NULL);
    snprintf(deep, sizeof deep, "%s/x/to-kept", dir);
    T_INT(symlink("../kept", deep), 0);
    T_INT(ss_file_remove(at("x"), true, NULL), SS_OK);
    T_OK(!ss_file_exists(at("x")));
    check_text(at("kept"), "k"); /* the link went, not its target */
    T_INT(ss_file_remove(at("x"), true, NULL), SS_OK);
    snprintf(deep, sizeof deep, "%s/kept2", dir);
    T_INT(ss_file_rename(at("kept"), deep, NULL), SS_OK);
    check_text(deep, "k");
    T_INT(ss_file_mkdir(at("kept2/sub"), &err), SS_E_IO);
}

static void test_lock(void)
{
    ss_lock *a, *b;
    ss_error err = {0};
    T_INT(ss_lock_take(&a, at("lock"), NULL), SS_OK);
    T_INT(ss_lock_take(&b, at("lock"), &err), SS_E_STATE);
    T_HAS(err.msg, "is in use by process ");
    ss_lock_drop(a);
    T_INT(ss_lock_take(&b, at("lock"), NULL), SS_OK);
    ss_lock_drop(b);
    const pid_t pid = fork();
    if (pid == 0) {
        ss_lock_take(&a, at("lock"), NULL);
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    T_INT(ss_lock_take(&b, at("lock"), NULL), SS_OK); /* a dead holder does not block */
    ss_lock_drop(b);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    T_RUN(test_write_replace);
    T_RUN(test_large_pieces);
    T_RUN(test_full_disk_keeps_old);
    T_RUN(test_killed_writer);
    T_RUN(test_odd_files);
    T_RUN(test_link_stays_link);
    T_RUN(test_folders);
    T_RUN(test_lock);
    T_INT(ss_file_remove(dir, true, NULL), SS_OK);
    return t_done();
}
