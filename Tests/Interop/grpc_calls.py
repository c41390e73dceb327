# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A gRPC server with one method of each kind, and a client that calls them all; run with a Python that has grpcio.

grpc_calls.py serve PORT | grpc_calls.py call HOST:PORT
"""

import sys
import threading
from concurrent import futures

import grpc


def fail(request, context):
    context.set_trailing_metadata((("x-trail", "1"),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more")


class Methods(grpc.GenericRpcHandler):
    handlers = {
        "/t.T/Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request * 2),
        "/t.T/Fail": grpc.unary_unary_rpc_method_handler(fail),
        "/t.T/Many": grpc.unary_stream_rpc_method_handler(
            lambda request, _: (b"%d" % number + request for number in range(20))),
        "/t.T/Sum": grpc.stream_unary_rpc_method_handler(
            lambda requests, _: b"%d" % sum(len(request) for request in requests)),
        "/t.T/Both": grpc.stream_stream_rpc_method_handler(
            lambda requests, _: (request + b"!" for request in requests)),
    }

    def service(self, details):
        return self.handlers.get(details.method)


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(16), handlers=(Methods(),))
    server.add_insecure_port(f"[::]:{port}")
    server.start()
    server.wait_for_termination()


def refused(call):
    try:
        call(b"", timeout=10)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def call(target):
    channel = grpc.insecure_channel(target)
    unary = channel.unary_unary("/t.T/Unary")
    assert unary(b"ab", timeout=10) == b"abab"
    assert len(unary(b"z" * 1_500_000, timeout=20)) == 3_000_000
    error = refused(channel.unary_unary("/t.T/Fail"))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert ("x-trail", "1") in [tuple(pair) for pair in error.trailing_metadata()]
    assert refused(channel.unary_unary("/t.T/None")).code() == grpc.StatusCode.UNIMPLEMENTED
    assert len(list(channel.unary_stream("/t.T/Many")(b"x", timeout=10))) == 20
    assert channel.stream_unary("/t.T/Sum")(iter([b"q" * 100_000] * 30), timeout=20) == b"3000000"
    # The second request is sent when the first answer is there: nothing is held back on the way.
    answered = threading.Event()

    def requests():
        yield b"1"
        assert answered.wait(10)
        yield b"2"

    answers = channel.stream_stream("/t.T/Both")(requests(), timeout=20)
    assert next(answers) == b"1!"
    answered.set()
    assert list(answers) == [b"2!"]
    calls = [unary.future(b"%d" % number, timeout=20) for number in range(500)]
    assert [call.result() for call in calls] == [b"%d" % number * 2 for number in range(500)]
    print("all calls answered")


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1] == "serve" else call(sys.argv[2])
