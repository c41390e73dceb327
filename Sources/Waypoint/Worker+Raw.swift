// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

// Connections that are passed on as they are.
extension Worker {
    /// Makes a client's connection one exchange of octets.
    func beginRaw(_ downstream: inout Downstream, _ key: Downstream.Key) {
        downstream.mode = .raw
        downstream.deadline = .distantFuture
        guard !isFull, let headsKey = takeHeads() else {
            observer.refused("too many requests", downstream.client.address)
            return steps.append(.closeDownstream(key))
        }
        var exchange = Exchange(
            downstream: key, stream: nil, heads: headsKey, client: downstream.client, frontend: downstream.frontend,
            now: now)
        exchange.flags.insert([.tcp, .raw])
        guard let exchangeKey = exchanges.insert(exchange) else {
            giveBack(headsKey)
            return steps.append(.closeDownstream(key))
        }
        downstream.exchange = exchangeKey
        downstream.exchangeCount = 1
        steps.append(.route(exchangeKey))
    }
}
