// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Identity
import Testing

/// A directory that goes with the value.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("ambit-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) }
    }
}

@Suite struct CertificateAuthorityTests {
    @Test("A CA is made on first start and found again, with a key only its owner reads")
    func createdOnce() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let made = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        let found = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        #expect(made.bundle == found.bundle)
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/ca.key")
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
    }

    @Test("Starts at the same time agree on one CA")
    func createdConcurrently() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/ca"
        let bundles = try await withThrowingTaskGroup(of: TrustBundle.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try CertificateAuthority.open(directory: path, trustDomain: .clusterLocal, now: .now()).bundle
                }
            }
            return try await group.reduce(into: Set<TrustBundle>()) { $0.insert($1) }
        }
        #expect(bundles.count == 1)
    }

    @Test("A key that others may read is refused", arguments: [0o640, 0o604, 0o660])
    func looseMode(mode: Int) throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: directory.path + "/ca.key")
        #expect(throws: IdentityError.fileMode(.authorityKey, mode: UInt32(mode))) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        }
    }

    @Test("A certificate without its key, or the reverse, is never replaced", arguments: ["ca.key", "ca.crt"])
    func incomplete(name: String) throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        try FileManager.default.removeItem(atPath: directory.path + "/" + name)
        let missing: IdentityError.File = name == "ca.key" ? .authorityKey : .authorityCertificate
        #expect(throws: IdentityError.incomplete(missing: missing)) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        }
    }

    @Test("A CA of another trust domain is refused")
    func otherTrustDomain() throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        let other = try TrustDomain("example.org")
        #expect(throws: IdentityError.trustDomainMismatch) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: other, now: .now())
        }
    }
}
