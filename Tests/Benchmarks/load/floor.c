// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
/*
 * floor: the least a user-space tunnel must do, to know how far a real one is
 * from the limit of this machine.  No HTTP/2, no limits, no flow control.  Bulk:
 * one process per connection, big buffers, one system call for up to 256 KiB.
 * Small requests: all connections as streams of one TLS connection, six octets
 * in front of each piece; whatever is ready at once leaves in one write.
 *
 *   floor plain  PORT TARGET-PORT                 relays TCP to TCP
 *   floor client PORT TARGET-PORT CERT KEY CA     TCP in, mutual TLS 1.3 out
 *   floor server PORT TARGET-PORT CERT KEY CA     mutual TLS 1.3 in, TCP out
 *   floor mux-client PORT TARGET-PORT CERT KEY CA
 *   floor mux-server PORT TARGET-PORT CERT KEY CA
 *
 * Builds with: cc -O2 -o floor floor.c -lssl -lcrypto
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };
static char buf[CHUNK + 16384], buf2[CHUNK + 16384];

static void die(const char *what) {
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in local(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void send_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
        if (w <= 0) exit(0);
        p += w;
        n -= (size_t)w;
    }
}

/* Sends what TLS has put into its outgoing memory buffer, in one call. */
static void flush_tls(SSL *ssl, int fd) {
    char *p;
    long n = BIO_get_mem_data(SSL_get_wbio(ssl), &p);
    if (n > 0) {
        send_all(fd, p, (size_t)n);
        (void)BIO_reset(SSL_get_wbio(ssl));
    }
}

/* Passes received ciphertext to TLS and what comes out of it to `plain`. */
static void open_tls(SSL *ssl, int net, int plain, const char *data, int n) {
    if (n > 0) BIO_write(SSL_get_rbio(ssl), data, n);
    for (;;) {
        size_t have = 0, got;
        while (have + 16384 <= sizeof buf2 &&
               SSL_read_ex(ssl, buf2 + have, sizeof buf2 - have, &got))
            have += got;
        flush_tls(ssl, net);
        if (have == 0) return;
        send_all(plain, buf2, have);
    }
}

static SSL *secured(SSL_CTX *ctx, int net, int is_client) {
    SSL *ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    if (is_client) SSL_set_connect_state(ssl);
    else SSL_set_accept_state(ssl);
    while (!SSL_is_init_finished(ssl)) {
        int r = SSL_do_handshake(ssl);
        flush_tls(ssl, net);
        if (r == 1) break;
        if (SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ) die("handshake");
        ssize_t n = recv(net, buf, CHUNK, 0);
        if (n <= 0) die("recv");
        BIO_write(SSL_get_rbio(ssl), buf, (int)n);
    }
    return ssl;
}

static void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int connected(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = local(port);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
    no_delay(fd);
    return fd;
}

static int listening(int port) {
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = local(port);
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 1024) < 0) die("listen");
    return s;
}

static void relay(int in, int target, SSL_CTX *ctx, int is_client) {
    int out = connected(target);
    no_delay(in);
    int plain = is_client ? in : out, net = is_client ? out : in;
    SSL *ssl = NULL;
    if (ctx) {
        ssl = secured(ctx, net, is_client);
        open_tls(ssl, net, plain, NULL, 0); /* data may have come with the handshake */
    }
    struct pollfd p[2] = {{.fd = plain, .events = POLLIN}, {.fd = net, .events = POLLIN}};
    while (poll(p, 2, -1) > 0) {
        if (p[0].revents) {
            ssize_t n = recv(plain, buf, CHUNK, 0);
            if (n <= 0) exit(0);
            if (ssl) {
                size_t done;
                if (!SSL_write_ex(ssl, buf, (size_t)n, &done)) die("SSL_write");
                flush_tls(ssl, net);
            } else {
                send_all(net, buf, (size_t)n);
            }
        }
        if (p[1].revents) {
            ssize_t n = recv(net, buf, CHUNK, 0);
            if (n <= 0) exit(0);
            if (ssl) open_tls(ssl, net, plain, buf, (int)n);
            else send_all(plain, buf, (size_t)n);
        }
    }
}

/* A piece of a stream: who it belongs to and how long it is; length 0 ends the stream. */
enum { HEAD = 6, PIECE = 16384 - HEAD, STREAMS = 1 << 16, BATCH = 16 };
static int sockets[STREAMS];

static void put_head(char *p, uint32_t stream, size_t length) {
    uint16_t n = (uint16_t)length;
    memcpy(p, &stream, 4);
    memcpy(p + 4, &n, 2);
}

