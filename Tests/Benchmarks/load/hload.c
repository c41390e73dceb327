// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
/*
 * hload: the parts of load generation that wrk does not have.
 *
 *   hload rate HOST PORT PATH RATE CONNS SECONDS
 *       Open loop: RATE requests per second at fixed intervals, over CONNS
 *       kept-alive HTTP/1.1 connections.  Latency counts from the moment the
 *       request was due, so a stalled proxy cannot hide its stall.
 *       Prints one JSON object.
 *
 *   hload hold HOST PORT PATH N1 [N2 ...]
 *       Opens connections until N1 are held (one request is answered on each,
 *       then it stays idle), prints "held N1", waits for a line on stdin, goes
 *       on to N2, and so on.  End of stdin closes them all.
 *
 *   hload memcpy
 *       Memory copy rate, in cache (64 KiB) and in memory (256 MiB), as JSON.
 *
 * Linux only; builds with: cc -O2 -o hload hload.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 4096, READ_MAX = 65536 };

typedef struct {
    int fd;
    int busy;          /* a request is in flight */
    int head_done;     /* the response head has been read */
    int head_len;
    long body_left;
    int64_t due, sent; /* ns */
    char head[HEAD_MAX];
} conn;

static struct sockaddr_in target;
static char request[1024];
static int request_len;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void set_target(const char *host, const char *port, const char *path) {
    memset(&target, 0, sizeof target);
    target.sin_family = AF_INET;
    target.sin_port = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, host, &target.sin_addr) != 1) {
        fprintf(stderr, "hload: '%s' is not an IPv4 address\n", host);
        exit(2);
    }
    request_len = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
}

/* Connects (blocking, it is loopback), then makes the socket non-blocking. */
static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&target, sizeof target) < 0) {
        close(fd);
        return -1;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static int send_request(conn *c) {
    c->busy = 1;
    c->head_done = 0;
    c->head_len = 0;
    c->body_left = 0;
    c->sent = now_ns();
    return send(c->fd, request, (size_t)request_len, MSG_NOSIGNAL) == request_len ? 0 : -1;
}

/* Reads what there is.  1: response complete, 0: more to come, -1: broken. */
static int read_response(conn *c) {
    static char buf[READ_MAX];
    for (;;) {
        ssize_t n = recv(c->fd, buf, sizeof buf, 0);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        if (n == 0) return -1;
        if (!c->busy) return -1; /* bytes nobody asked for */
        long off = 0;
        if (!c->head_done) {
            long take = n < HEAD_MAX - 1 - c->head_len ? n : HEAD_MAX - 1 - c->head_len;
            memcpy(c->head + c->head_len, buf, (size_t)take);
            int before = c->head_len;
            c->head_len += (int)take;
            c->head[c->head_len] = 0;
            char *end = strstr(c->head, "\r\n\r\n");
            if (!end) {
                if (c->head_len >= HEAD_MAX - 1) return -1;
                continue;
            }
            c->head_done = 1;
            if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) return -1;
            char *len = strcasestr(c->head, "\r\ncontent-length:");
            if (!len || len > end) return -1;
            c->body_left = atol(len + 17);
            off = (end + 4 - c->head) - before;
        }
        c->body_left -= n - off;
        if (c->body_left < 0) return -1;
        if (c->body_left == 0) {
            c->busy = 0;
            return 1;
        }
    }
}

static int cmp_i64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double pct(const int64_t *v, long n, double p) {
    if (n == 0) return -1;
    long i = (long)(p / 100.0 * (double)n);
    return (double)v[i < n ? i : n - 1] / 1000.0;
}

