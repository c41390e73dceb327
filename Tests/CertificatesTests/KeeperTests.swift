// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Identity
import LinuxIO
import Testing

@testable import Certificates

@Suite("Certificates of a process")
struct KeeperTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "keeper-\(UUID().uuidString)")
    private let now = UnixTime.now()

    private func makeKeeper(_ change: (inout CertificateSettings) -> Void = { _ in }) throws -> CertificateKeeper {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var settings = CertificateSettings(
            source: .directory(directory.appending(path: "ca").path()), trustDomain: .clusterLocal)
        settings.validitySeconds = 10
        change(&settings)
        return try CertificateKeeper(settings, seed: 1, now: now)
    }

    private func id(_ name: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: .clusterLocal, namespace: "ns", serviceAccount: name)
    }

    @Test("design §8: a certificate is renewed at half of what is left of its life, the old one stays until then")
    func renewal() throws {
        let keeper = try makeKeeper()
        defer { try? FileManager.default.removeItem(at: directory) }
        let first = try #require(keeper.contexts(for: try id("web"), now: now))
        let serial = keeper.current[try id("web")]?.issued?.svid.leaf.serialText
        let start = MonotonicTime(nanoseconds: 1)
        #expect(keeper.process(now: start, unixTime: now.advanced(bySeconds: 3)).isEmpty)
        #expect(keeper.contexts(for: try id("web"), now: now)?.server === first.server)
        let events = keeper.process(now: start, unixTime: now.advanced(bySeconds: 6))
        guard case .available(_, let contexts, isFirst: false) = try #require(events.first) else {
            Issue.record("no new certificate")
            return
        }
        #expect(contexts.server !== first.server)
        #expect(keeper.current[try id("web")]?.issued?.svid.leaf.serialText != serial)
    }

    @Test("A rotation of the root in the directory reaches all certificates without a restart")
    func rotation() throws {
        let keeper = try makeKeeper()
        defer { try? FileManager.default.removeItem(at: directory) }
        _ = keeper.contexts(for: try id("web"), now: now)
        let path = directory.appending(path: "ca").path()
        var clock = MonotonicTime(nanoseconds: 1_000_000_000)
        for expected in [2, 2, 1] {
            switch try RootRotation.phase(directory: path) {
            case .stable: try RootRotation.begin(directory: path, trustDomain: .clusterLocal, now: now)
            case .distributing: try RootRotation.switchSigner(directory: path)
            case .retiring: try RootRotation.finish(directory: path)
            }
            _ = keeper.process(now: clock, unixTime: now)
            clock = clock + .milliseconds(200)
            _ = keeper.process(now: clock, unixTime: now)
            let issued = try #require(keeper.current[try id("web")]?.issued)
            #expect(issued.bundle.authorities.count == expected)
            clock = clock + .seconds(1)
        }
    }

    @Test("reference §5: identities that nobody needs are forgotten")
    func forgotten() throws {
        let keeper = try makeKeeper()
        defer { try? FileManager.default.removeItem(at: directory) }
        _ = keeper.contexts(for: try id("web"), now: now)
        _ = keeper.contexts(for: try id("db"), now: now)
        keeper.keepOnly([try id("db")])
        #expect(Set(keeper.current.keys) == [try id("db")])
    }

    @Test("A CRL that cannot be read refuses all peers, or is passed over, as the setting says; it is said once")
    func unreadable() throws {
        let crl = directory.appending(path: "crl.pem").path()
        let keeper = try makeKeeper { $0.revocationFiles = [crl] }
        defer { try? FileManager.default.removeItem(at: directory) }
        let time = MonotonicTime(nanoseconds: 1_000_000_000)
        let events = keeper.process(now: time, unixTime: now)
        guard case .revocationFailed(let text, peersAreRefused: true) = try #require(events.first) else {
            Issue.record("nothing was said")
            return
        }
        #expect(text.contains("crl.pem") && text.contains("CRL file"))
        #expect(keeper.process(now: time + .seconds(6), unixTime: now).isEmpty)
    }

    @Test(
        "How fast certificates are minted, and what each costs: prints, for docs/performance.md",
        .enabled(if: ProcessInfo.processInfo.environment["AMBIT_IDENTITIES"] != nil, "set AMBIT_IDENTITIES"))
    func measure() throws {
        let count = try #require(Int(ProcessInfo.processInfo.environment["AMBIT_IDENTITIES"] ?? ""))
        let keeper = try makeKeeper { $0.validitySeconds = 86_400 }
        defer { try? FileManager.default.removeItem(at: directory) }
        _ = keeper.contexts(for: try id("first"), now: now)
        let before = ProcessStatus.read()
        for number in 0..<count { _ = keeper.contexts(for: try id("account-\(number)"), now: now) }
        let after = ProcessStatus.read()
        let seconds = Double(after.cpuNanoseconds - before.cpuNanoseconds) / 1e9
        let octets = (after.residentBytes - before.residentBytes) / UInt64(count)
        print("\(count) identities: \(Int(Double(count) / seconds)) a second of one core, \(octets) octets each")
        #expect(keeper.current.count == count + 1)
    }
}
