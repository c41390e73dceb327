// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import CNI

@Suite("An executable with its libraries beside it")
struct RelocatedExecutableTests {
    /// The headers that count, one loader and one dynamic section, and nothing to run.
    static func executable(loader: String? = "/lib64/ld.so.2", tag: Int = 29) -> [UInt8] {
        var octets: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
        put(64, at: 32, width: 8, &octets)
        put(56, at: 54, width: 2, &octets)
        put(loader == nil ? 1 : 2, at: 56, width: 2, &octets)
        let headers = 64 + (loader == nil ? 1 : 2) * 56
        let path: [UInt8] = loader.map { Array($0.utf8) + [0] } ?? []
        var parts = [(type: 2, offset: headers, length: 32)]
        if loader != nil { parts.insert((3, headers + 32, path.count), at: 0) }
        for part in parts {
            var header = [UInt8](repeating: 0, count: 56)
            put(part.type, at: 0, width: 4, &header)
            put(part.offset, at: 8, width: 8, &header)
            put(part.length, at: 32, width: 8, &header)
            octets += header
        }
        var dynamic = [UInt8](repeating: 0, count: 32)
        put(tag, at: 0, width: 8, &dynamic)
        put(7, at: 8, width: 8, &dynamic)
        return octets + dynamic + path
    }

    private static func put(_ value: Int, at offset: Int, width: Int, _ octets: inout [UInt8]) {
        for index in 0..<width { octets[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }

    @Test("The loader's new path stands behind the file, and the search path holds for libraries of libraries, too")
    func relocates() throws {
        let original = Self.executable()
        let executable = try RelocatedExecutable(original)
        #expect(!executable.isStatic)
        let path = Array("/opt/cni/bin/.ambit-cni-a/ld.so.2".utf8) + [0]
        var expected = original + path
        Self.put(original.count, at: 64 + 8, width: 8, &expected)
        Self.put(path.count, at: 64 + 32, width: 8, &expected)
        Self.put(path.count, at: 64 + 40, width: 8, &expected)
        Self.put(15, at: 64 + 112, width: 8, &expected)
        #expect(executable.relocated(to: "/opt/cni/bin/.ambit-cni-a") == expected)
    }

    @Test("A static executable stays as it is")
    func isStatic() throws {
        let original = Self.executable(loader: nil)
        let executable = try RelocatedExecutable(original)
        #expect(executable.isStatic)
        #expect(executable.relocated(to: "/x") == original)
    }

    @Test("What is no executable of 64 bits, or would look for its libraries elsewhere, is refused")
    func refuses() {
        var big = Self.executable()
        big[5] = 2
        var narrow = Self.executable()
        narrow[4] = 1
        for octets in [
            [], Array("#!/bin/sh\n".utf8), Self.executable(tag: 1), Self.executable(loader: ""), big, narrow,
        ] {
            #expect(throws: CNIError.self) { try RelocatedExecutable(octets) }
        }
    }

    @Test("A file that ends early, or whose headers lead anywhere, is refused or read within its bounds")
    func hostile() {
        let original = Self.executable()
        var accepted = 0
        for length in 0..<original.count { accepted += tries(Array(original.prefix(length))) }
        #expect(accepted == 0)
        for offset in 0..<original.count {
            for octet in [0x00, 0x7F, 0x80, 0xFF] as [UInt8] {
                var changed = original
                changed[offset] = octet
                accepted += tries(changed)
            }
        }
        #expect(accepted > 0)
    }

    private func tries(_ octets: [UInt8]) -> Int {
        do throws(CNIError) { return try RelocatedExecutable(octets).relocated(to: "/x").isEmpty ? 0 : 1 } catch {
            return 0
        }
    }
}
