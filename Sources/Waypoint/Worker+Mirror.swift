// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTPRouting

// Copies of requests, whose answers nobody waits for.
extension Worker {
    /// Starts the copies that the decision of an exchange wants.
    func startMirrors(_ key: Exchange.Key) {
        var position = 0
        while let mirror = makeMirror(key, &position) {
            exchanges.withElement(key) { $0.mirrors.append(mirror) }
            steps.append(.route(mirror))
        }
    }

    private func makeMirror(_ key: Exchange.Key, _ position: inout Int) -> Exchange.Key? {
        var made: Exchange?
        exchanges.withElement(key) { exchange in
            guard let decision = exchange.decision,
                let cluster = exchange.table.nextMirror(of: decision, from: &position),
                !self.isFull, let headsKey = self.takeHeads()
            else { return }
            // Two heads of one slab cannot be looked at together: the copy goes by a third.
            self.heads.withElement(exchange.heads) { self.mirrorHead.assign($0.request) }
            self.heads.withElement(headsKey) { heads in
                heads.request.assign(self.mirrorHead)
                heads.request.setAuthority(Self.shadow(self.mirrorHead).span)
            }
            var mirror = Exchange(
                downstream: Downstream.Key(context: 0), stream: nil, heads: headsKey, client: exchange.client,
                frontend: exchange.frontend, now: self.now)
            mirror.flags = exchange.flags.intersection([.isHTTP2, .requestEnded])
            mirror.flags.formUnion([.mirror, .decided])
            mirror.cluster = cluster
            mirror.requestLength = exchange.requestLength
            _ = exchange.toUpstream.copy(to: &mirror.toUpstream, in: &self.blocks)
            made = consume mirror
        }
        guard let made = made.take() else { return nil }
        let headsKey = made.heads
        if let inserted = exchanges.insert(made) { return inserted }
        giveBack(headsKey)
        return nil
    }

    /// Copies content of a request to its mirrors; one that is slow is given up rather than waited for.
    func copy(_ bytes: Span<UInt8>, to mirrors: [Exchange.Key]) {
        for mirror in mirrors where forwardRequest(mirror, bytes) { steps.append(.clientGone(mirror)) }
    }

    /// The request of an exchange is over, so its copies are, too; their answers are still read.
    func endMirror(_ key: Exchange.Key) {
        let isEnded = exchanges.withElement(key) { $0.flags.contains(.requestEnded) }
        if isEnded == false { steps.append(.clientGone(key)) }
    }

    /// `host:port` with `-shadow` behind the host.
    private static func shadow(_ head: borrowing RequestHead) -> [UInt8] {
        let authority = head.authority
        var end = authority.count
        var index = authority.count
        while index > 0 {
            index -= 1
            if authority[index] == UInt8(ascii: "]") { break }
            if authority[index] == UInt8(ascii: ":") {
                end = index
                break
            }
        }
        var result = [UInt8](copying: authority.extracting(first: end))
        let suffix: StaticString = "-shadow"
        result.append(copying: suffix.bytes)
        result.append(copying: authority.extracting(end..<authority.count))
        return result
    }
}
