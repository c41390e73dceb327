// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Bytes

@Suite("BufferQueue")
struct BufferQueueTests {
    @Test("Bytes come out as they went in, whatever the pieces, and blocks go back to the pool")
    func order() {
        var pool = BufferPool(blockCapacity: 16, limit: 100, keep: 4)
        var queue = BufferQueue()
        var random = RandomSource(seed: 3)
        var sent: UInt8 = 0
        var received: UInt8 = 0
        for _ in 0..<2000 {
            let piece = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                sent &+= 1
                return sent
            }
            if queue.count < 800 {
                let fits = queue.append(copying: piece.span, in: &pool)
                #expect(fits)
            } else {
                sent &-= UInt8(piece.count)
            }
            let front = [UInt8](copying: queue.first)
            for octet in front {
                received &+= 1
                #expect(octet == received)
            }
            queue.consume(front.count, in: &pool)
        }
        queue.removeAll(in: &pool)
        #expect(pool.inUse == 0)
    }

    @Test("A prefix goes over blocks, from the first byte that is still there, and changes nothing")
    func prefix() {
        var pool = BufferPool(blockCapacity: 8, limit: 10, keep: 0)
        var queue = BufferQueue()
        let fits = queue.append(copying: [UInt8](0..<30).span, in: &pool)
        #expect(fits)
        queue.consume(3, in: &pool)
        for limit in [0, 1, 5, 6, 20, 27, 28, 1_000] {
            let found = queue.prefix(limit)
            #expect(found == [UInt8](3..<UInt8(min(30, 3 + limit))))
        }
        #expect(queue.count == 27)
        queue.removeAll(in: &pool)
    }

    @Test("An exhausted pool refuses; giving back makes room")
    func exhausted() {
        var pool = BufferPool(blockCapacity: 8, limit: 2, keep: 0)
        var queue = BufferQueue()
        let bytes = [UInt8](repeating: 1, count: 17)
        let fits = queue.append(copying: bytes.span, in: &pool)
        #expect(!fits)
        #expect(queue.count == 16)
        queue.removeAll(in: &pool)
        let fitsNow = queue.append(copying: [UInt8](repeating: 2, count: 16).span, in: &pool)
        #expect(fitsNow)
        queue.removeAll(in: &pool)
    }
}
