/* Makes the file system fail at a chosen operation, for the tests in `faults.rs`.
 *
 * Preloaded into the program under test, which knows nothing of it. A seccomp filter sends every
 * system call that touches files to the handler below, whichever library makes it (some go round
 * libc, so wrapping its functions would miss renames). The handler counts those on files under one
 * folder, and lets one of them fail; the others are made as they were asked for, with a mark in
 * the unused last argument by which the filter knows them.
 *
 *   FAULT_ROOT   the folder; absolute, without symbolic links
 *   FAULT_AT     which operation fails, from 1; 0 for none
 *   FAULT_KIND   what befalls it, see `kinds`
 *   FAULT_LOG    a file outside the folder that gets a line for each operation
 *   FAULT_CLOCK  seconds by which the wall clock is ahead and behind in turns; on its own
 *
 * Linux on x86-64 and AArch64. https://docs.kernel.org/userspace-api/seccomp_filter.html
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK 0x5afe5afeUL

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define RESULT(c) ((c)->uc_mcontext.gregs[REG_RAX])
#define ARG(c, i) ((c)->uc_mcontext.gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8}[i]])
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define RESULT(c) ((c)->uc_mcontext.regs[0])
#define ARG(c, i) ((c)->uc_mcontext.regs[i])
#else
#error "no registers known for this processor"
#endif

/* What an operation is, for a kind to choose from. */
enum { READS = 1, OPENS = 2, GROWS = 4, WRITES = 8, CHANGES = 16, SYNCS = 32, RENAMES = 64 };
#define ALL 127
/* How a call says which file it means: a descriptor, a path, or a folder and a path. */
enum { BY_FD, BY_PATH, BY_AT };

static const struct { int nr; const char *name; int by; int is; } calls[] = {
    {SYS_read, "read", BY_FD, READS},
    {SYS_pread64, "pread", BY_FD, READS},
    {SYS_write, "write", BY_FD, WRITES | GROWS | CHANGES},
    {SYS_pwrite64, "pwrite", BY_FD, WRITES | GROWS | CHANGES},
    {SYS_writev, "writev", BY_FD, WRITES | GROWS | CHANGES},
    {SYS_fsync, "fsync", BY_FD, SYNCS},
    {SYS_fdatasync, "fdatasync", BY_FD, SYNCS},
    {SYS_ftruncate, "ftruncate", BY_FD, CHANGES},
    {SYS_flock, "flock", BY_FD, READS},
    {SYS_openat, "openat", BY_AT, OPENS},
    {SYS_mkdirat, "mkdirat", BY_AT, GROWS | CHANGES},
    {SYS_unlinkat, "unlinkat", BY_AT, CHANGES},
#ifdef SYS_renameat
    {SYS_renameat, "renameat", BY_AT, CHANGES | RENAMES},
#endif
    {SYS_renameat2, "renameat2", BY_AT, CHANGES | RENAMES},
#ifdef SYS_open
    {SYS_open, "open", BY_PATH, OPENS},
    {SYS_mkdir, "mkdir", BY_PATH, GROWS | CHANGES},
    {SYS_unlink, "unlink", BY_PATH, CHANGES},
    {SYS_rename, "rename", BY_PATH, CHANGES | RENAMES},
#endif
};
#define CALLS (sizeof calls / sizeof *calls)

/* Once, or from there on; with what error; on which operations. `torn` writes half of what it is
 * given first. An error of 0 is no error, and of -1 the death of the process. */
static const struct { const char *name; int on; int lasts; int torn; int error; } kinds[] = {
    {"none", 0, 0, 0, 0},
    {"eio", ALL, 0, 0, EIO},
    {"eintr", ALL & ~RENAMES, 0, 0, EINTR},
    {"enospc", GROWS | SYNCS | RENAMES, 0, 0, ENOSPC},
    {"full", GROWS | RENAMES, 1, 1, ENOSPC},
    {"torn", WRITES, 0, 1, ENOSPC},
    {"short", WRITES, 1, 1, 0},
    {"readonly", CHANGES, 1, 0, EROFS},
    {"handles", OPENS, 1, 0, EMFILE},
    {"kill", ALL, 0, 0, -1},
    {"killtorn", WRITES, 0, 1, -1},
};

static char root[4096];
static size_t root_length;
static long at;
static int kind;
static int log_fd = -1;
static long count;   /* operations that the kind befalls, so far */
static int torn_now; /* a write was cut: what follows on it fails */

static long make(long nr, long a, long b, long c, long d, long e) {
    long result = syscall(nr, a, b, c, d, e, MARK);
    return result < 0 ? -errno : result;
}