static void watch(int poll_fd, int fd, uint64_t what) {
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e) < 0) die("epoll_ctl");
}

static void end_stream(uint32_t stream) {
    if (sockets[stream]) close(sockets[stream]);
    sockets[stream] = 0;
}

/* Passes on what has come for the streams; `have` octets stay for the next time. */
static size_t deliver(int poll_fd, int target, int is_client, char *p, size_t n) {
    size_t at = 0;
    while (n - at >= HEAD) {
        uint32_t stream;
        uint16_t length;
        memcpy(&stream, p + at, 4);
        memcpy(&length, p + at + 4, 2);
        if (n - at < HEAD + (size_t)length) break;
        if (length == 0) {
            end_stream(stream);
        } else {
            if (!sockets[stream] && !is_client) watch(poll_fd, sockets[stream] = connected(target), stream);
            if (sockets[stream]) send_all(sockets[stream], p + at + HEAD, length);
        }
        at += HEAD + length;
    }
    memmove(p, p + at, n - at);
    return n - at;
}

static void multiplex(int listener, int target, SSL_CTX *ctx, int is_client) {
    int poll_fd = epoll_create1(0);
    int net = is_client ? connected(target) : accept(listener, NULL, NULL);
    uint32_t next = 0;
    size_t have = 0, got;
    no_delay(net);
    SSL *ssl = secured(ctx, net, is_client);
    watch(poll_fd, net, STREAMS);
    if (is_client) watch(poll_fd, listener, STREAMS + 1);
    struct epoll_event events[512];
    for (;;) {
        int ready = epoll_wait(poll_fd, events, 512, -1);
        size_t out = 0;
        for (int i = 0; i < ready; i++) {
            uint64_t what = events[i].data.u64;
            if (what == STREAMS) {
                ssize_t n = recv(net, buf, CHUNK, 0);
                if (n <= 0) exit(0);
                BIO_write(SSL_get_rbio(ssl), buf, (int)n);
                while (have + 16384 <= sizeof buf2 && SSL_read_ex(ssl, buf2 + have, sizeof buf2 - have, &got))
                    have = deliver(poll_fd, target, is_client, buf2, have + got);
            } else if (what == STREAMS + 1) {
                int fd = accept(listener, NULL, NULL);
                if (fd < 0) continue;
                no_delay(fd);
                next = (next + 1) % STREAMS;
                watch(poll_fd, sockets[next] = fd, next);
            } else if (sockets[what]) {
                ssize_t n = recv(sockets[what], buf + out + HEAD, PIECE, 0);
                put_head(buf + out, (uint32_t)what, n > 0 ? (size_t)n : 0);
                if (n <= 0) end_stream((uint32_t)what);
                out += HEAD + (n > 0 ? (size_t)n : 0);
            }
            /* The buffer is shared with what comes in, and has room for so many pieces. */
            int full = out > (BATCH - 1) * (HEAD + PIECE), last = i + 1 == ready;
            if (out && (full || last || events[i + 1].data.u64 == STREAMS)) {
                if (!SSL_write_ex(ssl, buf, out, &got)) die("SSL_write");
                out = 0;
            }
        }
        flush_tls(ssl, net);
    }
}

/* Children are waited for, so that their CPU time counts as this process's. */
static void reap(int signal) {
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

int main(int argc, char **argv) {
    int is_plain = argc == 4 && strcmp(argv[1], "plain") == 0;
    int is_mux = argc > 1 && strncmp(argv[1], "mux-", 4) == 0;
    int is_client = argc > 1 && strcmp(argv[1] + (is_mux ? 4 : 0), "client") == 0;
    if (!is_plain && argc != 7) {
        fprintf(stderr, "floor: bad arguments, see the head of floor.c\n");
        return 2;
    }
    SSL_CTX *ctx = NULL;
    if (!is_plain) {
        ctx = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
        if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
            !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
            !SSL_CTX_use_certificate_chain_file(ctx, argv[4]) ||
            !SSL_CTX_use_PrivateKey_file(ctx, argv[5], SSL_FILETYPE_PEM) ||
            !SSL_CTX_load_verify_locations(ctx, argv[6], NULL))
            die("TLS set-up");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    int s = listening(atoi(argv[2]));
    if (is_mux) multiplex(s, atoi(argv[3]), ctx, is_client);
    struct sigaction ended = {.sa_handler = reap, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &ended, NULL);
    for (;;) {
        int c = accept(s, NULL, NULL);
        if (c < 0) continue;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            close(s);
            relay(c, atoi(argv[3]), ctx, is_client);
            exit(0);
        }
        close(c);
    }
}
