// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Certificates
import GRPC
import Identity
import Testing

@testable import CertificateService

@Suite("What certificate a caller gets")
struct IssuanceTests {
    /// Where pods run, as a table.
    private struct Pods: PodPlacement {
        var table: [ServiceAccountName: Set<String>] = [:]

        func runsPod(of account: ServiceAccountName, onNode node: String) -> Bool {
            table[account]?.contains(node) ?? false
        }
    }

    private let now = UnixTime.now()
    private let authority: CertificateAuthority
    private let issuance: Issuance
    private let node = Caller(
        account: ServiceAccountName(namespace: "ambit-system", name: "ambit-tunnel"), pod: "tunnel-1", node: "one")

    init() throws {
        let root = try CertificateAuthority.makeRoot(trustDomain: .clusterLocal, now: now)
        authority = try CertificateAuthority(
            trustDomain: .clusterLocal, certificates: [root.certificate], key: root.key, now: now)
        issuance = Issuance(
            nodeAccounts: [node.account], longestValidity: 3_600,
            placement: Pods(table: [ServiceAccountName(namespace: "default", name: "web"): ["one"]]))
    }

    private func request(
        _ account: String, impersonating: String? = nil, validity: Int64 = 0, csr: String? = nil
    ) throws -> [UInt8] {
        var message = try CertificateRequestMessage([])
        let id = try SPIFFEID("spiffe://cluster.local/ns/\(account.replacing("/", with: "/sa/"))")
        message.csr =
            try csr
            ?? String(
                decoding: CertificateSigningRequest.pem(for: id, key: PrivateKey.generate()), as: UTF8.self)
        message.impersonatedIdentity = impersonating
        message.validitySeconds = validity
        return message.encoded
    }

    private func outcome(_ message: [UInt8], for caller: Caller) -> String {
        do throws(IssuanceRefusal) {
            return try issuance.mint(message, for: caller, by: authority, now: now).id.description
        } catch {
            return "\(error.status.code.name) \(error.reason)"
        }
    }

    @Test("A caller gets its own account's certificate without asking in another name")
    func own() throws {
        let web = Caller(account: ServiceAccountName(namespace: "default", name: "web"), pod: "", node: "")
        let id = "spiffe://cluster.local/ns/default/sa/web"
        #expect(outcome(try request("default/web"), for: web) == id)
        #expect(outcome(try request("default/web", impersonating: id), for: web) == id)
    }

    @Test("design §7: a node gets certificates only for service accounts that run on it")
    func impersonation() throws {
        let web = "spiffe://cluster.local/ns/default/sa/web"
        let other = Caller(account: node.account, pod: "tunnel-2", node: "two")
        let nowhere = Caller(account: node.account, pod: "", node: "")
        let stranger = Caller(account: ServiceAccountName(namespace: "default", name: "db"), pod: "db", node: "one")
        let good = try request("default/web", impersonating: web)
        #expect(outcome(good, for: node) == web)
        #expect(outcome(good, for: other) == "PERMISSION_DENIED not_on_node")
        #expect(outcome(good, for: nowhere) == "PERMISSION_DENIED not_on_node")
        #expect(outcome(good, for: stranger) == "PERMISSION_DENIED impersonation")
        let absent = try request("default/db", impersonating: "spiffe://cluster.local/ns/default/sa/db")
        #expect(outcome(absent, for: node) == "PERMISSION_DENIED not_on_node")
        let foreign = try request("default/web", impersonating: "spiffe://other.example/ns/default/sa/web")
        #expect(outcome(foreign, for: node) == "PERMISSION_DENIED identity")
        for text in ["", "web", "spiffe://cluster.local", "spiffe://cluster.local/web"] {
            let message = try request("default/web", impersonating: text)
            #expect(outcome(message, for: node).contains("identity"), "\(text)")
        }
    }

    @Test("The signing request must be for the identity that was asked for")
    func mismatch() throws {
        let asked = try request("default/db", impersonating: "spiffe://cluster.local/ns/default/sa/web")
        #expect(outcome(asked, for: node) == "PERMISSION_DENIED identity")
        #expect(outcome(try request("default/web"), for: node) == "PERMISSION_DENIED identity")
    }

    @Test("Malformed messages and signing requests are refused as such")
    func malformed() throws {
        #expect(outcome([0x0A, 0x7F], for: node) == "INVALID_ARGUMENT malformed")
        #expect(outcome([0x0A, 1, 0xFF], for: node) == "INVALID_ARGUMENT malformed")
        #expect(outcome([], for: node) == "INVALID_ARGUMENT signing_request")
        #expect(outcome(try request("default/web", csr: "x"), for: node) == "INVALID_ARGUMENT signing_request")
    }

    @Test(
        "Validity is what was asked for, up to the longest",
        arguments: [(60, 60), (0, 3_600), (-1, 3_600), (99_999, 3_600)])
    func validity(_ asked: Int64, _ given: Int64) throws {
        let web = Caller(account: ServiceAccountName(namespace: "default", name: "web"), pod: "", node: "")
        let minted = try issuance.mint(
            request("default/web", validity: asked), for: web, by: authority, now: now)
        #expect(minted.leaf.notAfter.seconds - now.seconds == given)
        #expect(minted.message.chain.count == 2)
    }
}
