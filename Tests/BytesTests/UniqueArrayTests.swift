// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@Suite("UniqueArray")
struct UniqueArrayTests {
    private static func contents(_ array: borrowing UniqueArray<UInt8>) -> [UInt8] { Array(copying: array.span) }

    @Test("Copies of every length up to 100 arrive behind what was there, and nothing else changes")
    func appendsEveryLength() {
        for length in 0...100 {
            let source = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
            var array = UniqueArray<UInt8>()
            array.append(0xFE)
            array.append(copying: source.span)
            array.append(0xFF)
            #expect(Self.contents(array) == [0xFE] + source + [0xFF])
        }
    }

    @Test("No memory is held before the first element, and none after it was given back")
    func memory() {
        var array = UniqueArray<UInt32>()
        #expect(array.capacity == 0)
        array.append(5)
        #expect(array.capacity > 0)
        array.removeAll()
        #expect(array.isEmpty && array.capacity > 0)
        array.append(5)
        array.trim()
        #expect(array.capacity == 1 && array[0] == 5)
        array.releaseMemory()
        #expect(array.capacity == 0)
    }

    @Test("Elements can be removed at both ends")
    func removal() {
        var array = UniqueArray<UInt8>()
        for element in 0..<10 { array.append(UInt8(element)) }
        array.removeFirst(3)
        array.removeLast(2)
        #expect(Self.contents(array) == [3, 4, 5, 6, 7])
        array[1] = 40
        let slice = Array(copying: array.slice(1, 2))
        #expect(slice == [40, 5])
    }

    @Test("Words are written in network order")
    func words() {
        var array = UniqueArray<UInt8>()
        array.appendUninitialized(13)
        var span = array.mutableSpan
        span.writeUInt64BigEndian(0x0102_0304_0506_0708, at: 0)
        span.writeUInt32BigEndian(0x090A_0B0C, at: 8)
        span[12] = 13
        #expect(Self.contents(array) == Array(1...13))
        let (long, short) = (array.span.readUInt64BigEndian(at: 5), array.span.readUInt32BigEndian(at: 9))
        #expect(long == 0x0607_0809_0A0B_0C0D)
        #expect(short == 0x0A0B_0C0D)
    }
}