static int under_root(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

static int of_fd(long fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
    long length = make(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, (long)size - 1, 0);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The file's path, or nothing when it is not under the root. */
static int subject(int by, ucontext_t *c, char *path, size_t size) {
    if (by == BY_FD) return of_fd(ARG(c, 0), path, size) && under_root(path);
    const char *name = (const char *)ARG(c, by == BY_AT ? 1 : 0);
    if (name[0] == '/') {
        snprintf(path, size, "%s", name);
        return under_root(path);
    }
    long folder = by == BY_AT ? (int)ARG(c, 0) : AT_FDCWD;
    if (folder == AT_FDCWD) {
        long length = make(SYS_getcwd, (long)path, (long)size, 0, 0, 0);
        if (length < 0) return 0;
    } else if (!of_fd(folder, path, size)) {
        return 0;
    }
    size_t length = strlen(path);
    snprintf(path + length, size - length, "/%s", name);
    return under_root(path);
}

static int befalls(int is, ucontext_t *c, int nr) {
    if (kinds[kind].on & is) return 1;
    /* An open that makes a file grows a folder. */
    int creates = (is & OPENS) && (ARG(c, nr == SYS_openat ? 2 : 1) & O_CREAT);
    int writes = (is & OPENS) && (ARG(c, nr == SYS_openat ? 2 : 1) & O_ACCMODE) != O_RDONLY;
    return ((kinds[kind].on & GROWS) && creates) || ((kinds[kind].on & CHANGES) && writes);
}

static void handle(int signal, siginfo_t *info, void *context) {
    (void)signal;
    ucontext_t *c = context;
    int nr = info->si_syscall;
    char path[8192], line[8400];
    size_t i = 0;
    int saved = errno;
    while (i < CALLS && calls[i].nr != nr) i++;
    long a = ARG(c, 0), b = ARG(c, 1), d = ARG(c, 2), e = ARG(c, 3), f = ARG(c, 4);
    if (i < CALLS && subject(calls[i].by, c, path, sizeof path) && befalls(calls[i].is, c, nr)) {
        long n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
        int now = at && (n == at || (kinds[kind].lasts && n > at) || torn_now);
        int cut = now && kinds[kind].torn && (calls[i].is & WRITES) && nr != SYS_writev && d > 1 &&
                  (kinds[kind].error == 0 || !torn_now);
        if (log_fd >= 0) {
            int length = snprintf(line, sizeof line, "%ld %s %s%s\n", n, calls[i].name,
                                  path + root_length, now ? " !" : "");
            make(SYS_write, log_fd, (long)line, length, 0, 0);
        }
        if (cut) {
            d /= 2;
            torn_now = kinds[kind].error != 0;
        } else if (now && kinds[kind].error > 0) {
            torn_now = 0;
            RESULT(c) = -kinds[kind].error;
            errno = saved;
            return;
        } else if (now && kinds[kind].error < 0) {
            make(SYS_kill, make(SYS_getpid, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0);
        }
    }
    RESULT(c) = make(nr, a, b, d, e, f);
    errno = saved;
}

static void fail(const char *what) {
    perror(what);
    _exit(99);
}

/* What the program asks for the time. The monotonic clock cannot jump by its nature. */
int clock_gettime(clockid_t id, struct timespec *time) {
    static long calls;
    const char *jump = getenv("FAULT_CLOCK");
    int result = (int)syscall(SYS_clock_gettime, id, time);
    if (!result && jump && id == CLOCK_REALTIME)
        time->tv_sec += __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) % 2 ? atol(jump) : -atol(jump);
    return result;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULT_ROOT"), *said = getenv("FAULT_KIND");
    if (!folder || !said) return;
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    while (kind < (int)(sizeof kinds / sizeof *kinds) && strcmp(kinds[kind].name, said)) kind++;
    if (kind == sizeof kinds / sizeof *kinds) fail("FAULT_KIND");
    if (getenv("FAULT_LOG")) {
        log_fd = open(getenv("FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0) fail("FAULT_LOG");
    }
    /* A child would have the filter without the handler: a fault in the program under test alone. */
    unsetenv("FAULT_KIND");

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
    if (sigaction(SIGSYS, &action, NULL)) fail("sigaction");

    struct sock_filter filter[2 * CALLS + 8];
    int n = 0;
#define LOAD(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
    filter[n++] = LOAD(arch);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = LOAD(args[5]); /* the lower half: both processors are little-endian */
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, CALLS + 1, 0);
    filter[n++] = LOAD(nr);
    for (size_t i = 0; i < CALLS; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].nr, CALLS - i, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("seccomp");
}
