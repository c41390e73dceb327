// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import LinuxIO
internal import TLS

/// Where the API server is, how it is known, and how we prove who we are.
///
/// What is in files is read again for every connection (CA, certificate) or request (token), because the kubelet and
/// administrators replace them.
package struct ClusterCredentials: Sendable {
    /// Octets that are in a file, or at hand.
    enum Source: Sendable {
        case file(String)
        case data([UInt8])

        func read(limit: Int) throws(SystemError) -> [UInt8] {
            switch self {
            case .file(let path): try FileSystem.contents(of: path, limit: limit)
            case .data(let octets): octets
            }
        }
    }

    /// The host to connect to.
    let host: String
    /// Its port.
    let port: UInt16
    /// What stands before every path, without a slash at its end; empty for most servers.
    let pathPrefix: String
    /// What the server's certificate must be for.
    let serverName: ServerName
    /// CA certificates, PEM.
    let authorities: Source
    /// Client certificate and key, PEM.
    var identity: (certificate: Source, key: Source)?
    /// The bearer token.
    var token: Source?
    /// The namespace that commands mean when they are told none.
    package var namespace = "default"

    /// The longest token that is read, in octets; projected tokens take about one KiB.
    private static let maximumTokenLength = 16_384

    init(server: ServerAddress, serverName: ServerName, authorities: Source) {
        host = server.host
        port = server.port
        pathPrefix = server.pathPrefix
        self.serverName = serverName
        self.authorities = authorities
    }

    /// `host:port`, for `:authority` and for log lines.
    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The token for a request; nil when there is none to send.
    ///
    /// - Throws: `.credentials(.token)` when it cannot be read or is none.
    func readToken() throws(KubernetesError) -> String? {
        guard let token else { return nil }
        let octets: [UInt8]
        do throws(SystemError) {
            octets = try token.read(limit: Self.maximumTokenLength + 1)
        } catch {
            throw .credentials(.token)
        }
        guard octets.count <= Self.maximumTokenLength else { throw .credentials(.token) }
        func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x0A || octet == 0x0D || octet == 0x09 }
        let text = octets.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        guard !text.isEmpty, text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .credentials(.token) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The context for a new connection.
    ///
    /// - Throws: `.credentials` when CA, certificate or key cannot be used.
    func makeContext() throws(KubernetesError) -> TLSContext {
        let roots = try Self.certificates(authorities, or: .authority)
        guard let identity else {
            do throws(TLSError) {
                return try TLSContext(server: serverName, authorities: roots)
            } catch {
                throw .credentials(.authority)
            }
        }
        let chain = try Self.certificates(identity.certificate, or: .certificate)
        let pem = try Self.octets(identity.key, limit: PrivateKey.maximumPEMLength, or: .certificate)
        let key: PrivateKey
        do throws(IdentityError) {
            key = try PrivateKey(pem: pem.span)
        } catch {
            throw .credentials(.certificate)
        }
        guard let leaf = chain.first, key.matches(leaf) else { throw .credentials(.certificate) }
        do throws(TLSError) {
            return try TLSContext(server: serverName, authorities: roots, chain: chain, key: key)
        } catch {
            throw .credentials(.certificate)
        }
    }

    private static func octets(
        _ source: Source, limit: Int, or problem: KubernetesError.Credential
    ) throws(KubernetesError) -> [UInt8] {
        do throws(SystemError) {
            return try source.read(limit: limit)
        } catch {
            throw .credentials(problem)
        }
    }

    private static func certificates(
        _ source: Source, or problem: KubernetesError.Credential
    ) throws(KubernetesError) -> [Certificate] {
        let pem = try octets(source, limit: Certificate.maximumPEMLength, or: problem)
        do throws(IdentityError) {
            return try Certificate.parse(pem: pem.span)
        } catch {
            throw .credentials(problem)
        }
    }
}

/// The address of an API server as a kubeconfig has it: `https://HOST[:PORT][/PREFIX]`.
struct ServerAddress {
    let host: String
    let port: UInt16
    let pathPrefix: String

    /// Reads the URL; nil when it is none, or not of HTTPS.
    init?(_ text: String) {
        guard text.hasPrefix("https://") else { return nil }
        let rest = text.dropFirst(8)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
        else { return nil }
        pathPrefix = path
        var place = rest[..<slash]
        guard !place.contains("@") else { return nil }
        if place.first == "[" {
            guard let end = place.firstIndex(of: "]") else { return nil }
            host = String(place[place.index(after: place.startIndex)..<end])
            place = place[place.index(after: end)...]
            guard place.isEmpty || place.first == ":" else { return nil }
            place = place.dropFirst()
        } else if let colon = place.lastIndex(of: ":") {
            host = String(place[..<colon])
            place = place[place.index(after: colon)...]
        } else {
            host = String(place)
            place = ""
        }
        guard ServerName(host) != nil else { return nil }
        if place.isEmpty {
            port = 443
        } else {
            guard place.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(place), number > 0 else {
                return nil
            }
            port = number
        }
    }
}
