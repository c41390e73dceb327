// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
internal import LinuxIO
package import Manifest
internal import Synchronization

/// Tokens and pods from a file: for one machine, and for tests (docs/identity.md has the format).
///
/// The file is looked at before it is used, at most once a second, and read again when it is another one; while it cannot
/// be read, the last good tables serve.
///
/// ## Concurrency model
/// The tables are guarded by a mutex; the file is read outside of it. Two threads may read it at once, to the same end.
package final class StaticTokens: TokenReviewer, PodPlacement {
    /// The largest file that is read, in octets.
    package static let maximumFileLength = 4 << 20
    /// The shortest token that is taken: 16 random octets in base64.
    package static let shortestToken = 22

    fileprivate struct Token: Sendable {
        let caller: Caller
        let audiences: [String]
        let expiry: UnixTime
    }

    struct Tables: Sendable {
        fileprivate var tokens: [String: Token] = [:]
        fileprivate var pods: [ServiceAccountName: Set<String>] = [:]

        var tokenCount: Int { tokens.count }
        var podCount: Int { pods.values.reduce(0) { $0 + $1.count } }
    }

    private struct Watched: Sendable {
        var status: FileSystem.Status?
        var nextLook: UnixTime
    }

    private let path: String
    private let tables = Lock(Tables())
    private let watched: Lock<Watched>
    private let clock: @Sendable () -> UnixTime
    private let report: @Sendable (StaticTokensError?) -> Void

    /// Reads the file at `path`, which must be closed to others (mode 0600) because it holds secrets.
    ///
    /// - Parameter report: told when the file was read again, or why it could not be.
    /// - Throws: what is wrong with it.
    package init(
        path: String, clock: @escaping @Sendable () -> UnixTime = { .now() },
        report: @escaping @Sendable (StaticTokensError?) -> Void = { _ in }
    ) throws(StaticTokensError) {
        self.path = path
        self.clock = clock
        self.report = report
        watched = Lock(Watched(status: Self.status(of: path), nextLook: clock().advanced(bySeconds: 1)))
        try reload()
    }

    private func follow() {
        let now = clock()
        let isTime = watched.withLock { watched in
            guard watched.nextLook <= now else { return false }
            watched.nextLook = now.advanced(bySeconds: 1)
            return true
        }
        guard isTime else { return }
        let status = Self.status(of: path)
        let isOther = watched.withLock { watched in
            defer { watched.status = status }
            return watched.status != status
        }
        guard isOther else { return }
        do throws(StaticTokensError) {
            try reload()
            report(nil)
        } catch {
            report(error)
        }
    }

    private static func status(of path: String) -> FileSystem.Status? {
        do throws(SystemError) { return try FileSystem.status(of: path) } catch { return nil }
    }

    private func reload() throws(StaticTokensError) {
        let bytes: [UInt8]?
        do throws(IdentityError) {
            bytes = try FileAccess.read(path, as: .tokens, limit: Self.maximumFileLength, isSecret: true)
        } catch {
            throw .file(error)
        }
        guard let bytes else { throw .missing }
        let new = try Self.parse(bytes)
        tables.withLock { $0 = new }
    }

    /// Tokens known.
    package var tokenCount: Int { tables.withLock { $0.tokenCount } }

    package func review(
        _ token: BearerToken, audiences: [String], answer: @escaping @Sendable (Result<Caller, TokenRefusal>) -> Void
    ) {
        follow()
        // Looking up goes by a hash with a secret seed, so its time tells nothing of the tokens.
        guard let known = tables.withLock({ $0.tokens[token.text] }) else { return answer(.failure(.unknown)) }
        guard known.expiry > clock() else { return answer(.failure(.expired)) }
        guard known.audiences.contains(where: audiences.contains) else { return answer(.failure(.wrongAudience)) }
        answer(.success(known.caller))
    }

    package func runsPod(of account: ServiceAccountName, onNode node: String) -> Bool {
        follow()
        return tables.withLock { $0.pods[account]?.contains(node) ?? false }
    }

    // MARK: - The format

    static func parse(_ bytes: [UInt8]) throws(StaticTokensError) -> Tables {
        var limits = YAMLLimits()
        limits.fileBytes = maximumFileLength
        let documents: [YAMLDocument]
        do throws(ManifestError) {
            documents = try YAMLDocument.parse(bytes, limits: limits)
        } catch {
            throw .syntax(error)
        }
        var tables = Tables()
        for document in documents {
            for (key, value) in document.root.entries {
                switch key.text {
                case "tokens": for entry in value.elements { try read(token: entry, into: &tables) }
                case "pods": for entry in value.elements { try read(pod: entry, into: &tables) }
                default: throw .unknownField(line: key.position.line, String(key.text.prefix(64)))
                }
            }
        }
        return tables
    }

    private static func read(token entry: YAMLNode, into tables: inout Tables) throws(StaticTokensError) {
        let known = [
            "token", "namespace", "serviceAccount", "pod", "node", "audiences", "expires",
        ]
        try checkFields(entry, known)
        let line = entry.position.line
        let account = try account(entry)
        guard let text = entry["token"]?.text, text.utf8.count >= shortestToken,
            let token = BearerToken(token: Array(text.utf8).span)
        else { throw .field(line: line, "token", "at least \(shortestToken) characters of a bearer token") }
        guard let time = entry["expires"]?.text, let expiry = UnixTime(rfc3339: time) else {
            throw .field(line: line, "expires", "a time like 2027-01-31T12:00:00Z")
        }
        let audiences = entry["audiences"].map { $0.elements.map(\.text) } ?? []
        guard !audiences.isEmpty else { throw .field(line: line, "audiences", "at least one audience") }
        let caller = Caller(account: account, pod: entry["pod"]?.text ?? "", node: entry["node"]?.text ?? "")
        guard tables.tokens[token.text] == nil else { throw .field(line: line, "token", "a token of its own") }
        tables.tokens[token.text] = Token(caller: caller, audiences: audiences, expiry: expiry)
    }

    private static func read(pod entry: YAMLNode, into tables: inout Tables) throws(StaticTokensError) {
        try checkFields(entry, ["name", "namespace", "serviceAccount", "node"])
        guard let node = entry["node"]?.text, !node.isEmpty else {
            throw .field(line: entry.position.line, "node", "the name of a node")
        }
        tables.pods[try account(entry), default: []].insert(node)
    }

    private static func account(_ entry: YAMLNode) throws(StaticTokensError) -> ServiceAccountName {
        guard let namespace = entry["namespace"]?.text, !namespace.isEmpty, let name = entry["serviceAccount"]?.text,
            !name.isEmpty
        else { throw .field(line: entry.position.line, "namespace, serviceAccount", "a service account") }
        return ServiceAccountName(namespace: namespace, name: name)
    }

    private static func checkFields(_ entry: YAMLNode, _ known: [String]) throws(StaticTokensError) {
        for (key, _) in entry.entries where !known.contains(key.text) {
            throw .unknownField(line: key.position.line, String(key.text.prefix(64)))
        }
    }
}

/// What is wrong with a file of tokens; never names a token.
package enum StaticTokensError: Error, CustomStringConvertible {
    /// It cannot be read, or others can.
    case file(IdentityError)
    /// There is none.
    case missing
    /// It is no YAML or JSON.
    case syntax(ManifestError)
    /// A field has no meaning there.
    case unknownField(line: UInt32, String)
    /// A field is missing, or is something else than it must be.
    case field(line: UInt32, String, String)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .missing: "token file does not exist"
        case .syntax(let error): error.description
        case .unknownField(let line, let name): "line \(line): unknown field \"\(name)\""
        case .field(let line, let name, let expected): "line \(line): \(name) must be \(expected)"
        }
    }
}
