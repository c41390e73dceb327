// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a tunnel: epoll_ctl refuses new sockets, as it does when the user's watches are used up, while the file
// named by AMBIT_FAULT_EPOLL exists. Listeners and mailboxes (level-triggered) are let through.
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    const char *path = getenv("AMBIT_FAULT_EPOLL");
    if (path && operation == EPOLL_CTL_ADD && (event->events & EPOLLET) && access(path, F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, operation, descriptor, event);
}
