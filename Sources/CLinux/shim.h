// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
//
// What Swift's Glibc module lacks: Linux system calls and macros it cannot import. No logic here.
// _GNU_SOURCE stays undefined: with it the C library's types differ from those of the Glibc module, and no file could
// import both.
#pragma once
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <link.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/nsfs.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline int CLinux_setns(int fd, int type) { return (int)syscall(SYS_setns, fd, type); }
static inline int CLinux_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }
static inline int CLinux_capget(void *header, void *sets) { return (int)syscall(SYS_capget, header, sets); }
static inline int CLinux_capset(void *header, void *sets) { return (int)syscall(SYS_capset, header, sets); }
static inline int CLinux_namespace_type(int fd) { return ioctl(fd, NS_GET_NSTYPE); }
static inline int CLinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}
static inline ssize_t CLinux_splice(int from, int to, size_t length, unsigned int flags) {
    return (ssize_t)syscall(SYS_splice, from, NULL, to, NULL, length, flags);
}
static inline int CLinux_pipe2(int fds[2], int flags) { return (int)syscall(SYS_pipe2, fds, flags); }
// 1 is RENAME_NOREPLACE of linux/fs.h.
static inline int CLinux_rename_to_new(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1);
}
// dl_iterate_phdr(3) is declared for _GNU_SOURCE alone.
static inline const struct link_map *CLinux_loaded_libraries(void) { return _r_debug.r_map; }
static inline int CLinux_gettid(void) { return (int)syscall(SYS_gettid); }
static inline int CLinux_pthread_setname(pthread_t thread, const char *name) { return pthread_setname_np(thread, name); }
// Behind _GNU_SOURCE, which string.h does not see when Swift's Glibc module has built it first; undeclared, C would take
// it to return int and cut the pointer.
extern const char *strerrordesc_np(int number);
static inline const char *CLinux_strerrordesc(int number) { return strerrordesc_np(number); }
#define CLINUX_CLONE_NEWNET 0x40000000
#define CLINUX_CLONE_NEWCGROUP 0x02000000
#define CLINUX_SPLICE_F_MOVE 1
#define CLINUX_SPLICE_F_NONBLOCK 2
#define CLINUX_F_SETPIPE_SZ 1031
#define CLINUX_IP_TRANSPARENT 19
#define CLINUX_IP_FREEBIND 15
#define CLINUX_IP_BIND_ADDRESS_NO_PORT 24
#define CLINUX_IPV6_TRANSPARENT 75
#define CLINUX_IPV6_FREEBIND 78
#define CLINUX_SO_ORIGINAL_DST 80
#define CLINUX_TCP_USER_TIMEOUT 18
#define CLINUX_SO_INCOMING_CPU 49

// prctl takes variable arguments.
#include <sys/prctl.h>
static inline int CLinux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// struct ucred is behind _GNU_SOURCE: pid, uid, gid (unix(7)).
static inline long long CLinux_peer_user(int fd) {
    struct { int pid; unsigned int uid; unsigned int gid; } peer;
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? (long long)peer.uid : -1;
}
