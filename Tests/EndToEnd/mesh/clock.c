// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a tunnel: its wall clock is ahead of the machine's by the seconds (a 64-bit integer) in the file that
// CLOCK_FILE names, which may change at any time. The monotonic clock is left alone, as by a step or a suspension. A timer on
// the wall clock becomes readable when the file changes, as the kernel cancels it when the clock jumps; it never expires.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none;
static const volatile int64_t *ahead = &none;

__attribute__((constructor)) static void map_clock(void) {
    const char *path = getenv("CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY) : -1;
    if (fd < 0) return;
    void *memory = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) ahead = memory;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

static int jumps = -1;

int timerfd_create(int clock, int flags) {
    const char *path = getenv("CLOCK_FILE");
    if (clock != CLOCK_REALTIME || !path) return (int)syscall(SYS_timerfd_create, clock, flags);
    jumps = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (jumps >= 0) inotify_add_watch(jumps, path, IN_MODIFY);
    return jumps;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value) {
    char events[4096];
    if (fd < 0 || fd != jumps) return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
    while (read(fd, events, sizeof events) > 0) continue;
    return 0;
}
