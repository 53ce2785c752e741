/* A disk that is full at the n-th call that could need room: the n-th and all after it fail.
 *
 * Preloaded into every process of a command. FULL_AT is n, FULL_BELOW a folder of the file system
 * that is full, FULL_COUNT a file outside of it whose size is the number of calls so far: appending
 * a byte to it counts exactly, whichever process does. Python and git write without stdio here;
 * what stdio writes goes by uncounted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_full(int is_there) {
    static ssize_t (*really)(int, const void *, size_t);
    struct stat at;
    if (!really) really = dlsym(RTLD_NEXT, "write");
    if (!is_there || !getenv("FULL_AT")) return 0;
    int count = open(getenv("FULL_COUNT"), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (count < 0 || really(count, "n", 1) != 1 || fstat(count, &at)) abort();
    off_t place = lseek(count, 0, SEEK_CUR); /* where this byte ended, whoever came after */
    close(count);
    if (place < atol(getenv("FULL_AT"))) return 0;
    errno = ENOSPC;
    return 1;
}

static int is_below(struct stat *at) {
    struct stat full;
    const char *below = getenv("FULL_BELOW");
    return below && !stat(below, &full) && at->st_dev == full.st_dev;
}

static int of_file(int fd) {
    struct stat at;
    return !fstat(fd, &at) && S_ISREG(at.st_mode) && is_below(&at);
}

static int of_folder(int dir, const char *path) {
    char folder[4096];
    struct stat at;
    size_t end = 0;
    for (size_t i = 0; path[i] && i < sizeof folder - 1; i++) {
        folder[i] = path[i];
        if (path[i] == '/') end = i + 1;
    }
    folder[end] = 0;
    return !fstatat(dir, end ? folder : ".", &at, 0) && is_below(&at);
}

#define REAL(name) static __typeof__(&name) really; if (!really) really = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    return is_full(of_file(fd)) ? -1 : really(fd, data, n);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    REAL(pwrite64);
    return is_full(of_file(fd)) ? -1 : really(fd, data, n, at);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(writev);
    return is_full(of_file(fd)) ? -1 : really(fd, parts, n);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    return is_full(of_file(fd)) ? -1 : really(fd, size);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return is_full(of_folder(AT_FDCWD, path)) ? -1 : really(path, mode);
}

int link(const char *old, const char *path) {
    REAL(link);
    return is_full(of_folder(AT_FDCWD, path)) ? -1 : really(old, path);
}

int rename(const char *old, const char *path) {
    REAL(rename);
    return is_full(of_folder(AT_FDCWD, path)) ? -1 : really(old, path);
}

static int makes(int dir, const char *path, int flags) {
    return (flags & O_CREAT) && faccessat(dir, path, F_OK, 0) && of_folder(dir, path);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    REAL(open64);
    return is_full(makes(AT_FDCWD, path, flags)) ? -1 : really(path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    REAL(openat64);
    return is_full(makes(dir, path, flags)) ? -1 : really(dir, path, flags, mode);
}
