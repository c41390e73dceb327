// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Counters
import Glibc
import HTTP2

/// Counts what the optimised HTTP/2 cores ask of the allocator and of Swift's run time once they are warm: nothing.
@main
struct Cost {
    private static var frames: Int { 20_000 }

    static func main() {
        guard countersWork() else { fail("the counters do not count") }
        print("| work, both sides, after warm-up | units | allocations | retains and releases |")
        print("|---|---:|---:|---:|")
        var isFree = true
        for size in [1_024, 16_384] {
            var pair = ConnectionPair()
            pair.sendData(10 * size, frameSize: size)
            let isFreeOfCost = measure("DATA of \(size) octets", frames) {
                pair.sendData(frames * size, frameSize: size)
                return pair.received == frames * size
            }
            isFree = isFree && isFreeOfCost
        }
        var pair = ConnectionPair()
        let list = Request()
        pair.exchangeRequests(200, width: 100, list.octets.span, list.fields.span)
        let areExchangesFree = measure("requests and responses", frames) {
            pair.exchangeRequests(frames, width: 100, list.octets.span, list.fields.span)
            return pair.answers == frames
        }
        guard isFree && areExchangesFree else { fail("memory or reference counts were touched") }
    }

    /// Says whether `body` left both counters where they were.
    private static func measure(_ name: String, _ units: Int, _ body: () -> Bool) -> Bool {
        let (allocations, references) = (allocation_count(), reference_count_operations())
        guard body() else { fail("the work was not done: \(name)") }
        let (made, counted) = (allocation_count() - allocations, reference_count_operations() - references)
        print("| \(name) | \(units) | \(made) | \(counted) |")
        return made == 0 && counted == 0
    }

    private static func countersWork() -> Bool {
        let (allocations, references) = (allocation_count(), reference_count_operations())
        var objects: [Probe] = []
        for index in 0..<10 { objects.append(Probe(index)) }
        let copy = objects.reversed().map(\.self)
        return copy.count == 10 && allocation_count() >= allocations + 10
            && reference_count_operations() >= references + 10
    }

    private static func fail(_ text: String) -> Never {
        print("cost: \(text)")
        exit(1)
    }
}

/// A request as gRPC clients send it.
struct Request {
    private(set) var octets: [UInt8] = []
    private(set) var fields: [FieldRange] = []

    init() {
        let texts = [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", "reviews.default.svc.cluster.local:9080"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("user-agent", "grpc-go/1.64.0"),
        ]
        for (name, value) in texts { fields.append(FieldRange(name: place(name), value: place(value))) }
    }

    private mutating func place(_ text: String) -> Range<Int> {
        octets += Array(text.utf8)
        return (octets.count - text.utf8.count)..<octets.count
    }
}

/// Something that has a reference count.
final class Probe {
    let value: Int
    init(_ value: Int) { self.value = value }
}
