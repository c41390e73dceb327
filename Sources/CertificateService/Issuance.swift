// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Certificates
internal import GRPC
package import Identity

/// Decides what certificate a caller gets, and mints it; pure but for the randomness of serial numbers.
package struct Issuance: Sendable {
    /// What was minted.
    package struct Minted: Sendable {
        /// Whose certificate it is.
        package let id: SPIFFEID
        /// The certificate.
        package let leaf: Certificate
        /// The answer: leaf, intermediates, roots.
        package let message: CertificateResponseMessage
    }

    /// Accounts that may ask in the name of pods on their node.
    package let nodeAccounts: Set<ServiceAccountName>
    /// Seconds of validity when a caller does not say, and at most.
    package let longestValidity: Int64
    private let placement: any PodPlacement

    /// The rules of one service.
    package init(nodeAccounts: Set<ServiceAccountName>, longestValidity: Int64, placement: any PodPlacement) {
        self.nodeAccounts = nodeAccounts
        self.longestValidity = longestValidity
        self.placement = placement
    }

    /// Answers a request.
    ///
    /// - Throws: the first rule that it breaks: message, identity asked for, right to it, signing request.
    package func mint(
        _ message: [UInt8], for caller: Caller, by authority: CertificateAuthority, now: UnixTime
    ) throws(IssuanceRefusal) -> Minted {
        let request: CertificateRequestMessage
        do throws(ProtobufError) {
            request = try CertificateRequestMessage(message)
        } catch {
            throw .malformed(error)
        }
        let id = try identity(request, caller, authority.trustDomain)
        let signingRequest: CertificateSigningRequest
        do throws(IdentityError) {
            signingRequest = try CertificateSigningRequest(pem: Array(request.csr.utf8).span)
        } catch {
            throw .signingRequest(error)
        }
        guard signingRequest.id == id else { throw .otherIdentity(signingRequest.id) }
        let wanted = request.validitySeconds > 0 ? request.validitySeconds : longestValidity
        do throws(IdentityError) {
            let chain = try authority.mint(for: signingRequest, validity: min(wanted, longestValidity), now: now)
            var texts: [String] = []
            for certificate in chain { texts.append(String(decoding: try certificate.pem(), as: UTF8.self)) }
            texts.append(String(decoding: try authority.bundle.pem(), as: UTF8.self))
            return Minted(id: id, leaf: chain[0], message: CertificateResponseMessage(chain: texts))
        } catch {
            throw .authority(error)
        }
    }

    /// The identity that is asked for, if the caller may have it.
    private func identity(
        _ request: CertificateRequestMessage, _ caller: Caller, _ trustDomain: TrustDomain
    ) throws(IssuanceRefusal) -> SPIFFEID {
        let own: SPIFFEID
        let asked: SPIFFEID
        do throws(SPIFFEIDError) {
            own = try SPIFFEID(
                trustDomain: trustDomain, namespace: caller.account.namespace, serviceAccount: caller.account.name)
            asked = try request.impersonatedIdentity.map { (text) throws(SPIFFEIDError) in try SPIFFEID(text) } ?? own
        } catch {
            throw .invalidIdentity
        }
        if asked != own { try checkImpersonation(of: asked, caller, trustDomain) }
        return asked
    }

    private func checkImpersonation(
        of id: SPIFFEID, _ caller: Caller, _ trustDomain: TrustDomain
    ) throws(IssuanceRefusal) {
        guard id.trustDomain == trustDomain else { throw .otherTrustDomain }
        guard let account = ServiceAccountName(id) else { throw .invalidIdentity }
        guard nodeAccounts.contains(caller.account) else { throw .mayNotImpersonate }
        guard !caller.node.isEmpty else { throw .unknownNode }
        guard placement.runsPod(of: account, onNode: caller.node) else { throw .notOnNode(id) }
    }
}
