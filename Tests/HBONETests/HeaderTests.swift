// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HBONE

@Suite("Headers of a CONNECT")
struct HeaderTests {
    private func parse(_ text: String) -> Baggage { Baggage(parsing: text.utf8.span) }

    @Test("Baggage is written in ztunnel's order, empty members left out")
    func baggageOrder() {
        var baggage = Baggage()
        baggage.clusterName = "c1"
        baggage.namespace = "default"
        baggage.workloadKind = "deployment"
        baggage.workloadName = "reviews"
        baggage.serviceName = "reviews"
        baggage.serviceVersion = ""
        baggage.zone = "z1"
        #expect(
            baggage.headerValue
                == "k8s.cluster.name=c1,k8s.namespace.name=default,k8s.deployment.name=reviews,service.name=reviews,"
                + "cloud.availability_zone=z1")
    }

    @Test("What is written is read back")
    func baggageRoundTrip() {
        var baggage = Baggage()
        baggage.clusterName = "c1"
        baggage.workloadKind = "cronjob"
        baggage.workloadName = "nightly"
        baggage.region = "r"
        let text = baggage.headerValue
        #expect(parse(text) == baggage)
    }

    @Test(
        "W3C Baggage §3.3: unknown and broken members are skipped, the rest counts",
        arguments: [
            "", ",", "=", "k8s.namespace.name", "k8s.namespace.name=", "x=y", " = ;,=,", "k8s.pod.namex=1",
        ])
    func baggageGarbage(text: String) {
        let both = text + ", k8s.namespace.name = ns ;property=1"
        #expect(parse(text) == Baggage())
        #expect(parse(both).namespace == "ns")
    }

    @Test("Baggage beyond the limit is ignored whole")
    func baggageTooLong() {
        let text = "k8s.namespace.name=" + String(repeating: "a", count: Baggage.maximumBytes)
        #expect(parse(text) == Baggage())
    }

    @Test("W3C Trace Context §3.2: what is written is 55 octets of version 00 and reads back")
    func traceRoundTrip() {
        var random = RandomSource(seed: 7)
        let trace = TraceParent(random: &random)
        let octets = trace.octets
        #expect(octets.count == 55)
        let read = TraceParent(parsing: octets.span)
        #expect(read == trace)
    }

    @Test(
        "W3C Trace Context §3.2.2: other lengths, upper case, other versions and zero ids are refused",
        arguments: [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ])
    func traceRefused(text: String) {
        let read = TraceParent(parsing: text.utf8.span)
        #expect(read == nil)
    }

    @Test(
        "RFC 7239 §4: the host of the first element, quoted or not",
        arguments: [
            ("for=\"10.0.0.1:80\";host=echo.default.svc.cluster.local", "echo.default.svc.cluster.local"),
            ("Host=\"a.b\";for=1.2.3.4", "a.b"),
            ("for=1.2.3.4, for=5.6.7.8;host=second", nil),
            ("host=", nil),
            ("", nil),
            ("host=caf\u{e9}", nil),
        ] as [(String, String?)])
    func forwardedHost(text: String, host: String?) {
        let read = Forwarded.host(parsing: text.utf8.span)
        #expect(read == host)
    }
}
