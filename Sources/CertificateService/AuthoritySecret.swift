// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
internal import Kubernetes
package import Manifest
internal import Telemetry

/// The Secret that holds a CA: the files of a CA directory under their names, and what a rotation has to remember.
///
/// It writes nothing itself; it makes the merge patches of a rotation's steps, each of which is refused when the Secret has
/// changed since it was read. Keys that are there are moved as the text they are, and never made anew.
package struct AuthoritySecret {
    /// The annotation by which an operator asks for a rotation, whatever it says.
    package static let request = "ambit.dev/rotate"
    /// The annotation that says when the change of a phase had arrived.
    package static let since = "ambit.dev/rotation-since"

    private enum Name {
        static let key = "ca.key"
        static let certificate = "ca.crt"
        static let roots = "roots.crt"
        static let rotation = "rotation.crt"
        static let nextKey = "next.key"
        static let nextCertificate = "next.crt"
    }

    /// How far a rotation is.
    package let phase: RootRotation.Phase
    /// The signing certificate first, then what is above it.
    package let certificates: [Certificate]
    /// What relying parties must trust in this phase.
    package let bundle: TrustBundle
    /// When the change of the phase had arrived, as was written down.
    package let since: UnixTime?
    /// Whether an operator asks for a rotation.
    package let isRequested: Bool
    private let version: String
    private let data: YAMLNode

    /// Reads a Secret.
    ///
    /// - Throws: `AuthoritySecretError`, which names the entry.
    package init(_ object: YAMLNode) throws(AuthoritySecretError) {
        guard let data = object["data"], data[Name.key] != nil else { throw .missing(Name.key) }
        guard data[Name.certificate] != nil else { throw .missing(Name.certificate) }
        guard let metadata = object["metadata"], let version = metadata["resourceVersion"]?.string else {
            throw .missing("metadata.resourceVersion")
        }
        self.data = data
        self.version = version
        certificates = try Self.certificates(Name.certificate, data)
        var roots = certificates.filter(\.isSelfIssued)
        for name in [Name.roots, Name.rotation] where data[name] != nil { roots += try Self.certificates(name, data) }
        do throws(IdentityError) { bundle = try TrustBundle(roots) } catch { throw .entry(Name.certificate, error) }
        // As `RootRotation.phase` of a directory.
        phase = data[Name.nextKey] != nil ? .distributing : data[Name.rotation] != nil ? .retiring : .stable
        let annotations = metadata["annotations"]
        since = annotations?[Self.since]?.string.flatMap { UnixTime(rfc3339: $0) }
        isRequested = annotations?[Self.request] != nil
    }

    /// What the schedule has to know.
    ///
    /// - Parameters:
    ///   - signer: the certificate that signs in this process.
    ///   - served: the bundle that goes out with certificates of this process.
    ///   - isPublished: whether the objects that name the roots say `served`.
    package func state(signer: Certificate, served: TrustBundle, isPublished: Bool) -> RotationSchedule.State {
        RotationSchedule.State(
            phase: phase, since: since,
            isServed: signer == certificates[0] && Set(served.authorities) == Set(bundle.authorities),
            isPublished: isPublished, isRequested: isRequested, isRoot: certificates[0].isSelfIssued,
            notBefore: certificates[0].notBefore, notAfter: certificates[0].notAfter)
    }

    // MARK: - Steps

    /// The patch that puts a new root beside the one that signs.
    ///
    /// - Throws: `.entry` when OpenSSL fails.
    package func beginning(
        with root: (certificate: Certificate, key: PrivateKey)
    ) throws(AuthoritySecretError) -> [UInt8] {
        do throws(IdentityError) {
            let text = try root.certificate.pem()
            let roots = try bundle.pem() + text
            let key = try root.key.withPEM { (pem) throws(IdentityError) in
                String(decoding: pem)
            }
            return patch(annotations: [Self.request: nil, Self.since: nil]) { json in
                json.name("stringData")
                json.object { json in
                    json.member(Name.nextCertificate, String(decoding: text, as: UTF8.self))
                    json.member(Name.rotation, String(decoding: roots, as: UTF8.self))
                    json.member(Name.nextKey, key)
                }
            }
        } catch {
            throw .entry(Name.nextKey, error)
        }
    }

    /// The patch that writes down when the change of the phase had arrived; nil for not yet.
    package func stamping(_ now: UnixTime?) -> [UInt8] {
        patch(annotations: [Self.since: now?.description]) { _ in }
    }

    /// The patch that lets the new root sign.
    ///
    /// - Throws: `.missing` and `.entry` when what is there is no CA that could sign and be trusted by all: then nothing is
    ///   changed.
    package func switching(trustDomain: TrustDomain, now: UnixTime) throws(AuthoritySecretError) -> [UInt8] {
        let next = try Self.certificates(Name.nextCertificate, data)
        var pem = try Self.entry(Name.nextKey, data)
        defer { FileAccess.wipe(&pem) }
        do throws(IdentityError) {
            let key = try PrivateKey(pem: pem.span)
            let made = try CertificateAuthority(trustDomain: trustDomain, certificates: next, key: key, now: now)
            guard made.bundle.authorities.allSatisfy(bundle.authorities.contains) else { throw .chain }
        } catch {
            throw .entry(Name.nextCertificate, error)
        }
        return patch(annotations: [Self.since: nil]) { json in
            json.name("data")
            json.object { json in
                for (from, to) in [(Name.nextCertificate, Name.certificate), (Name.nextKey, Name.key)] {
                    json.member(to, data[from]?.string ?? "")
                    json.name(from)
                    json.null()
                }
            }
        }
    }

    /// The patch that takes the old root out of the bundle.
    package func finishing() -> [UInt8] {
        patch(annotations: [Self.since: nil]) { json in
            json.name("data")
            json.object { json in
                json.name(Name.rotation)
                json.null()
            }
        }
    }

    private func patch(annotations: KeyValuePairs<String, String?>, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.name("metadata")
            json.object { json in
                // On top of what was read: a write that comes late, or second, is refused.
                json.member("resourceVersion", version)
                json.name("annotations")
                json.object { json in
                    for (name, value) in annotations {
                        if let value {
                            json.member(name, value)
                        } else {
                            json.name(name)
                            json.null()
                        }
                    }
                }
            }
            body(&json)
        }
        return json.bytes
    }

    // MARK: - Entries

    private static func certificates(
        _ name: String, _ data: YAMLNode
    ) throws(AuthoritySecretError) -> [Certificate] {
        let pem = try entry(name, data)
        do throws(IdentityError) { return try Certificate.parse(pem: pem.span) } catch { throw .entry(name, error) }
    }

    private static func entry(_ name: String, _ data: YAMLNode) throws(AuthoritySecretError) -> [UInt8] {
        guard let text = data[name]?.string else { throw .missing(name) }
        guard let octets = Base64.decode(text) else { throw .base64(name) }
        return octets
    }
}
