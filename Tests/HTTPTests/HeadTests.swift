// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Bytes
import Testing

@testable import HTTP

@Suite("RequestHead and ResponseHead")
struct HeadTests {
    @Test(
        "RFC 3986 §3.4: the query begins behind the first question mark",
        arguments: [
            ("/a?b=c", "/a", "b=c", true), ("/a", "/a", "", false),
            ("/?", "/", "", true), ("/a?b?c", "/a", "b?c", true),
            ("*", "*", "", false), ("", "", "", false), ("?x", "", "x", true),
        ])
    func splitsTarget(target: String, path: String, query: String, hasQuery: Bool) {
        var head = RequestHead()
        head.setTarget("/something/longer?before=1".utf8.span)
        head.setTarget(target.utf8.span)
        let parts = (String(decoding: head.target), String(decoding: head.path), String(decoding: head.query))
        #expect(parts == (target, path, query))
        #expect(head.hasQuery == hasQuery)
    }

    @Test(
        "RFC 9110 §9.1: methods are known by their exact case",
        arguments: [
            ("GET", RequestMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
            ("CONNECT", .connect), ("OPTIONS", .options), ("TRACE", .trace), ("PATCH", .patch), ("get", .other),
            ("PROPFIND", .other), ("", .other), ("GETS", .other),
        ])
    func knowsMethods(name: String, method: RequestMethod) {
        var head = RequestHead()
        head.setMethod(name.utf8.span)
        #expect(head.method == method)
        let octets = String(decoding: head.methodName)
        #expect(octets == name)
    }

    @Test("Parts replaced by shorter and longer ones do not touch each other")
    func replacesParts() {
        var head = RequestHead()
        head.setMethod("GET".utf8.span)
        head.setScheme("http".utf8.span)
        head.setAuthority("reviews".utf8.span)
        head.setTarget("/a?b".utf8.span)
        head.setAuthority("reviews.default.svc.cluster.local".utf8.span)
        head.setTarget("/".utf8.span)
        head.setScheme("https".utf8.span)
        head.setAuthority("r".utf8.span)
        var copy = RequestHead()
        copy.setProtocolName("websocket".utf8.span)
        copy.assign(head)
        head.reset()
        let parts = [
            String(decoding: copy.methodName), String(decoding: copy.scheme), String(decoding: copy.authority),
            String(decoding: copy.target), String(decoding: copy.protocolName),
        ]
        #expect(parts == ["GET", "https", "r", "/", ""])
        #expect(copy.method == .get)
        let isEmpty = head.target.isEmpty && head.authority.isEmpty
        #expect(isEmpty)
    }

    @Test(
        "gRPC is known by its content-type",
        arguments: [
            ("application/grpc", true), ("application/grpc+proto", true), ("application/grpc;x", true),
            ("application/grpc-web", false), ("application/grp", false), ("", false),
        ])
    func knowsGRPC(type: String, isGRPC: Bool) {
        var head = RequestHead()
        if !type.isEmpty { head.fields.append(name: "content-type", value: type.utf8.span) }
        #expect(head.isGRPC == isGRPC)
    }

    @Test("A thousand heads filled after the first, copied and changed, allocate nothing")
    func reuseDoesNotAllocate() {
        var request = RequestHead()
        var copy = RequestHead()
        var response = ResponseHead()
        for _ in 0..<3 { fill(&request, &copy, &response) }
        let before = allocation_count()
        for _ in 0..<1000 { fill(&request, &copy, &response) }
        #expect(allocation_count() - before == 0)
    }

    private func fill(_ request: inout RequestHead, _ copy: inout RequestHead, _ response: inout ResponseHead) {
        request.reset()
        request.setMethod("POST".utf8.span)
        request.setScheme("http".utf8.span)
        request.setAuthority("reviews.default:9080".utf8.span)
        request.setTarget("/reviews/1?x=y".utf8.span)
        request.fields.append(name: "user-agent", value: "a test of some length".utf8.span)
        request.fields.append(name: "x-canary", value: "true".utf8.span)
        copy.assign(request)
        copy.setTarget("/rewritten/to/something/longer".utf8.span)
        copy.fields.set(name: "x-canary", value: "false and longer".utf8.span)
        copy.fields.remove("user-agent")
        copy.fields.extend(name: "x-canary", with: "more".utf8.span)
        response.reset()
        response.status = 200
        response.fields.append(name: "content-type", value: "text/plain".utf8.span)
    }
}