static int cmd_rate(int argc, char **argv) {
    if (argc != 8) return 2;
    set_target(argv[2], argv[3], argv[4]);
    long rate = atol(argv[5]), nconn = atol(argv[6]), seconds = atol(argv[7]);
    if (rate < 1 || nconn < 1 || seconds < 1) return 2;
    long total = rate * seconds;
    int64_t step = 1000000000 / rate;

    prctl(PR_SET_TIMERSLACK, 1);
    conn *conns = calloc((size_t)nconn, sizeof *conns);
    conn **idle = calloc((size_t)nconn, sizeof *idle);
    int64_t *lat = calloc((size_t)total, sizeof *lat);
    int64_t *service = calloc((size_t)total, sizeof *service);
    if (!conns || !idle || !lat || !service) die("calloc");

    int ep = epoll_create1(EPOLL_CLOEXEC);
    int tick = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(ep, EPOLL_CTL_ADD, tick, &ev);

    long nidle = 0, errors = 0, done = 0, started = 0;
    for (long i = 0; i < nconn; i++) {
        conns[i].fd = dial();
        if (conns[i].fd < 0) die("connect");
        ev = (struct epoll_event){.events = EPOLLIN, .data.ptr = &conns[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
        idle[nidle++] = &conns[i];
    }

    int64_t begin = now_ns() + 20000000, give_up = begin + total * step + 2000000000;
    while (done + errors < total) {
        int64_t now = now_ns();
        if (now > give_up) break;
        while (started < total && nidle > 0 && begin + started * step <= now) {
            conn *c = idle[--nidle];
            c->due = begin + started++ * step;
            if (send_request(c) < 0) errors++;
        }
        /* With no idle connection left, an answer is what wakes us next. */
        int64_t next = started < total && nidle > 0 ? begin + started * step : give_up;
        struct itimerspec it = {.it_value = {next / 1000000000, next % 1000000000}};
        timerfd_settime(tick, TFD_TIMER_ABSTIME, &it, NULL);

        struct epoll_event got[64];
        int n = epoll_wait(ep, got, 64, 1000);
        for (int i = 0; i < n; i++) {
            conn *c = got[i].data.ptr;
            if (!c) {
                uint64_t expired;
                if (read(tick, &expired, sizeof expired) < 0) continue;
                continue;
            }
            int was_busy = c->busy;
            int r = read_response(c);
            if (r == 0) continue;
            if (r > 0) {
                int64_t t = now_ns();
                lat[done] = t - c->due;
                service[done] = t - c->sent;
                done++;
                idle[nidle++] = c;
                continue;
            }
            close(c->fd);
            if (was_busy) errors++;
            c->busy = 0;
            c->fd = dial();
            if (c->fd < 0) die("reconnect");
            ev = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
            epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
            if (was_busy) idle[nidle++] = c;
        }
    }
    double took = (double)(now_ns() - begin) / 1e9;
    qsort(lat, (size_t)done, sizeof *lat, cmp_i64);
    qsort(service, (size_t)done, sizeof *service, cmp_i64);
    printf("{\"requests\": %ld, \"errors\": %ld, \"unanswered\": %ld, \"seconds\": %.3f, "
           "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
           "\"max_us\": %.1f, \"service_p50_us\": %.1f, \"service_p99_us\": %.1f}\n",
           done, errors, total - done - errors, took, pct(lat, done, 50), pct(lat, done, 90),
           pct(lat, done, 99), pct(lat, done, 99.9), pct(lat, done, 100),
           pct(service, done, 50), pct(service, done, 99));
    return 0;
}

/* One blocking request on a new connection; returns the fd, kept open. */
static int open_and_ask(void) {
    int fd = dial();
    if (fd < 0) return -1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    struct timeval t = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    static conn c;
    c.fd = fd;
    if (send_request(&c) < 0) return -1;
    /* read_response loops until done; a timeout shows up as EAGAIN, i.e. 0 */
    if (read_response(&c) != 1) return -1;
    return fd;
}

static int cmd_hold(int argc, char **argv) {
    if (argc < 6) return 2;
    set_target(argv[2], argv[3], argv[4]);
    struct rlimit lim;
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
    long held = 0;
    char line[16];
    for (int i = 5; i < argc; i++) {
        for (long want = atol(argv[i]); held < want; held++) {
            if (open_and_ask() < 0) {
                fprintf(stderr, "hload: connection %ld failed: %s\n", held + 1, strerror(errno));
                return 1;
            }
        }
        printf("held %ld\n", held);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) break;
    }
    return 0;
}

static double copy_rate(size_t size, double seconds) {
    char *a = malloc(size), *b = malloc(size);
    if (!a || !b) die("malloc");
    memset(a, 1, size);
    memset(b, 2, size);
    int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9);
    double bytes = 0;
    do {
        for (size_t i = 0; i < ((size_t)64 << 20) / size + 1; i++) {
            memcpy(b, a, size);
            __asm__ volatile("" : : "r"(b) : "memory");
            bytes += (double)size;
        }
    } while (now_ns() < end);
    double rate = bytes / ((double)(now_ns() - begin) / 1e9) / 1e9;
    free(a);
    free(b);
    return rate;
}

int main(int argc, char **argv) {
    int r = 2;
    if (argc > 1 && strcmp(argv[1], "rate") == 0) r = cmd_rate(argc, argv);
    if (argc > 1 && strcmp(argv[1], "hold") == 0) r = cmd_hold(argc, argv);
    if (argc > 1 && strcmp(argv[1], "memcpy") == 0) {
        printf("{\"cache_gb_s\": %.2f, \"memory_gb_s\": %.2f}\n",
               copy_rate((size_t)64 << 10, 1), copy_rate((size_t)256 << 20, 1));
        r = 0;
    }
    if (r == 2) fprintf(stderr, "hload: bad arguments, see the head of hload.c\n");
    return r;
}
