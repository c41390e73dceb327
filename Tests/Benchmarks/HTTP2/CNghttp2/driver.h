// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

// Drives libnghttp2 over the same work as our own core, in C, as its users do. Only the benchmark includes this.
#pragma once
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

static inline ssize_t bench_encode(
    nghttp2_hd_deflater *deflater, uint8_t *out, size_t capacity, const nghttp2_nv *fields, size_t count) {
    return nghttp2_hd_deflate_hd(deflater, out, capacity, fields, count);
}

// Decodes one block; returns the octets of names and values, or -1.
static inline ssize_t bench_decode(nghttp2_hd_inflater *inflater, const uint8_t *block, size_t length) {
    ssize_t total = 0;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, block, length, 1);
        if (used < 0) return -1;
        block += used;
        length -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) total += (ssize_t)(field.namelen + field.valuelen);
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(inflater);
            return total;
        }
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && length == 0) return total;
    }
}

struct bench_pair {
    nghttp2_session *client, *server;
    uint8_t *payload;
    size_t frame_size;
    uint64_t to_send, received, fields, closed;
    int is_data;
};

static ssize_t bench_read(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
    struct bench_pair *pair = (struct bench_pair *)user;
    size_t count = length < pair->frame_size ? length : pair->frame_size;
    if (count > pair->to_send) count = pair->to_send;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    pair->to_send -= count;
    if (pair->to_send == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

// Without copying, as the core is driven: the payload lies behind nine free octets, the header goes in front of it, and
// the peer reads both.
static int bench_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t length,
                           nghttp2_data_source *source, void *user) {
    struct bench_pair *pair = (struct bench_pair *)user;
    memcpy(pair->payload, header, 9);
    ssize_t count = nghttp2_session_mem_recv(pair->server, pair->payload, length + 9);
    return count < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int bench_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length,
                       void *user) {
    ((struct bench_pair *)user)->received += length;
    return 0;
}

static int bench_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                        const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
    ((struct bench_pair *)user)->fields += 1;
    return 0;
}

static int bench_closed(nghttp2_session *session, int32_t stream, uint32_t code, void *user) {
    ((struct bench_pair *)user)->closed += 1;
    return 0;
}

#define BENCH_NV(NAME, VALUE)                                                                                          \
    { (uint8_t *)NAME, (uint8_t *)VALUE, sizeof(NAME) - 1, sizeof(VALUE) - 1, NGHTTP2_NV_FLAG_NONE }

static int bench_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct bench_pair *pair = (struct bench_pair *)user;
    if (pair->is_data || session != pair->server || frame->hd.type != NGHTTP2_HEADERS) return 0;
    nghttp2_nv fields[] = {BENCH_NV(":status", "200"), BENCH_NV("content-type", "application/grpc"),
                           BENCH_NV("grpc-status", "0"), BENCH_NV("server", "bench")};
    return nghttp2_submit_response(session, frame->hd.stream_id, fields, 4, NULL);
}

// Moves output of one side to the other until both are quiet.
static inline int bench_pump(struct bench_pair *pair) {
    for (;;) {
        int moved = 0;
        const uint8_t *data;
        ssize_t count;
        while ((count = nghttp2_session_mem_send(pair->client, &data)) > 0) {
            if (nghttp2_session_mem_recv(pair->server, data, (size_t)count) < 0) return -1;
            moved = 1;
        }
        while ((count = nghttp2_session_mem_send(pair->server, &data)) > 0) {
            if (nghttp2_session_mem_recv(pair->client, data, (size_t)count) < 0) return -1;
            moved = 1;
        }
        if (!moved) return 0;
    }
}

static inline struct bench_pair *bench_pair_new(size_t frame_size) {
    struct bench_pair *pair = (struct bench_pair *)calloc(1, sizeof *pair);
    pair->payload = (uint8_t *)calloc(1, 1 << 16);
    pair->frame_size = frame_size;
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, bench_chunk);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, bench_send_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, bench_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, bench_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, bench_closed);
    nghttp2_session_client_new(&pair->client, callbacks, pair);
    nghttp2_session_server_new(&pair->server, callbacks, pair);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry window[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
    nghttp2_submit_settings(pair->client, 0, window, 1);
    nghttp2_submit_settings(pair->server, 0, window, 1);
    nghttp2_session_set_local_window_size(pair->server, 0, 0, 4 << 20);
    bench_pump(pair);
    return pair;
}

static inline void bench_pair_free(struct bench_pair *pair) {
    nghttp2_session_del(pair->client);
    nghttp2_session_del(pair->server);
    free(pair->payload);
    free(pair);
}

// Sends `bytes` of content in frames of the pair's size on one stream; returns the octets received.
static inline uint64_t bench_data(struct bench_pair *pair, uint64_t bytes) {
    nghttp2_nv fields[] = {BENCH_NV(":method", "POST"), BENCH_NV(":scheme", "http"), BENCH_NV(":path", "/"),
                           BENCH_NV(":authority", "localhost")};
    nghttp2_data_provider provider = {.source = {.ptr = NULL}, .read_callback = bench_read};
    pair->is_data = 1;
    pair->to_send = bytes;
    pair->received = 0;
    nghttp2_submit_request(pair->client, NULL, fields, 4, &provider, NULL);
    if (bench_pump(pair) < 0) return 0;
    return pair->received;
}

// Exchanges `count` requests and responses without content, `width` at a time; returns the streams closed on both sides.
static inline uint64_t bench_requests(struct bench_pair *pair, const nghttp2_nv *fields, size_t field_count,
                                      uint64_t count, uint64_t width) {
    pair->is_data = 0;
    pair->closed = 0;
    for (uint64_t done = 0; done < count; done += width) {
        for (uint64_t index = 0; index < width; index++)
            nghttp2_submit_request(pair->client, NULL, fields, field_count, NULL, NULL);
        if (bench_pump(pair) < 0) return 0;
    }
    return pair->closed;
}
