// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
/*
 * floor: the least a user-space tunnel must do, to know how far a real one is
 * from the limit of this machine.  No HTTP/2, no event loop, one process per
 * connection, big buffers, one system call for up to 256 KiB.
 *
 *   floor plain  PORT TARGET-PORT                 relays TCP to TCP
 *   floor client PORT TARGET-PORT CERT KEY CA     TCP in, mutual TLS 1.3 out
 *   floor server PORT TARGET-PORT CERT KEY CA     mutual TLS 1.3 in, TCP out
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

static void relay(int in, int target, SSL_CTX *ctx, int is_client) {
    int out = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in a = local(target);
    if (connect(out, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
    setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int plain = is_client ? in : out, net = is_client ? out : in;
    SSL *ssl = NULL;
    if (ctx) {
        ssl = SSL_new(ctx);
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

int main(int argc, char **argv) {
    int is_plain = argc == 4 && strcmp(argv[1], "plain") == 0;
    int is_client = argc > 1 && strcmp(argv[1], "client") == 0;
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
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = local(atoi(argv[2]));
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 64) < 0) die("listen");
    signal(SIGCHLD, SIG_IGN);
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
