// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a tunnel by the cost tests: counts allocations and system calls into a file that the test maps.
// The first thread is left out: it reads the configuration and tidies up, whenever that is due, and carries no traffic.
// Counters, in order: allocations, receives, sends, waits, splices, other calls on sockets.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALLOCATIONS, RECEIVES, SENDS, WAITS, SPLICES, OTHERS, COUNTERS };

static _Atomic unsigned long unmapped[COUNTERS];
static _Atomic unsigned long *counters = unmapped;

__attribute__((constructor)) static void map_counters(void) {
    const char *path = getenv("COUNTING_FILE");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *memory = mmap(NULL, sizeof unmapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) counters = memory;
}

static void count(int which) {
    static __thread enum { UNKNOWN, FIRST, OTHER } thread;
    if (thread == UNKNOWN) thread = gettid() == getpid() ? FIRST : OTHER;
    if (thread == OTHER) atomic_fetch_add_explicit(&counters[which], 1, memory_order_relaxed);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { count(ALLOCATIONS); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { count(ALLOCATIONS); return __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { count(ALLOCATIONS); return __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(ALLOCATIONS); return __libc_memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
    count(ALLOCATIONS);
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : 12;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t recv(int fd, void *buffer, size_t size, int flags) {
    static __typeof__(&recv) next;
    if (!next) next = NEXT(recv);
    count(RECEIVES);
    return next(fd, buffer, size, flags);
}
ssize_t read(int fd, void *buffer, size_t size) {
    static __typeof__(&read) next;
    if (!next) next = NEXT(read);
    count(RECEIVES);
    return next(fd, buffer, size);
}
ssize_t send(int fd, const void *buffer, size_t size, int flags) {
    static __typeof__(&send) next;
    if (!next) next = NEXT(send);
    count(SENDS);
    return next(fd, buffer, size, flags);
}
ssize_t write(int fd, const void *buffer, size_t size) {
    static __typeof__(&write) next;
    if (!next) next = NEXT(write);
    count(SENDS);
    return next(fd, buffer, size);
}
int epoll_wait(int fd, struct epoll_event *events, int size, int timeout) {
    static __typeof__(&epoll_wait) next;
    if (!next) next = NEXT(epoll_wait);
    count(WAITS);
    return next(fd, events, size, timeout);
}
ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size, unsigned flags) {
    static __typeof__(&splice) next;
    if (!next) next = NEXT(splice);
    count(SPLICES);
    return next(in, in_offset, out, out_offset, size, flags);
}
int epoll_ctl(int fd, int operation, int target, struct epoll_event *event) {
    static __typeof__(&epoll_ctl) next;
    if (!next) next = NEXT(epoll_ctl);
    count(OTHERS);
    return next(fd, operation, target, event);
}
int setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    static __typeof__(&setsockopt) next;
    if (!next) next = NEXT(setsockopt);
    count(OTHERS);
    return next(fd, level, name, value, size);
}
