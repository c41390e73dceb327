// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import LinuxIO

@Suite("UnixSocket")
struct UnixSocketTests {
    @Test("A pair carries octets and either end by itself; what was written before a close is still read")
    func pair() throws {
        let ends = try UnixSocket.pair(bufferBytes: 65_536)
        let one = OwnedDescriptor(adopting: ends.0)
        let other = OwnedDescriptor(adopting: ends.1)
        var buffer = ByteBuffer(capacity: 16)
        let nothing = Socket.read(one.rawValue, into: &buffer)
        #expect(nothing == .wouldBlock)
        Socket.shutdownWrite(one.rawValue)
        let end = Socket.read(ends.1, into: &buffer)
        #expect(end == .endOfStream)
        let octets: [UInt8] = [1, 2, 3]
        let written = Socket.write(ends.1, octets.span)
        #expect(written == .bytes(3))
        _ = consume other
        let read = Socket.read(one.rawValue, into: &buffer)
        #expect(read == .bytes(3))
        let last = Socket.read(one.rawValue, into: &buffer)
        #expect(last == .endOfStream)
    }

    @Test("A full pair stops its writer, after no more than a few times what it was told to hold")
    func full() throws {
        let ends = try UnixSocket.pair(bufferBytes: 65_536)
        let one = OwnedDescriptor(adopting: ends.0)
        let other = OwnedDescriptor(adopting: ends.1)
        let block = [UInt8](repeating: 7, count: 8_192)
        var total = 0
        while case .bytes(let count) = Socket.write(one.rawValue, block.span) { total += count }
        #expect(total >= 32_768 && total <= 4 * 65_536)
        withExtendedLifetime(other) {}
    }
}
